"""Answers about the versions of an order's plan (ADR 21)."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from axon_factory.api.schemas.base import AnswerModel, Count, OrderNumber, Timestamp
from axon_factory.api.schemas.examples import EXAMPLE_ID, EXAMPLE_NUMBER
from axon_factory.api.schemas.orders import ConstructionPlan, Decision, OrderId
from axon_factory.domain.plan import Change
from axon_factory.domain.plan_review import FlagKind
from axon_factory.domain.states import PlanStatus, PlanVersionStatus

__all__ = [
    "BudgetDecided",
    "PlanComparison",
    "PlanDifference",
    "PlanEdited",
    "PlanPage",
    "PlanVersion",
    "QuestionAsked",
]

_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_DECIDED: dict[str, Any] = {
    "order_id": EXAMPLE_ID,
    "order_number": EXAMPLE_NUMBER,
    "estado": "planificacion",
    "plan_estado": "pendiente_aprobacion",
    "intento": 1,
}
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


class PlanFlag(AnswerModel):
    """Algo que quien aprueba debe mirar."""

    codigo: FlagKind
    mensaje: str = Field(description="Qué, en una frase.")


class PlanVersion(AnswerModel):
    """Una versión del plan, y qué fue de ella."""

    EXAMPLE: ClassVar = {
        "version": 1,
        "hash": _HASH,
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
    planificador: str = Field(description="Quién lo hizo; `persona` si alguien lo escribió.")
    autor: str | None = Field(description="Quién lo escribió; null si no fue una persona.")
    version_base: int | None = Field(description="Versión que se editó para escribirlo.")
    estado: PlanVersionStatus
    created_at: Timestamp = Field(description="Cuándo se hizo.")
    decidido_at: Timestamp | None = Field(description="Cuándo se decidió sobre ella.")
    decidido_por: str | None = Field(description="Quién decidió.")
    motivo: str | None = Field(default=None, description="Por qué; solo para el equipo.")
    avisos: list[PlanFlag] = Field(
        default_factory=list[PlanFlag], description="Lo que hay que mirar; solo para el equipo."
    )
    modelo: str | None = Field(default=None, description="Modelo que lo hizo, si fue uno.")
    version_prompt: str | None = Field(default=None, description="Versión del prompt.")
    recordatorios: int = Field(default=0, ge=0, description="Cuántas veces se recordó.")
    recordado_at: Timestamp | None = Field(default=None, description="Cuándo se recordó.")
    escalado_at: Timestamp | None = Field(default=None, description="Cuándo se escaló.")


class PlanQuestion(AnswerModel):
    """Una pregunta de quien aprueba, y su respuesta."""

    numero: int = Field(ge=1, description="Cuenta desde 1 en cada orden.")
    para: Literal["cliente", "operador", "planificador"] = Field(description="Quién responde.")
    pregunta: str = Field(description="Qué se preguntó.")
    de: str = Field(description="Quién preguntó.")
    created_at: Timestamp = Field(description="Cuándo se preguntó.")
    respuesta: str | None = Field(description="La respuesta; null mientras no la hay.")
    respondida_at: Timestamp | None = Field(description="Cuándo se respondió.")
    cerrada_at: Timestamp | None = Field(description="Desde cuándo nadie la espera.")


class ModelUsage(AnswerModel):
    """Lo que un modelo usó para un propósito."""

    proveedor: str = Field(description="De quién es el modelo.")
    modelo: str = Field(description="Su nombre.")
    proposito: Literal["plan", "respuesta", "construccion"] = Field(description="Para qué.")
    llamadas: Count = Field(description="Cuántas veces se le preguntó.")
    fallidas: Count = Field(description="De ellas, sin una respuesta que sirva.")
    tokens_entrada: Count = Field(description="Tokens que leyó.")
    tokens_salida: Count = Field(description="Tokens que escribió.")
    costo_usd: str | None = Field(description="Costo en USD; null si no se conoce el precio.")
    llamadas_sin_precio: Count = Field(description="Llamadas que el costo no incluye.")
    latencia_media_ms: Count = Field(description="Cuánto tardó en promedio, en ms.")


class OrderUsage(AnswerModel):
    """Lo que los modelos usaron y costaron para la orden."""

    llamadas: Count = Field(description="Cuántas veces se preguntó a un modelo.")
    tokens_entrada: Count = Field(description="Tokens que leyeron.")
    tokens_salida: Count = Field(description="Tokens que escribieron.")
    costo_usd: str | None = Field(description="Costo en USD; null si no se conoce ninguno.")
    llamadas_sin_precio: Count = Field(description="Llamadas que el costo no incluye.")
    presupuesto_usd: str | None = Field(description="Lo que una persona decidió; null si nadie.")
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

    order_id: OrderId
    order_number: OrderNumber
    plan_version: int = Field(ge=0, description="Versión del plan vigente; 0 si no hay plan.")
    plan_estado: PlanStatus | None = Field(description="Estado del plan; null mientras no lo hay.")
    count: Count = Field(description="Cuántas versiones hay.")
    planes: list[PlanVersion] = Field(description="Las versiones.")
    preguntas: list[PlanQuestion] = Field(
        default_factory=list[PlanQuestion],
        description="Lo que se preguntó sobre los planes; solo para el equipo.",
    )
    uso: OrderUsage | None = Field(
        default=None, description="Lo que usaron los modelos; solo para el equipo."
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

    order_id: OrderId
    order_number: OrderNumber
    version: int = Field(ge=1, description="El plan de después.")
    contra: int | Literal["catalogo"] = Field(description="El plan de antes.")
    iguales: bool = Field(description="Si no cambió nada.")
    cambios: list[PlanDifference] = Field(description="Lo que cambió, en el orden del plan.")


class PlanEdited(Decision):
    """La versión que una persona escribió, y lo que queda de la orden."""

    EXAMPLE: ClassVar = {
        **_DECIDED,
        "estado": "construccion",
        "plan_estado": "aprobado",
        "message": "Plan editado y aprobado",
        "plan_version": 2,
        "plan_hash": _HASH,
    }

    plan_version: int = Field(ge=1, description="La versión nueva.")
    plan_hash: str = Field(description="SHA-256 del plan nuevo.")


class QuestionAsked(Decision):
    """La pregunta que se hizo; el plan sigue esperando."""

    EXAMPLE: ClassVar = {
        **_DECIDED,
        "message": "Pregunta enviada",
        "pregunta": 1,
        "para": "planificador",
    }

    pregunta: int = Field(ge=1, description="Número de la pregunta en la orden.")
    para: Literal["planificador", "cliente"] = Field(description="Quién responde.")


class BudgetDecided(Decision):
    """El presupuesto que quedó decidido."""

    EXAMPLE: ClassVar = {
        **_DECIDED,
        "plan_estado": "generando",
        "message": "Presupuesto decidido",
        "presupuesto_usd": "5.00",
        "espera": None,
    }

    presupuesto_usd: str | None = Field(description="En total; null si sigue sin modelos.")
    espera: str | None = Field(description="A quién espera la orden todavía; null si a nadie.")
