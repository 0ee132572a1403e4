"""Answers about what happened to an order: stages, events, and an order that was only tried."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from axon_factory.api.schemas.base import AnswerModel, Count, OrderNumber, Timestamp
from axon_factory.api.schemas.examples import EXAMPLE_ID, EXAMPLE_NUMBER
from axon_factory.api.schemas.orders import Attempt, ConstructionPlan, Log, Message, OrderId
from axon_factory.domain.building import Priority
from axon_factory.domain.states import OrderState

__all__ = ["EVENT_BATCH", "AccountEventPage", "EventPage", "History", "OrderPreview"]

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


class Stage(AnswerModel):
    """Una entrada en un estado."""

    ordinal: int = Field(ge=1, description="Lugar en la historia de la orden.")
    intento: Attempt
    estado: OrderState
    actor: str = Field(
        description="Quién llevó la orden a este estado; para el equipo, su id autenticado."
    )
    agente: str = Field(description="Su nombre.")
    entrada_at: Timestamp
    salida_at: Timestamp | None = Field(description="null mientras la orden está en la etapa.")
    duracion_segundos: float | None = Field(
        ge=0, description="Hasta ahora si está abierta; null en un estado final."
    )
    abierta: bool = Field(description="La orden está en esta etapa y saldrá de ella.")


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

    order_id: OrderId
    order_number: OrderNumber
    estado: OrderState
    intento: Attempt
    etapas: list[Stage] = Field(description="Todas, de la más antigua a la última.")
    intentos: list[AttemptTimes] = Field(description="Los tiempos de cada intento.")
    totales_segundos: Seconds = Field(description="Segundos en cada estado, de todos los intentos.")


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
    time: Timestamp = Field(description="Cuándo ocurrió, según quien lo dice.")
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

    order_id: OrderId
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


class Estimate(AnswerModel):
    """En cuánto tiempo estará construida, desde que se apruebe su plan."""

    texto: str = Field(description="Para personas: `14-22 horas`.")
    horas_minimo: float = Field(ge=0, description="Límite inferior, en horas.")
    horas_maximo: float = Field(ge=0, description="Límite superior, en horas.")
    base: Literal["catalogo", "historial"] = Field(
        description="`historial` cuando hay entregas suficientes de este tipo."
    )
    ordenes_medidas: Count = Field(description="Entregas medidas; 0 con base `catalogo`.")


class OrderPreview(AnswerModel):
    """Lo que la orden sería; no se ha guardado nada."""

    EXAMPLE: ClassVar = {
        "dry_run": True,
        "tipo_producto": "webhook_service",
        "nombre_producto": "Avisos",
        "prioridad": "normal",
        "precio": "1500.00",
        "moneda": "USD",
        "plan": {
            "stack_tecnologico": ["FastAPI", "Redis", "PostgreSQL"],
            "integraciones": ["Slack"],
            "templates": ["webhook_service_base"],
            "recursos_requeridos": {"cpu_cores": 1, "ram_gb": 2, "storage_gb": 10},
            "estimacion_horas": 16,
            "subagentes_asignados": ["Builder", "Developer", "QA", "Security"],
            "milestones": [
                {
                    "id": "scaffolding",
                    "nombre": "Scaffolding",
                    "estimacion_horas": 16,
                    "agente": "Builder Agent",
                    "entregable": "Servicio base",
                }
            ],
            "observaciones": [],
        },
        "posicion_en_cola": 3,
        "estimacion": {
            "texto": "10-14 horas",
            "horas_minimo": 9.6,
            "horas_maximo": 14.4,
            "base": "catalogo",
            "ordenes_medidas": 0,
        },
        "message": "La orden es válida; no se ha creado nada",
    }

    dry_run: Literal[True] = Field(description="Siempre verdadero.")
    tipo_producto: str = Field(description="Tipo de producto del catálogo.")
    nombre_producto: str = Field(description="Nombre que el cliente lee.")
    prioridad: Priority
    precio: str = Field(pattern=r"^\d+\.\d\d$", description="Precio, en `moneda`.")
    moneda: str = Field(description="Moneda del precio (ISO 4217).")
    plan: ConstructionPlan
    posicion_en_cola: Count = Field(description="Órdenes que la línea toma antes que esta.")
    estimacion: Estimate
    message: Message
