"""Answers about orders (design §2.1, §3.1 to §3.6)."""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from axon_factory.api.schemas.base import AnswerModel, Count, OrderNumber, Timestamp
from axon_factory.api.schemas.examples import EXAMPLE_ID, EXAMPLE_NUMBER, design_example, extended
from axon_factory.api.schemas.health import Waiting
from axon_factory.api.schemas.progress import ErasureState, Failure, OrderPromise, ProgressDetail
from axon_factory.domain.building import Priority, Silence
from axon_factory.domain.events import LogLevel
from axon_factory.domain.states import OrderState, PlanStatus

__all__ = [
    "ConstructionPlan",
    "Decision",
    "Log",
    "LogPage",
    "Order",
    "OrderCancellation",
    "OrderCancelled",
    "OrderCreated",
    "OrderSummary",
    "OrderUpdated",
]

OrderId = Annotated[UUID, Field(description="UUID de la orden.")]
Progress = Annotated[int, Field(ge=0, le=100, description="Avance de la construcción, en %.")]
Attempt = Annotated[
    int, Field(ge=1, description="Intento en curso: crece con cada rechazo y cada reintento.")
]
Message = Annotated[str, Field(description="Una frase para personas.")]
Assigned = Annotated[str | None, Field(description="Agente responsable en este momento.")]


class OrderSummary(AnswerModel):
    """Una orden en una lista (§3.4)."""

    id: OrderId
    order_number: OrderNumber
    tipo_producto: str = Field(description="Tipo de producto del catálogo.")
    nombre_producto: str = Field(description="Nombre que el cliente lee.")
    estado: OrderState
    progreso: Progress
    asignado_a: Assigned
    prioridad: Priority
    created_at: Timestamp
    updated_at: Timestamp


class OrderCreated(AnswerModel):
    """La orden recién creada (§3.1)."""

    EXAMPLE: ClassVar = design_example("3.1-create.201")

    id: OrderId
    order_number: OrderNumber
    tipo_producto: str = Field(description="Tipo de producto del catálogo.")
    nombre_producto: str = Field(description="Nombre que el cliente lee.")
    estado: OrderState
    progreso: Progress
    created_at: Timestamp
    message: Message


class OrderUpdated(AnswerModel):
    """La orden después de un PATCH (§3.5)."""

    EXAMPLE: ClassVar = design_example("3.5-update.200")

    id: OrderId
    order_number: OrderNumber
    estado: OrderState
    progreso: Progress
    asignado_a: Assigned
    updated_at: Timestamp
    message: Message


class OrderCancelled(AnswerModel):
    """La cancelación con DELETE (§3.6)."""

    EXAMPLE: ClassVar = design_example("3.6-cancel.200")

    message: Message
    order_id: OrderId
    estado_anterior: OrderState = Field(description="Estado en el que estaba.")
    estado_nuevo: Literal[OrderState.CANCELADO] = Field(description="Siempre `cancelado`.")


_DECISION = {
    "order_id": EXAMPLE_ID,
    "order_number": EXAMPLE_NUMBER,
    "estado": "construccion",
    "plan_estado": "aprobado",
    "intento": 1,
    "message": "Plan aprobado",
}


class Decision(AnswerModel):
    """Lo que queda de la orden después de una decisión sobre ella."""

    EXAMPLE: ClassVar = _DECISION

    order_id: OrderId
    order_number: OrderNumber
    estado: OrderState
    plan_estado: PlanStatus | None = Field(description="Estado del plan; null mientras no lo hay.")
    intento: Attempt
    message: Message


class OrderCancellation(Decision):
    """La cancelación con motivo: la decisión, y el estado anterior como en §3.6."""

    EXAMPLE: ClassVar = {
        **_DECISION,
        "estado": "cancelado",
        "message": "Orden ORD-2025-001 cancelada exitosamente",
        "estado_anterior": "construccion",
        "estado_nuevo": "cancelado",
    }

    estado_anterior: OrderState = Field(description="Estado en el que estaba.")
    estado_nuevo: Literal[OrderState.CANCELADO] = Field(description="Siempre `cancelado`.")


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

    timestamp: Timestamp
    agente: str = Field(description="Quién lo dice, como se presentó.")
    mensaje: str = Field(description="Qué pasó, en una frase.")
    tipo: LogLevel
    seq: int = Field(ge=1, description="Lugar en el historial; `after` continúa desde aquí.")
    recibido_at: Timestamp = Field(description="Cuándo lo recibió el servidor.")
    actor: str = Field(
        default="",
        description="Quién lo dijo, ya autenticado: `user:…`, `key:…`, `token:…`, `sesion:…` o "
        "`worker`; solo para el equipo.",
    )
    metadata: dict[str, Any] = Field(
        default_factory=dict[str, Any], description="Datos adicionales de la entrada."
    )


class LogPage(AnswerModel):
    """Hasta 200 entradas del historial, en orden ascendente."""

    EXAMPLE: ClassVar = {"order_id": EXAMPLE_ID, "count": 1, "next_after": 3, "logs": [Log.EXAMPLE]}

    order_id: OrderId
    count: Count = Field(description="Cuántas entradas trae esta respuesta.")
    next_after: int = Field(ge=0, description="El `after` con el que continúa la lectura.")
    logs: list[Log] = Field(description="Las entradas con `seq` mayor que `after`.")


class PlanResources(AnswerModel):
    """Lo que el producto necesita en marcha."""

    cpu_cores: int = Field(ge=1, description="Núcleos.")
    ram_gb: int = Field(ge=1, description="Memoria, en GiB.")
    storage_gb: int = Field(ge=1, description="Disco, en GiB.")


class PlanMilestone(AnswerModel):
    """Una parte de la construcción, hecha o no; sus horas pesan en el avance."""

    id: str = Field(description="Identificador del hito dentro del plan.")
    nombre: str = Field(description="Nombre del hito.")
    estimacion_horas: float = Field(gt=0, description="Horas estimadas.")
    agente: str = Field(description="Agente que lo construye.")
    entregable: str = Field(description="Qué queda hecho.")


class ConstructionPlan(AnswerModel):
    """El plan de construcción (§2.1)."""

    stack_tecnologico: list[str] = Field(description="Tecnologías del producto.")
    integraciones: list[str] = Field(description="Servicios externos que conecta.")
    templates: list[str] = Field(description="Plantillas de las que parte.")
    recursos_requeridos: PlanResources
    estimacion_horas: float = Field(gt=0, description="Horas estimadas en total.")
    subagentes_asignados: list[str] = Field(description="Agentes que participan.")
    milestones: list[PlanMilestone] = Field(description="Los hitos, en orden.")
    observaciones: list[str] = Field(description="Lo que quien aprueba debe saber.")


class ClientContact(AnswerModel):
    """Quién es el cliente y cómo quiere su producto; las claves adicionales se conservan."""

    model_config = ConfigDict(extra="allow")

    nombre: str = Field(description="Nombre del cliente.")
    email: str = Field(default="", description="Correo del cliente; los agentes no lo leen.")
    telefono: str | None = Field(default=None, description="Teléfono, en E.164.")
    industria: str | None = Field(default=None, description="Sector del cliente.")
    pais: str | None = Field(default=None, description="País del cliente.")
    configuracion: dict[str, Any] = Field(
        description="Según el JSON Schema de su tipo de producto (`GET /api/products/types/{id}`)."
    )


class Order(ErasureState, Waiting, OrderSummary):
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
    plan: ConstructionPlan | None = Field(description="El plan vigente; null mientras no lo hay.")
    plan_estado: PlanStatus | None = Field(description="Estado del plan; null mientras no lo hay.")
    plan_version: int = Field(ge=0, description="Versión del plan; aprobarlo o rechazarlo la cita.")
    plan_hash: str | None = Field(description="SHA-256 del plan; una decisión lo cita.")
    logs: list[Log] = Field(description="Las últimas 200 entradas, de la más antigua a la última.")
    planificado_at: Timestamp | None = Field(description="Cuándo hubo plan.")
    aprobado_at: Timestamp | None = Field(description="Cuándo se aprobó el plan.")
    construccion_iniciada_at: Timestamp | None = Field(description="Cuándo empezó a construirse.")
    qa_iniciada_at: Timestamp | None = Field(description="Cuándo empezó la revisión.")
    listo_at: Timestamp | None = Field(description="Cuándo pasó la revisión.")
    entregado_at: Timestamp | None = Field(description="Cuándo se entregó.")
    fallido_at: Timestamp | None = Field(description="Cuándo falló.")
    cancelado_at: Timestamp | None = Field(description="Cuándo se canceló.")
    intento: Attempt
    version: int = Field(ge=1, description="Crece con cada cambio; es el `ETag`.")
    repo_url: str | None = Field(description="Repositorio Git del producto.")
    fallo: Failure | None = Field(description="Por qué falló; null si no falló.")
    transiciones_permitidas: list[OrderState] = Field(
        description="Estados a los que quien pregunta puede llevar la orden."
    )
    en_cola_desde: Timestamp | None = Field(
        description="Desde cuándo espera un lugar de construcción; null si no lo espera."
    )
    tags: list[str] = Field(default_factory=list, description="Etiquetas.")
    deploy_url: str | None = Field(default=None, description="Dirección del producto en marcha.")
    precio: str = Field(
        default="", pattern=r"^\d+\.\d\d$", description="Precio al crearla, en `moneda`."
    )
    moneda: str = Field(default="", description="Moneda del precio (ISO 4217).")
    cliente_id: str | None = Field(default=None, description="Cliente dueño de la orden.")
    session_id: str | None = Field(default=None, description="Sesión del agente que construye.")
    notas_internas: str = Field(default="", description="Notas del equipo.")
    promesa: OrderPromise | None = Field(
        description="Cuándo se prometió entregarla; null antes de aprobar el plan."
    )
    progreso_detalle: ProgressDetail
    silencio: Silence | None = Field(
        default=None,
        description="Si el agente que construye no da señales de vida; null si las da.",
    )
    latido_at: Timestamp | None = Field(
        default=None, description="Última señal de vida del agente."
    )
    construye: str | None = Field(default=None, description="Quién la construye, si se decidió.")
    posicion_en_cola: int | None = Field(
        default=None, ge=1, description="Su turno entre las que esperan un lugar; null si ninguno."
    )
    slug: str = Field(default="", description="Nombre del producto en direcciones y repositorios.")
    created_by: str = Field(default="", description="Quién la creó.")
