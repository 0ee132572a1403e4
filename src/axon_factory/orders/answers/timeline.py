"""The times of one order in answers: spans of work and of waiting, and who has the turn."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, Column, Count, OrderNumber, Timestamp
from axon_factory.domain.states import OrderState
from axon_factory.orders.answers.board import DateRange
from axon_factory.orders.answers.shared import EXAMPLE_ID, EXAMPLE_NUMBER, Attempt, OrderId

__all__ = ["SpanState", "Timeline", "TimelineSpan", "TimelineStage", "TimelineStep", "Turn", "Who"]


class SpanState(StrEnum):
    """How a part of an order's life went (`estado` of a span)."""

    HECHO = "hecho"
    FALLO = "fallo"
    ESPERA = "espera"
    EN_CURSO = "en_curso"


class Who(StrEnum):
    """Who has, or had, the turn (`quien`)."""

    LINEA = "linea"
    AGENTE = "agente"
    PERSONA = "persona"
    CLIENTE = "cliente"
    MAQUINA = "maquina"
    NADIE = "nadie"


class TimelineStep(AnswerModel):
    """Un paso de la línea dentro de un tramo."""

    paso: str = Field(description="Nombre estable del paso, por ejemplo `construir:base`.")
    titulo: str = Field(description="Qué hace, en palabras.")
    desde: Timestamp = Field(description="Cuándo empezó por última vez.")
    hasta: Timestamp | None = Field(description="Cuándo terminó; null si no.")
    estado: Literal["hecho", "fallo", "en_curso", "interrumpido"] = Field(
        description="`interrumpido`: la orden siguió sin que terminara."
    )
    veces: int = Field(ge=1, description="Cuántas veces se empezó.")
    error: str | None = Field(description="Qué dijo al fallar; null si no falló.")


class TimelineSpan(AnswerModel):
    """Un tramo: trabajo, o una espera, dentro de una etapa y un intento."""

    etapa: OrderState
    intento: Attempt
    desde: Timestamp
    hasta: Timestamp | None = Field(description="null si sigue.")
    segundos: float = Field(ge=0, description="Cuánto dura o lleva.")
    estado: SpanState
    quien: Who
    nombre: str = Field(description="Su nombre: un agente, una persona, el cliente, la línea.")
    titulo: str = Field(description="Qué pasó, en pocas palabras.")
    detalle: str | None = Field(description="La causa o el motivo, como quedó escrito.")
    pasos: list[TimelineStep] = Field(description="Los pasos de la línea que empezaron en él.")


class TimelineStage(AnswerModel):
    """Una parada del camino de la orden."""

    estado: OrderState
    nombre: str = Field(description="Cómo se llama.")
    situacion: Literal["hecho", "en_curso", "espera", "fallo", "pendiente", "omitido"] = Field(
        description="Cómo está; `omitido`: la orden se canceló sin llegar a ella."
    )
    desde: Timestamp | None = Field(description="Primera entrada; null si no ha llegado.")
    hasta: Timestamp | None = Field(description="Última salida; null si no ha salido.")
    segundos: float = Field(ge=0, description="Tiempo en ella, de todas las veces.")
    veces: Count = Field(description="Cuántas veces entró.")


class Turn(AnswerModel):
    """A quién le toca ahora."""

    quien: Who
    nombre: str | None = Field(description="Su nombre; null si a nadie.")
    frase: str = Field(description="A quién le toca y qué hace, en una frase.")
    desde: Timestamp | None = Field(description="Desde cuándo.")
    senal_at: Timestamp | None = Field(description="Última señal de vida del agente.")


_EXAMPLE_SPAN: dict[str, Any] = {
    "etapa": "construccion",
    "intento": 1,
    "desde": "2025-11-14T10:30:00Z",
    "hasta": None,
    "segundos": 3600.0,
    "estado": "en_curso",
    "quien": "agente",
    "nombre": "Builder Agent",
    "titulo": "Scaffolding",
    "detalle": None,
    "pasos": [
        {
            "paso": "construir:scaffolding",
            "titulo": "Construye «Scaffolding»",
            "desde": "2025-11-14T10:30:00Z",
            "hasta": "2025-11-14T11:00:00Z",
            "estado": "hecho",
            "veces": 1,
            "error": None,
        }
    ],
}


class Timeline(AnswerModel):
    """El camino de una orden: paradas, tramos, y a quién le toca."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "estado": "construccion",
        "intento": 1,
        "ahora": "2025-11-14T11:30:00Z",
        "total_segundos": 5400.0,
        "trabajo_segundos": 3600.0,
        "estimado": {"desde": "2025-11-15T02:20:00Z", "hasta": "2025-11-15T10:20:00Z"},
        "en_riesgo": False,
        "turno": {
            "quien": "agente",
            "nombre": "Builder Agent",
            "frase": "Le toca a Builder Agent: construye el producto",
            "desde": "2025-11-14T10:30:00Z",
            "senal_at": "2025-11-14T11:29:57Z",
        },
        "paradas": [
            {
                "estado": "construccion",
                "nombre": "Construcción",
                "situacion": "en_curso",
                "desde": "2025-11-14T10:30:00Z",
                "hasta": None,
                "segundos": 3600.0,
                "veces": 1,
            }
        ],
        "tramos": [_EXAMPLE_SPAN],
    }

    order_id: Annotated[OrderId, Column("id")]
    order_number: OrderNumber
    estado: OrderState
    intento: Attempt
    ahora: Timestamp = Field(description="La hora de la respuesta; hasta ella llega lo que sigue.")
    total_segundos: float = Field(ge=0, description="Desde que se creó hasta ahora o su final.")
    trabajo_segundos: float = Field(ge=0, description="De ese tiempo, sin las esperas.")
    estimado: DateRange | None = Field(
        description="Cuándo se entregaría si sigue ahora, al ritmo medido, a 10 minutos; null si "
        "no está en la línea."
    )
    en_riesgo: bool = Field(description="Ni a buen ritmo llega a lo prometido, o ya se pasó.")
    turno: Turn
    paradas: list[TimelineStage] = Field(description="Las seis, en el orden de la línea.")
    tramos: list[TimelineSpan] = Field(
        description="Del más antiguo al último; los de una misma etapa e intento no se solapan."
    )
