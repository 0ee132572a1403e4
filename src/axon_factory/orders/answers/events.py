"""What has happened to an order in answers: log entries, CloudEvents 1.0, stages with times."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from axon_factory.db import tables
from axon_factory.domain.answers import AnswerModel, Column, Count, OrderNumber, Timestamp
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import timestamp
from axon_factory.orders.answers.shared import (
    EXAMPLE_ID,
    EXAMPLE_NUMBER,
    STAFF,
    Attempt,
    OrderId,
    actor_name,
)
from axon_factory.orders.history import StageTimes

__all__ = [
    "EVENT_BATCH",
    "AccountEventPage",
    "EventPage",
    "History",
    "Log",
    "LogPage",
    "cloud_event",
    "events_page",
    "history_document",
    "log_entry",
]

_STATE_FACTS = ("estado_anterior", "estado_nuevo")
_EXAMPLE_STAGE = {
    "ordinal": 1,
    "intento": 1,
    "estado": "nuevo",
    "actor": "key:k7m2q9x4w8t3",
    "agente": "ventas",
    "entrada_at": "2025-11-14T10:00:00Z",
    "salida_at": "2025-11-14T10:05:00Z",
    "duracion_segundos": 300.0,
    "abierta": False,
}
_EXAMPLE_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": f"{EXAMPLE_ID}:2",
    "source": "/api/orders",
    "type": "axon.orden.estado_cambiado",
    "subject": EXAMPLE_NUMBER,
    "time": "2025-11-14T10:05:00Z",
    "sequence": "0000000002",
    "datacontenttype": "application/json",
    "data": {
        "order_id": EXAMPLE_ID,
        "intento": 1,
        "estado_anterior": "nuevo",
        "estado_nuevo": "planificacion",
        "timestamp": "2025-11-14T10:05:00Z",
        "agente": "Super Axon Agent",
        "mensaje": "Orden recibida, iniciando planificación",
        "tipo": "info",
        "seq": 2,
        "recibido_at": "2025-11-14T10:05:00Z",
    },
}
Seconds = dict[OrderState, float]


class Log(AnswerModel):
    """Una entrada del historial de la orden (§2.1)."""

    EXAMPLE: ClassVar = {
        "timestamp": "2025-11-14T10:30:00Z",
        "agente": "Builder Agent",
        "mensaje": "Proyecto base creado desde template autopilot_base",
        "tipo": "info",
        "seq": 3,
        "recibido_at": "2025-11-14T10:30:01Z",
    }

    timestamp: Annotated[Timestamp, Column("occurred_at")]
    agente: str = Field(description="Quién lo dice, como se presentó.")
    mensaje: str = Field(description="Qué pasó, en una frase.")
    tipo: LogLevel
    seq: int = Field(ge=1, description="Lugar en el historial; `after` continúa desde aquí.")
    recibido_at: Annotated[Timestamp, Column("received_at")] = Field(
        description="Cuándo lo recibió el servidor."
    )
    actor: Annotated[str, STAFF] = Field(
        description="Quién lo dijo, ya autenticado: `user:…`, `key:…`, `token:…`, `sesion:…` o "
        "`worker`; solo para el equipo.",
    )
    metadata: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="Datos adicionales de la entrada."
    )


class LogPage(AnswerModel):
    """Hasta 200 entradas del historial, en orden ascendente."""

    EXAMPLE: ClassVar = {"order_id": EXAMPLE_ID, "count": 1, "next_after": 3, "logs": [Log.EXAMPLE]}

    order_id: Annotated[OrderId, Column("id")]
    count: Count = Field(description="Cuántas entradas trae esta respuesta.")
    next_after: int = Field(ge=0, description="El `after` con el que continúa la lectura.")
    logs: list[Log] = Field(description="Las entradas con `seq` mayor que `after`.")


class EventData(Log):
    """La entrada del historial, y los estados si el evento los cambió."""

    order_id: OrderId
    intento: Attempt
    estado_anterior: OrderState | None = Field(default=None, description="Estado que dejó.")
    estado_nuevo: OrderState | None = Field(default=None, description="Estado al que pasó.")


class OrderEvent(AnswerModel):
    """Un evento en su sobre CloudEvents 1.0."""

    specversion: Literal["1.0"] = Field(description="Versión de CloudEvents.")
    id: str = Field(description="Único con `source`.")
    source: str = Field(description="Siempre `/api/orders`.")
    type: str = Field(description="Qué pasó; nombre estable, por ejemplo `axon.plan.aprobado`.")
    subject: OrderNumber
    time: Annotated[Timestamp, Column("occurred_at")] = Field(
        description="Cuándo ocurrió, según quien lo dice."
    )
    sequence: str = Field(pattern=r"^\d{10}$", description="Orden entre los de esta orden.")
    datacontenttype: Literal["application/json"] = Field(description="Siempre JSON.")
    data: EventData


class EventPage(AnswerModel):
    """Los eventos de una orden, en orden."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "count": 1,
        "next_after": 2,
        "events": [_EXAMPLE_EVENT],
    }

    order_id: Annotated[OrderId, Column("id")]
    count: Count = Field(description="Cuántos trae esta respuesta.")
    next_after: int = Field(ge=0, description="El `after` con el que continúa la lectura.")
    events: list[OrderEvent] = Field(description="Los eventos posteriores a `after`.")


class AccountEventPage(AnswerModel):
    """Los eventos de todas las órdenes, en el orden en que se guardaron."""

    EXAMPLE: ClassVar = {
        "count": 1,
        "next_after": "AAAAAAAAACqV2nXo1vT3Ew",
        "hay_mas": False,
        "events": [_EXAMPLE_EVENT],
    }

    count: Count = Field(description="Cuántos trae esta respuesta.")
    next_after: str | None = Field(
        description="El `after` con el que continúa la lectura, también si no vino ninguno; null "
        "mientras no ha ocurrido nada."
    )
    hay_mas: bool = Field(
        description="Hay más por leer ahora. Con filtros, una página puede venir vacía y haber más."
    )
    events: list[OrderEvent] = Field(description="Los eventos posteriores a `after`.")


EVENT_BATCH: dict[str, Any] = {
    "schema": {"type": "array", "items": {"$ref": "#/components/schemas/OrderEvent"}},
    "example": [_EXAMPLE_EVENT],
}
"""The same events without the page around them (CloudEvents' JSON batch format)."""


class Stage(AnswerModel):
    """Una entrada en un estado."""

    ordinal: int = Field(ge=1, description="Lugar en la historia de la orden.")
    intento: Annotated[Attempt, Column("attempt")]
    estado: Annotated[OrderState, Column("state")]
    actor: str = Field(
        description="Quién llevó la orden a este estado; para el equipo, su id autenticado."
    )
    agente: Annotated[str, Column("agent")] = Field(description="Su nombre.")
    entrada_at: Annotated[Timestamp, Column("entered_at")]
    salida_at: Annotated[Timestamp | None, Column("left_at")] = Field(
        description="null mientras la orden está en la etapa."
    )
    duracion_segundos: Annotated[float | None, Column("seconds")] = Field(
        ge=0, description="Hasta ahora si está abierta; null en un estado final."
    )
    abierta: Annotated[bool, Column("is_open")] = Field(
        description="La orden está en esta etapa y saldrá de ella."
    )


class AttemptTimes(AnswerModel):
    """Los tiempos de un intento."""

    intento: Attempt
    entrada_at: Timestamp
    salida_at: Timestamp | None = Field(description="null mientras dura.")
    duracion_segundos: float = Field(ge=0, description="Suma de sus etapas.")
    totales_segundos: Seconds = Field(description="Segundos en cada estado.")


class History(AnswerModel):
    """Las etapas de una orden, con sus tiempos por intento."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "estado": "planificacion",
        "intento": 1,
        "etapas": [
            _EXAMPLE_STAGE,
            {
                **_EXAMPLE_STAGE,
                "ordinal": 2,
                "estado": "planificacion",
                "actor": "worker",
                "agente": "Super Axon Agent",
                "entrada_at": "2025-11-14T10:05:00Z",
                "salida_at": None,
                "duracion_segundos": 60.5,
                "abierta": True,
            },
        ],
        "intentos": [
            {
                "intento": 1,
                "entrada_at": "2025-11-14T10:00:00Z",
                "salida_at": None,
                "duracion_segundos": 360.5,
                "totales_segundos": {"nuevo": 300.0, "planificacion": 60.5},
            }
        ],
        "totales_segundos": {"nuevo": 300.0, "planificacion": 60.5},
    }

    order_id: Annotated[OrderId, Column("id")]
    order_number: OrderNumber
    estado: OrderState
    intento: Attempt
    etapas: list[Stage] = Field(description="Todas, de la más antigua a la última.")
    intentos: list[AttemptTimes] = Field(description="Los tiempos de cada intento.")
    totales_segundos: Seconds = Field(description="Segundos en cada estado, de todos los intentos.")


def log_entry(event: tables.OrderEvent, principal: Principal) -> dict[str, Any]:
    """Return one entry of `logs` (design §2.1), with the server's own facts beside it.

    Staff also read `actor`, the id of the authenticated author of what `agente` says.
    """
    facts: dict[str, Any] = {"agente": actor_name(event.agente, event.actor, principal)}
    if event.details:
        facts["metadata"] = event.details
    return Log.of(event, principal.grant, **facts)


def cloud_event(
    order_number: str, event: tables.OrderEvent, principal: Principal
) -> dict[str, Any]:
    """Return an event in its CloudEvents 1.0 envelope; `data` is its log entry and states.

    `sequence` (the extension of that name) is padded, because it is compared as text.
    """
    # Metadata of an agent's entry is the agent's own, whatever its keys are called.
    facts = {} if event.kind == EventKind.REGISTRO else event.details
    states = {name: facts[name] for name in _STATE_FACTS if name in facts}
    return OrderEvent.of(
        event,
        specversion="1.0",
        id=f"{event.order_id}:{event.seq}",
        source="/api/orders",
        type=f"axon.{event.kind}",
        subject=order_number,
        sequence=f"{event.seq:010d}",
        datacontenttype="application/json",
        data={
            "order_id": str(event.order_id),
            "intento": event.intento,
            **states,
            **log_entry(event, principal),
        },
    )


def events_page(
    order_id: UUID,
    order_number: str,
    found: Sequence[tables.OrderEvent],
    principal: Principal,
    *,
    after: int,
    limit: int,
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the page of an order's events that follow `after`, and its header fields."""
    next_after = found[-1].seq if found else after
    page = {
        "order_id": str(order_id),
        "count": len(found),
        "next_after": next_after,
        "events": [cloud_event(order_number, event, principal) for event in found],
    }
    target = f"/api/orders/{order_id}/events?after={next_after}&limit={limit}"
    return page, {"Vary": "Accept", "Link": f'<{target}>; rel="next"'}


def history_document(order: tables.Order, stages: Sequence[StageTimes]) -> dict[str, Any]:
    """Return the answer of GET /history: every stage, every attempt, totals a state in seconds."""
    return History.of(
        order,
        etapas=[Stage.of(stage) for stage in stages],
        intentos=[
            _attempt(attempt, list(group))
            for attempt, group in groupby(stages, key=lambda stage: stage.attempt)
        ],
        totales_segundos=_totals(stages),
    )


def _attempt(attempt: int, stages: Sequence[StageTimes]) -> dict[str, Any]:
    totals = _totals(stages)
    return AttemptTimes.of(
        None,
        intento=attempt,
        entrada_at=timestamp(stages[0].entered_at),
        salida_at=timestamp(stages[-1].left_at),
        duracion_segundos=round(sum(totals.values()), 3),
        totales_segundos=totals,
    )


def _totals(stages: Iterable[StageTimes]) -> dict[str, float]:
    totals: dict[str, float] = defaultdict(float)
    for stage in stages:
        if stage.seconds is not None:
            totals[stage.state.value] += stage.seconds
    return {state: round(seconds, 3) for state, seconds in totals.items()}
