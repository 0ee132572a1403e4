"""The answer to a probe."""

from typing import ClassVar, Literal

from pydantic import Field

from axon_factory.api.schemas.base import AnswerModel, Count

__all__ = ["Health"]


class Health(AnswerModel):
    """El servicio y su base de datos responden."""

    EXAMPLE: ClassVar = {
        "status": "ok",
        "version": "0.1.0",
        "productos_caidos": 0,
        "productos_sin_vigilar": 0,
    }

    status: Literal["ok"] = Field(description="Siempre `ok`; si no, la respuesta es un 503.")
    version: str = Field(description="Versión del programa.")
    productos_caidos: Count = Field(
        description="Productos entregados que no marchan; `GET /api/line` los nombra."
    )
    productos_sin_vigilar: Count = Field(
        description="Productos entregados de los que ningún trabajador da noticia desde hace un "
        "minuto."
    )
