"""What waits for people, in answers: one class of entry for each reason."""

from typing import Any, ClassVar
from uuid import UUID

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, Count, Timestamp
from axon_factory.domain.building import LineMode, Silence
from axon_factory.domain.failure import FailureCause, Trouble
from axon_factory.domain.messages import Channel
from axon_factory.domain.pending import PendingKind
from axon_factory.domain.product_watch import ProductTrouble
from axon_factory.domain.states import Audience, OrderState
from axon_factory.orders.answers.desk_order import DESK_ORDER_EXAMPLE, Amount, DeskOrder
from axon_factory.orders.answers.plans import EXAMPLE_HASH, PlanFlag
from axon_factory.orders.answers.shared import EXAMPLE_ID, EXAMPLE_NUMBER
from axon_factory.orders.desk.acts import Act

__all__ = [
    "BudgetWaiting",
    "FailureWaiting",
    "LineWaiting",
    "MachineWaiting",
    "MessageWaiting",
    "MilestoneReached",
    "PendingItem",
    "PendingList",
    "PlanWaiting",
    "ProductWaiting",
    "QuestionWaiting",
    "ReviewWaiting",
    "SilenceWaiting",
]


class MilestoneReached(AnswerModel):
    """El último hito verificado."""

    id: str = Field(description="Identificador del hito dentro del plan.")
    nombre: str = Field(description="Nombre del hito.")
    commit: str = Field(description="El commit.")
    at: Timestamp = Field(description="Cuándo se verificó.")


class PlanWaiting(AnswerModel):
    """Un plan que espera aprobación."""

    plan_version: int = Field(ge=1, description="Versión que espera; una decisión la cita.")
    plan_hash: str = Field(description="SHA-256 del plan; una decisión lo cita.")
    planificador: str = Field(description="Quién lo hizo; `persona` si alguien lo escribió.")
    version_base: int | None = Field(description="Versión que se editó para escribirlo.")
    horas: float = Field(description="Horas estimadas.")
    horas_catalogo: float | None = Field(description="Horas del catálogo para este tipo.")
    hitos: Count = Field(description="Cuántos hitos tiene.")
    avisos: list[PlanFlag] = Field(description="Lo que hay que mirar antes de aprobar.")
    rechazo_anterior: str | None = Field(
        description="Por qué se rechazó la versión anterior; null si no se rechazó."
    )
    espera_cliente: bool = Field(description="Se preguntó al cliente, y no ha respondido.")


class QuestionWaiting(AnswerModel):
    """Una pregunta sin respuesta, al equipo o al cliente."""

    numero: int = Field(ge=1, description="Número de la pregunta dentro de la orden.")
    destinatario: Audience
    pregunta: str = Field(description="Qué se pregunta.")
    opciones: list[str] = Field(description="Las respuestas posibles; vacía: cualquiera.")
    bloquea: bool = Field(description="La orden espera la respuesta.")
    preguntado_por: str = Field(description="Quién pregunta.")
    recordatorios: Count = Field(description="Cuántas veces se recordó.")


class FailureWaiting(AnswerModel):
    """Una orden que falló."""

    causa: FailureCause
    estado: OrderState = Field(description="Estado en el que falló; un reintento vuelve a él.")
    paso: str | None = Field(description="Paso que falló.")
    mensaje: str = Field(description="Qué pasó.")
    intento: int = Field(ge=1, description="Intento que falló.")
    ultimo_hito: MilestoneReached | None = Field(
        description="El último punto bueno de ese intento; null si no lo hay."
    )


class ReviewWaiting(AnswerModel):
    """Un producto que la revisión rechazó demasiadas veces."""

    retrabajos: Count = Field(description="Cuántas veces volvió a construcción.")
    intento: int = Field(ge=1, description="Intento que se revisó.")
    hallazgos: list[str] = Field(description="Lo que la revisión encontró la última vez.")
    ultimo_hito: MilestoneReached | None = Field(
        description="El último hito verificado de este intento; null si no lo hay."
    )


class SilenceWaiting(AnswerModel):
    """Un agente que no da señales de vida."""

    nivel: Silence
    latido_at: Timestamp | None = Field(description="Última señal de vida.")
    agente: str | None = Field(description="Agente responsable.")
    constructor: str | None = Field(description="Quién la construye.")
    session_id: str | None = Field(description="Sesión del agente.")
    intento: int = Field(ge=1, description="Intento en curso.")


class BudgetWaiting(AnswerModel):
    """Una orden cuyos modelos usaron lo que podían."""

    usado_usd: str | None = Field(description="Lo que costaron; null si no se conoce.")
    presupuesto_usd: str | None = Field(description="Lo que podían costar; null si no hay monto.")


class MachineWaiting(AnswerModel):
    """Algo que la máquina no puede hacer; las órdenes siguen solas cuando pueda."""

    codigo: Trouble
    mensaje: str = Field(description="La causa, con su detalle.")
    ordenes: Count = Field(description="Cuántas órdenes esperan por esto.")
    numeros: list[str] = Field(description="Los números de las 20 que más tiempo esperan.")


class LineWaiting(AnswerModel):
    """Una línea que no marcha."""

    modo: LineMode
    motivo: str | None = Field(description="Por qué.")
    cambiado_por: str | None = Field(description="Quién lo decidió.")


class ProductWaiting(AnswerModel):
    """Un producto entregado que no marcha; la fábrica lo inicia de nuevo por sí sola."""

    causa: ProductTrouble
    mensaje: str = Field(description="Qué le pasa.")
    deploy_url: str | None = Field(description="Dirección del producto.")
    maquina: str = Field(description="La máquina que lo vigila.")


class ProblemWaiting(AnswerModel):
    """Un problema que el cliente reportó desde su portal."""

    numero: int = Field(ge=1, description="Número del problema en la orden; cerrarlo lo cita.")
    descripcion: str = Field(description="Lo que el cliente escribió.")
    reportado_por: str = Field(description="Quién lo reportó.")
    deploy_url: str | None = Field(description="Dirección del producto.")


class MessageWaiting(AnswerModel):
    """Un correo o un aviso que no se pudo entregar."""

    id: UUID = Field(description="Id de la entrega; reenviarla lo cita.")
    canal: Channel
    evento: str | None = Field(description="De qué trata.")
    asunto: str = Field(description="Título.")
    destinatario: str = Field(description="A quién iba.")
    intentos: Count = Field(description="Cuántas veces se intentó.")
    ultimo_error: str | None = Field(description="Por qué falló el último intento.")


class PendingItem(AnswerModel):
    """Algo que espera a una persona."""

    id: str = Field(description="Identifica la entrada mientras espera lo mismo.")
    clase: PendingKind = Field(description="Por qué espera; decide la forma de `detalle`.")
    titulo: str = Field(description="Qué se quiere, en una frase.")
    desde: Timestamp | None = Field(description="Desde cuándo espera.")
    detiene: bool = Field(description="Una orden está detenida por esto.")
    orden: DeskOrder | None = Field(
        description="De qué orden es; null si es de la línea o de la máquina."
    )
    actos: list[Act] = Field(
        description="Lo que quien pregunta puede hacer ahora; el primero es el habitual."
    )
    detalle: (
        PlanWaiting
        | QuestionWaiting
        | FailureWaiting
        | ReviewWaiting
        | SilenceWaiting
        | BudgetWaiting
        | MachineWaiting
        | LineWaiting
        | ProductWaiting
        | ProblemWaiting
        | MessageWaiting
    ) = Field(description="Lo que hace falta para decidir, según `clase`.")


_EXAMPLE_PLAN: dict[str, Any] = {
    "id": f"plan:{EXAMPLE_ID}:2",
    "clase": "plan",
    "titulo": "Aprueba el plan v2",
    "desde": "2025-11-14T10:05:00Z",
    "detiene": True,
    "orden": DESK_ORDER_EXAMPLE,
    "actos": ["aprobar", "editar", "preguntar", "rechazar", "cancelar"],
    "detalle": {
        "plan_version": 2,
        "plan_hash": EXAMPLE_HASH,
        "planificador": "catalogue",
        "version_base": None,
        "horas": 27.0,
        "horas_catalogo": 24.0,
        "hitos": 5,
        "avisos": [{"codigo": "horas_desviadas", "mensaje": "27 horas: +12% de las 24"}],
        "rechazo_anterior": "Faltan los pedidos por encargo",
        "espera_cliente": False,
    },
}
_EXAMPLE_MACHINE: dict[str, Any] = {
    "id": "maquina::disco_lleno",
    "clase": "maquina",
    "titulo": "Falta espacio en el disco: 1 orden espera",
    "desde": "2025-11-14T10:20:00Z",
    "detiene": True,
    "orden": None,
    "actos": ["reintentar"],
    "detalle": {
        "codigo": "disco_lleno",
        "mensaje": "Falta espacio en el disco: No space left on device",
        "ordenes": 1,
        "numeros": [EXAMPLE_NUMBER],
    },
}


class PendingList(AnswerModel):
    """Lo que espera a quien pregunta: primero lo que detiene una orden."""

    EXAMPLE: ClassVar = {
        "total": 2,
        "count": 2,
        "limit": 100,
        "offset": 0,
        "detienen": 2,
        "por_clase": {"maquina": 1, "plan": 1},
        "dinero": [{"moneda": "USD", "monto": "2500.00"}],
        "pendientes": [_EXAMPLE_PLAN, _EXAMPLE_MACHINE],
    }

    total: Count = Field(description="Cuántas entradas hay de las clases que se piden.")
    count: Count = Field(description="Cuántas trae esta página.")
    limit: int = Field(ge=1, le=200, description="Cuántas caben en una página.")
    offset: Count = Field(description="Cuántas se saltaron.")
    detienen: Count = Field(description="De `total`, cuántas detienen una orden.")
    por_clase: dict[PendingKind, int] = Field(
        description="Cuántas hay de cada clase, también de las que no se piden."
    )
    dinero: list[Amount] = Field(
        description="El precio de las órdenes detenidas, una vez cada una, por moneda."
    )
    pendientes: list[PendingItem] = Field(
        description="Primero lo que detiene una orden, lo más antiguo antes; después lo demás."
    )
