"""An order as a whole and in brief: what each reader may read of it (design §2.1, §3.2, §3.4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from axon_factory.db import tables
from axon_factory.domain.answers import (
    AnswerModel,
    Column,
    OrderNumber,
    Timestamp,
    Written,
    readers_of,
)
from axon_factory.domain.building import Priority, Silence
from axon_factory.domain.failure import FailureCause, Trouble
from axon_factory.domain.permissions import Action, Principal, may
from axon_factory.domain.states import OrderState, PlanStatus
from axon_factory.domain.text import timestamp
from axon_factory.orders.answers.events import Log, log_entry
from axon_factory.orders.answers.plans import ConstructionPlan
from axon_factory.orders.answers.progress import (
    OrderPromise,
    ProgressDetail,
    progress_detail,
    promise_detail,
)
from axon_factory.orders.answers.shared import (
    ORDER_READERS,
    OUTSIDE,
    STAFF,
    STAFF_AND_AGENT,
    AgentName,
    Attempt,
    NotListed,
    OrderId,
    Progress,
    design_example,
    extended,
)
from axon_factory.orders.evidence import Receipts
from axon_factory.orders.transitions import legal_targets

__all__ = [
    "READERS",
    "Order",
    "OrderSummary",
    "detail",
    "summary",
]

_CODE = Annotated[Trouble, Field(description="Qué le pasa a la máquina.")]


class ClientContact(AnswerModel):
    """Quién es el cliente y cómo quiere su producto; las claves adicionales se conservan."""

    model_config = ConfigDict(extra="allow")
    READERS: ClassVar = ORDER_READERS
    FURTHER_READERS: ClassVar = OUTSIDE.grants

    nombre: str = Field(description="Nombre del cliente.")
    email: Annotated[str, OUTSIDE] = Field(
        description="Correo del cliente; los agentes no lo leen."
    )
    telefono: Annotated[str | None, OUTSIDE] = Field(
        default=None, description="Teléfono, en E.164."
    )
    industria: str | None = Field(default=None, description="Sector del cliente.")
    pais: Annotated[str | None, OUTSIDE] = Field(default=None, description="País del cliente.")
    configuracion: dict[str, Any] = Field(
        description="Según el JSON Schema de su tipo de producto (`GET /api/products/types/{id}`)."
    )


class Failure(AnswerModel):
    """Por qué una orden está en `fallido`."""

    READERS: ClassVar = ORDER_READERS

    causa: FailureCause
    estado: OrderState = Field(description="Estado en el que falló; un reintento vuelve a él.")
    at: Timestamp = Field(description="Cuándo falló.")
    mensaje: Annotated[str, STAFF_AND_AGENT] = Field(
        description="Qué pasó; solo para quien opera la fábrica."
    )
    paso: Annotated[str | None, STAFF_AND_AGENT] = Field(
        description="Paso que falló; solo para quien opera."
    )


class MachineWait(AnswerModel):
    """Por qué la máquina no puede dar el siguiente paso; la orden sigue sola cuando pueda."""

    codigo: _CODE
    mensaje: str = Field(description="La causa, con su detalle.")
    paso: str = Field(description="El paso que espera.")
    desde: Timestamp
    intentos: int = Field(ge=0, description="Cuántas veces se ha probado.")


class OrderSummary(AnswerModel):
    """Una orden en una lista (§3.4)."""

    READERS: ClassVar = ORDER_READERS

    id: OrderId
    order_number: OrderNumber
    tipo_producto: str = Field(description="Tipo de producto del catálogo.")
    nombre_producto: str = Field(description="Nombre que el cliente lee.")
    estado: OrderState
    progreso: Progress
    asignado_a: AgentName
    prioridad: Priority
    created_at: Timestamp
    updated_at: Timestamp


class Order(OrderSummary):
    """Una orden completa, con lo que quien pregunta puede leer de ella (§3.2)."""

    EXAMPLE: ClassVar = extended(
        design_example("3.2-show.200"),
        {
            "en_cola_desde": None,
            "plan": {
                "recursos_requeridos": {"cpu_cores": 2, "ram_gb": 4, "storage_gb": 20},
                "milestones": [
                    {
                        "id": "scaffolding",
                        "nombre": "Scaffolding",
                        "estimacion_horas": 2,
                        "agente": "Builder Agent",
                        "entregable": "Servicio base",
                    }
                ],
                "observaciones": [],
            },
            "logs": [
                {"seq": seq, "recibido_at": f"2025-11-14T{time}:01Z"}
                for seq, time in enumerate(("10:05", "10:15", "10:30", "11:00", "11:30"), start=1)
            ],
            "plan_estado": "aprobado",
            "plan_version": 1,
            "plan_hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "aprobado_at": "2025-11-14T10:30:00Z",
            "qa_iniciada_at": None,
            "listo_at": None,
            "entregado_at": None,
            "fallido_at": None,
            "cancelado_at": None,
            "borrado_at": None,
            "intento": 1,
            "version": 8,
            "repo_url": None,
            "deploy_url": None,
            "fallo": None,
            "transiciones_permitidas": [],
            "promesa": {
                "desde": "2025-11-15T00:54:00Z",
                "hasta": "2025-11-15T08:06:00Z",
                "pausada_desde": None,
            },
            "progreso_detalle": {
                "verificado": 7,
                "reportado": {
                    "progreso": 45,
                    "acciones": 5,
                    "hitos": ["scaffolding"],
                    "at": "2025-11-14T11:30:00Z",
                },
                "banda": [0, 95],
                "hitos": [
                    {
                        "id": "scaffolding",
                        "nombre": "Scaffolding",
                        "horas": 2,
                        "peso": 8.3,
                        "estado": "verificado",
                        "agente": "Builder Agent",
                        "at": "2025-11-14T11:00:00Z",
                    }
                ],
                "explicacion": "1 de 5 hitos verificados, 8 % de las horas del plan: 7 %.",
            },
            "precio": "2500.00",
            "moneda": "USD",
        },
    )

    datos_cliente: ClientContact
    plan: Annotated[ConstructionPlan | None, NotListed()] = Field(
        description="El plan vigente; null mientras no lo hay."
    )
    plan_estado: PlanStatus | None = Field(description="Estado del plan; null mientras no lo hay.")
    plan_version: int = Field(ge=0, description="Versión del plan; aprobarlo o rechazarlo la cita.")
    plan_hash: Annotated[str | None, NotListed()] = Field(
        description="SHA-256 del plan; una decisión lo cita."
    )
    logs: Annotated[list[Log], NotListed()] = Field(
        description="Las últimas 200 entradas, de la más antigua a la última."
    )
    planificado_at: Timestamp | None = Field(description="Cuándo hubo plan.")
    aprobado_at: Timestamp | None = Field(description="Cuándo se aprobó el plan.")
    construccion_iniciada_at: Timestamp | None = Field(description="Cuándo empezó a construirse.")
    qa_iniciada_at: Timestamp | None = Field(description="Cuándo empezó la revisión.")
    listo_at: Timestamp | None = Field(description="Cuándo pasó la revisión.")
    entregado_at: Timestamp | None = Field(description="Cuándo se entregó.")
    fallido_at: Timestamp | None = Field(description="Cuándo falló.")
    cancelado_at: Timestamp | None = Field(description="Cuándo se canceló.")
    tags: Annotated[list[str], OUTSIDE] = Field(description="Etiquetas.")
    intento: Attempt
    version: int = Field(ge=1, description="Crece con cada cambio; es el `ETag`.")
    repo_url: str | None = Field(description="Repositorio Git del producto.")
    deploy_url: Annotated[str | None, OUTSIDE] = Field(
        description="Dirección del producto en marcha."
    )
    fallo: Annotated[Failure | None, NotListed()] = Field(
        description="Por qué falló; null si no falló."
    )
    transiciones_permitidas: Annotated[list[OrderState], NotListed()] = Field(
        description="Estados a los que quien pregunta puede llevar la orden."
    )
    precio: Annotated[str, OUTSIDE, Written(str)] = Field(
        pattern=r"^\d+\.\d\d$", description="Precio al crearla, en `moneda`."
    )
    moneda: Annotated[str, OUTSIDE] = Field(description="Moneda del precio (ISO 4217).")
    cliente_id: Annotated[str | None, STAFF] = Field(description="Cliente dueño de la orden.")
    session_id: Annotated[str | None, STAFF, NotListed()] = Field(
        description="Sesión del agente que construye."
    )
    notas_internas: Annotated[str, STAFF] = Field(description="Notas del equipo.")
    espera: Annotated[str | None, STAFF] = Field(
        description="A quién espera: `persona`, `cliente`, `operador`, `presupuesto`, `maquina` "
        "(sigue sola), o a nadie."
    )
    espera_causa: Annotated[MachineWait | None, STAFF, NotListed()] = Field(
        description="Con `espera: maquina`, la causa; si no, null."
    )
    construye: Annotated[str | None, STAFF, NotListed(), Column("builder")] = Field(
        description="Quién la construye, si se decidió."
    )
    promesa: Annotated[OrderPromise | None, NotListed()] = Field(
        description="Cuándo se prometió entregarla; null antes de aprobar el plan."
    )
    progreso_detalle: Annotated[ProgressDetail, NotListed()]
    silencio: Annotated[Silence | None, STAFF, NotListed(), Column("silence")] = Field(
        description="Si el agente que construye no da señales de vida; null si las da."
    )
    latido_at: Annotated[Timestamp | None, STAFF, NotListed(), Column("heartbeat_at")] = Field(
        description="Última señal de vida del agente."
    )
    en_cola_desde: Annotated[Timestamp | None, NotListed(), Column("queued_at")] = Field(
        description="Desde cuándo espera un lugar de construcción; null si no lo espera."
    )
    posicion_en_cola: Annotated[int | None, STAFF, NotListed()] = Field(
        ge=1, description="Su turno entre las que esperan un lugar; null si ninguno."
    )
    borrado_at: Annotated[Timestamp | None, NotListed()] = Field(
        description="Cuándo se borraron sus datos personales."
    )
    borrado_pendiente: Annotated[bool, STAFF, NotListed(), Column("erasure_pending")] = Field(
        description="Correos, o el producto, todavía se están borrando fuera de la base de datos."
    )
    slug: Annotated[str, STAFF] = Field(
        description="Nombre del producto en direcciones y repositorios."
    )
    created_by: Annotated[str, STAFF] = Field(description="Quién la creó.")


READERS = readers_of(Order)
"""Who reads each key of an order; `key.member` where only some read a member."""


def summary(order: tables.Order, principal: Principal) -> dict[str, Any]:
    """Return the entry of a list (design §3.4)."""
    return OrderSummary.of(order, principal.grant)


def detail(
    order: tables.Order,
    events: Sequence[tables.OrderEvent],
    receipts: Receipts,
    principal: Principal,
    *,
    own_orders: bool = True,
    place_in_queue: int | None = None,
) -> dict[str, Any]:
    """Return the whole order as this caller may read it (design §3.2).

    Args:
        order: the row.
        events: the newest ones, oldest first.
        receipts: those of the order's current attempt (`evidence.read_receipts`).
        principal: the caller.
        own_orders: whether the principal that placed an order may approve its plan.
        place_in_queue: the order's place among those that wait to be built.
    """
    grant = principal.grant
    legal = (
        legal_targets(order, principal.actor, receipts.evidence, own_orders=own_orders)
        if may(principal, Action.UPDATE_ORDER)
        else []
    )
    return Order.of(
        order,
        grant,
        logs=[log_entry(event, principal) for event in events],
        fallo=order.fallo and Failure.part(_as_written(order.fallo, "at"), grant),
        transiciones_permitidas=[target.value for target in legal],
        espera_causa=order.espera_causa and _as_written(order.espera_causa, "desde"),
        promesa=promise_detail(order),
        progreso_detalle=progress_detail(order, receipts, grant),
        posicion_en_cola=place_in_queue,
    )


def _as_written(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a stored document with its time as answers write it; older rows have an offset."""
    return {**document, name: timestamp(datetime.fromisoformat(document[name]))}
