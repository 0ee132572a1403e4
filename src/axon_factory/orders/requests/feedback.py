"""The bodies with which a client says what is wrong, and how satisfied they are."""

from typing import ClassVar

from pydantic import Field

from axon_factory.domain.requests import RequestModel
from axon_factory.orders.requests.values import LongText, Notes

__all__ = ["OrderRatingRequest", "ProblemReport"]


class ProblemReport(RequestModel):
    """Un problema con lo entregado, o con la orden."""

    EXAMPLE: ClassVar = {"descripcion": "El bot no contesta desde ayer por la tarde."}

    descripcion: LongText = Field(description="Qué pasa, desde cuándo y qué se esperaba.")


class OrderRatingRequest(RequestModel):
    """La calificación de lo entregado."""

    EXAMPLE: ClassVar = {"calificacion": 5, "comentario": "Rápido y claro."}

    calificacion: int = Field(ge=1, le=5, description="De 1 (mala) a 5 (excelente).")
    comentario: Notes = Field(default="", max_length=2000, description="Lo que se quiera añadir.")
