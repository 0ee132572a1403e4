"""Versions of an order's plan in answers, with what was asked and used for them (ADR 21)."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from axon_factory.db import tables
from axon_factory.domain.answers import AnswerModel, Column, Count, OrderNumber, Timestamp, Written
from axon_factory.domain.permissions import Principal
from axon_factory.domain.plan import Change
from axon_factory.domain.plan_review import FlagKind
from axon_factory.domain.states import PlanStatus, PlanVersionStatus
from axon_factory.orders.answers.shared import (
    EXAMPLE_ID,
    EXAMPLE_NUMBER,
    ORDER_READERS,
    STAFF,
    OrderId,
)
from axon_factory.orders.plans import versions as stored

__all__ = [
    "EXAMPLE_HASH",
    "ConstructionPlan",
    "ModelUsage",
    "OrderUsage",
    "PlanComparison",
    "PlanDifference",
    "PlanPage",
    "PlanVersion",
    "plain_amount",
    "plans_document",
    "version_document",
]

EXAMPLE_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_PLAN: dict[str, Any] = {
    "stack_tecnologico": ["FastAPI", "PostgreSQL"],
    "integraciones": ["Stripe"],
    "templates": ["webhook_service_base"],
    "recursos_requeridos": {"cpu_cores": 1, "ram_gb": 1, "storage_gb": 5},
    "estimacion_horas": 12,
    "subagentes_asignados": ["Builder", "QA"],
    "milestones": [
        {
            "id": "scaffolding",
            "nombre": "Scaffolding",
            "estimacion_horas": 12,
            "agente": "Builder Agent",
            "entregable": "Servicio base",
        }
    ],
    "observaciones": [],
}
_VALUE = "Un valor del plan: texto, número, lista u objeto; null si no lo hay."


def plain_amount(cost: Decimal | None) -> str | None:
    """Return an amount without an exponent, e.g. "0.018400"."""
    return None if cost is None else f"{cost:f}"


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


class PlanFlag(AnswerModel):
    """Algo que quien aprueba debe mirar."""

    codigo: FlagKind
    mensaje: str = Field(description="Qué, en una frase.")


class PlanVersion(AnswerModel):
    """Una versión del plan, y qué fue de ella."""

    READERS: ClassVar = ORDER_READERS
    EXAMPLE: ClassVar = {
        "version": 1,
        "hash": EXAMPLE_HASH,
        "plan": _PLAN,
        "planificador": "catalogue",
        "autor": None,
        "version_base": None,
        "estado": "reemplazado",
        "created_at": "2025-11-14T10:05:00Z",
        "decidido_at": "2025-11-14T10:20:00Z",
        "decidido_por": "Ana Ruiz",
        "motivo": "Sin Redis",
        "avisos": [{"codigo": "horas_desviadas", "mensaje": "36 horas: +50% de las 24"}],
        "modelo": None,
        "version_prompt": None,
        "recordatorios": 0,
        "recordado_at": None,
        "escalado_at": None,
    }

    version: int = Field(ge=1, description="Cuenta desde 1 en cada orden.")
    hash: str = Field(description="SHA-256 del plan; una decisión lo cita.")
    plan: ConstructionPlan
    planificador: Annotated[str, Column("planner")] = Field(
        description="Quién lo hizo; `persona` si alguien lo escribió."
    )
    autor: str | None = Field(description="Quién lo escribió; null si no fue una persona.")
    version_base: Annotated[int | None, Column("base_version")] = Field(
        description="Versión que se editó para escribirlo."
    )
    estado: PlanVersionStatus
    created_at: Timestamp = Field(description="Cuándo se hizo.")
    decidido_at: Annotated[Timestamp | None, Column("decided_at")] = Field(
        description="Cuándo se decidió sobre ella."
    )
    decidido_por: str | None = Field(description="Quién decidió.")
    motivo: Annotated[str | None, STAFF] = Field(description="Por qué; solo para el equipo.")
    avisos: Annotated[list[PlanFlag], STAFF, Column("flags")] = Field(
        description="Lo que hay que mirar; solo para el equipo."
    )
    modelo: Annotated[str | None, STAFF, Column("model")] = Field(
        description="Modelo que lo hizo, si fue uno."
    )
    version_prompt: Annotated[str | None, STAFF, Column("prompt_version")] = Field(
        description="Versión del prompt."
    )
    recordatorios: Annotated[int, STAFF, Column("reminders")] = Field(
        ge=0, description="Cuántas veces se recordó."
    )
    recordado_at: Annotated[Timestamp | None, STAFF, Column("reminded_at")] = Field(
        description="Cuándo se recordó."
    )
    escalado_at: Annotated[Timestamp | None, STAFF, Column("escalated_at")] = Field(
        description="Cuándo se escaló."
    )


class PlanQuestion(AnswerModel):
    """Una pregunta de quien aprueba, y su respuesta."""

    numero: Annotated[int, Column("number")] = Field(
        ge=1, description="Cuenta desde 1 en cada orden."
    )
    para: Annotated[Literal["cliente", "operador", "planificador"], Column("audience")] = Field(
        description="Quién responde."
    )
    pregunta: Annotated[str, Column("question")] = Field(description="Qué se preguntó.")
    de: Annotated[str, Column("asked_by_name")] = Field(description="Quién preguntó.")
    created_at: Annotated[Timestamp, Column("asked_at")] = Field(description="Cuándo se preguntó.")
    respuesta: Annotated[str | None, Column("answer")] = Field(
        description="La respuesta; null mientras no la hay."
    )
    respondida_at: Annotated[Timestamp | None, Column("answered_at")] = Field(
        description="Cuándo se respondió."
    )
    cerrada_at: Annotated[Timestamp | None, Column("closed_at")] = Field(
        description="Desde cuándo nadie la espera."
    )


class ModelUsage(AnswerModel):
    """Lo que un modelo usó para un propósito."""

    proveedor: Annotated[str, Column("provider")] = Field(description="De quién es el modelo.")
    modelo: Annotated[str, Column("model")] = Field(description="Su nombre.")
    proposito: Annotated[Literal["plan", "respuesta", "construccion"], Column("purpose")] = Field(
        description="Para qué."
    )
    llamadas: Annotated[Count, Column("calls")] = Field(description="Cuántas veces se le preguntó.")
    fallidas: Annotated[Count, Column("failed")] = Field(
        description="De ellas, sin una respuesta que sirva."
    )
    tokens_entrada: Annotated[Count, Column("input_tokens")] = Field(description="Tokens que leyó.")
    tokens_salida: Annotated[Count, Column("output_tokens")] = Field(
        description="Tokens que escribió."
    )
    costo_usd: Annotated[str | None, Column("cost_usd"), Written(plain_amount)] = Field(
        description="Costo en USD; null si no se conoce el precio."
    )
    llamadas_sin_precio: Annotated[Count, Column("unpriced")] = Field(
        description="Llamadas que el costo no incluye."
    )
    latencia_media_ms: Annotated[Count, Column("latency_ms")] = Field(
        description="Cuánto tardó en promedio, en ms."
    )


class OrderUsage(AnswerModel):
    """Lo que los modelos usaron y costaron para la orden."""

    llamadas: Count = Field(description="Cuántas veces se preguntó a un modelo.")
    tokens_entrada: Count = Field(description="Tokens que leyeron.")
    tokens_salida: Count = Field(description="Tokens que escribieron.")
    costo_usd: str | None = Field(description="Costo en USD; null si no se conoce ninguno.")
    llamadas_sin_precio: Count = Field(description="Llamadas que el costo no incluye.")
    presupuesto_usd: Annotated[str | None, Column("budget_usd"), Written(plain_amount)] = Field(
        description="Lo que una persona decidió; null si nadie."
    )
    modelos: list[ModelUsage] = Field(description="Por modelo y propósito.")


_USAGE: dict[str, Any] = {
    "llamadas": 1,
    "tokens_entrada": 1850,
    "tokens_salida": 920,
    "costo_usd": "0.018400",
    "llamadas_sin_precio": 0,
}


class PlanPage(AnswerModel):
    """Todas las versiones del plan de una orden, de la primera a la última."""

    READERS: ClassVar = ORDER_READERS
    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "plan_version": 1,
        "plan_estado": "pendiente_aprobacion",
        "count": 1,
        "planes": [PlanVersion.EXAMPLE],
        "preguntas": [
            {
                "numero": 1,
                "para": "planificador",
                "pregunta": "¿Por qué Redis?",
                "de": "Ana Ruiz",
                "created_at": "2025-11-14T10:10:00Z",
                "respuesta": "Para las sesiones de WhatsApp.",
                "respondida_at": "2025-11-14T10:11:00Z",
                "cerrada_at": None,
            }
        ],
        "uso": {
            **_USAGE,
            "presupuesto_usd": None,
            "modelos": [
                {
                    "proveedor": "openai",
                    "modelo": "gpt-5",
                    "proposito": "plan",
                    "fallidas": 0,
                    "latencia_media_ms": 8400,
                    **_USAGE,
                }
            ],
        },
    }

    order_id: Annotated[OrderId, Column("id")]
    order_number: OrderNumber
    plan_version: int = Field(ge=0, description="Versión del plan vigente; 0 si no hay plan.")
    plan_estado: PlanStatus | None = Field(description="Estado del plan; null mientras no lo hay.")
    count: Count = Field(description="Cuántas versiones hay.")
    planes: list[PlanVersion] = Field(description="Las versiones.")
    preguntas: Annotated[list[PlanQuestion], STAFF] = Field(
        description="Lo que se preguntó sobre los planes; solo para el equipo."
    )
    uso: Annotated[OrderUsage | None, STAFF] = Field(
        description="Lo que usaron los modelos; solo para el equipo."
    )


class PlanDifference(AnswerModel):
    """Un campo del plan que cambió."""

    EXAMPLE: ClassVar = {
        "campo": "milestones.qa.estimacion_horas",
        "cambio": "cambiado",
        "antes": 4,
        "despues": 6,
    }

    campo: str = Field(description="Ruta del campo; los hitos, por su id.")
    cambio: Change
    antes: Any = Field(description=_VALUE)
    despues: Any = Field(description=_VALUE)


class PlanComparison(AnswerModel):
    """Qué cambió de un plan a otro, campo por campo."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "version": 2,
        "contra": 1,
        "iguales": False,
        "cambios": [PlanDifference.EXAMPLE],
    }

    order_id: Annotated[OrderId, Column("id")]
    order_number: OrderNumber
    version: int = Field(ge=1, description="El plan de después.")
    contra: int | Literal["catalogo"] = Field(description="El plan de antes.")
    iguales: bool = Field(description="Si no cambió nada.")
    cambios: list[PlanDifference] = Field(description="Lo que cambió, en el orden del plan.")


def plans_document(
    order: tables.Order,
    versions: Sequence[stored.PlanVersion],
    questions: Sequence[tables.OrderQuestion],
    usage: dict[str, Any],
    principal: Principal,
) -> dict[str, Any]:
    """Return every version of the order's plan, and what was asked and used for it."""
    return PlanPage.of(
        order,
        principal.grant,
        count=len(versions),
        planes=[version_document(version, principal) for version in versions],
        preguntas=[PlanQuestion.of(question) for question in questions],
        uso=usage,
    )


def comparison_document(order: tables.Order, compared: stored.PlanComparison) -> dict[str, Any]:
    """Return what one version has otherwise than another."""
    return PlanComparison.of(
        order,
        version=compared.version,
        contra=compared.against,
        iguales=not compared.differences,
        cambios=[difference.document() for difference in compared.differences],
    )


def version_document(version: stored.PlanVersion, principal: Principal) -> dict[str, Any]:
    """Return one version."""
    author, decider = version.author, version.decider
    return PlanVersion.of(version.row, principal.grant, autor=author, decidido_por=decider)
