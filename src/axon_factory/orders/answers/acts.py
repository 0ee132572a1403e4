"""Answers to acts on an order: created, previewed, changed, decided, cancelled, erased."""

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from axon_factory.db import tables
from axon_factory.domain.answers import AnswerModel, Column, Count, Message, OrderNumber, Timestamp
from axon_factory.domain.building import Priority
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import OrderState, PlanStatus
from axon_factory.domain.text import Sentence, timestamp
from axon_factory.orders import create as orders_create
from axon_factory.orders.answers.plans import EXAMPLE_HASH, ConstructionPlan
from axon_factory.orders.answers.shared import (
    EXAMPLE_ID,
    EXAMPLE_NUMBER,
    AgentName,
    Attempt,
    OrderId,
    Progress,
    design_example,
)

__all__ = [
    "BudgetDecided",
    "CredentialsRotation",
    "Decision",
    "ErasedOrder",
    "OrderCancellation",
    "OrderCancelled",
    "OrderCreated",
    "OrderPreview",
    "OrderUpdated",
    "PlanEdited",
    "QuestionAsked",
    "cancelled",
    "created",
    "previewed",
    "updated",
]

_CENT = Decimal("0.01")


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
    asignado_a: AgentName
    updated_at: Timestamp
    message: Message


class OrderCancelled(AnswerModel):
    """La cancelación con DELETE (§3.6)."""

    EXAMPLE: ClassVar = design_example("3.6-cancel.200")

    message: Message
    order_id: Annotated[OrderId, Column("id")]
    estado_anterior: OrderState = Field(description="Estado en el que estaba.")
    estado_nuevo: Annotated[Literal[OrderState.CANCELADO], Column("estado")] = Field(
        description="Siempre `cancelado`."
    )


_EXAMPLE_DECISION = {
    "order_id": EXAMPLE_ID,
    "order_number": EXAMPLE_NUMBER,
    "estado": "construccion",
    "plan_estado": "aprobado",
    "intento": 1,
    "message": "Plan aprobado",
}


class Decision(AnswerModel):
    """Lo que queda de la orden después de una decisión sobre ella."""

    EXAMPLE: ClassVar = _EXAMPLE_DECISION

    order_id: Annotated[OrderId, Column("id")]
    order_number: OrderNumber
    estado: OrderState
    plan_estado: PlanStatus | None = Field(description="Estado del plan; null mientras no lo hay.")
    intento: Attempt
    message: Message


class OrderCancellation(Decision):
    """La cancelación con motivo: la decisión, y el estado anterior como en §3.6."""

    EXAMPLE: ClassVar = {
        **_EXAMPLE_DECISION,
        "estado": "cancelado",
        "message": "Orden ORD-2025-001 cancelada exitosamente",
        "estado_anterior": "construccion",
        "estado_nuevo": "cancelado",
    }

    estado_anterior: OrderState = Field(description="Estado en el que estaba.")
    estado_nuevo: Annotated[Literal[OrderState.CANCELADO], Column("estado")] = Field(
        description="Siempre `cancelado`."
    )


class PlanEdited(Decision):
    """La versión que una persona escribió, y lo que queda de la orden."""

    EXAMPLE: ClassVar = {
        **_EXAMPLE_DECISION,
        "message": "Plan editado y aprobado",
        "plan_version": 2,
        "plan_hash": EXAMPLE_HASH,
    }

    plan_version: int = Field(ge=1, description="La versión nueva.")
    plan_hash: str = Field(description="SHA-256 del plan nuevo.")


class QuestionAsked(Decision):
    """La pregunta que se hizo; el plan sigue esperando."""

    EXAMPLE: ClassVar = {
        **_EXAMPLE_DECISION,
        "estado": "planificacion",
        "plan_estado": "pendiente_aprobacion",
        "message": "Pregunta enviada",
        "pregunta": 1,
        "para": "planificador",
    }

    pregunta: int = Field(ge=1, description="Número de la pregunta en la orden.")
    para: Literal["planificador", "cliente"] = Field(description="Quién responde.")


class BudgetDecided(Decision):
    """El presupuesto que quedó decidido."""

    EXAMPLE: ClassVar = {
        **_EXAMPLE_DECISION,
        "estado": "planificacion",
        "plan_estado": "generando",
        "message": "Presupuesto decidido",
        "presupuesto_usd": "5.00",
        "espera": None,
    }

    presupuesto_usd: str | None = Field(description="En total; null si sigue sin modelos.")
    espera: str | None = Field(description="A quién espera la orden todavía; null si a nadie.")


class CredentialsRotation(Decision):
    """La rotación pedida; el producto se reinicia con las credenciales nuevas."""

    EXAMPLE: ClassVar = {
        **_EXAMPLE_DECISION,
        "estado": "entregado",
        "message": "El producto se reinicia con credenciales nuevas; en unos segundos se pueden "
        "revelar",
        "credenciales": ["admin_password_temporal", "api_key", "webhook_secret"],
    }

    credenciales: list[str] = Field(description="Nombres de las que se reemplazan.")


class ErasedOrder(Decision):
    """La orden, sin datos personales."""

    EXAMPLE: ClassVar = {
        **_EXAMPLE_DECISION,
        "estado": "entregado",
        "message": f"Los datos personales de la orden {EXAMPLE_NUMBER} se borraron",
        "borrado_at": "2025-11-20T10:00:00Z",
        "borrado_pendiente": True,
        "producto": True,
    }

    borrado_at: Timestamp = Field(description="Cuándo se borraron los datos.")
    borrado_pendiente: Annotated[bool, Column("erasure_pending")] = Field(
        description="Correos, o el producto, todavía se están borrando fuera de la base de datos."
    )
    producto: Annotated[bool, Column("product_erased")] = Field(
        description="También se borra el producto."
    )


class Estimate(AnswerModel):
    """En cuánto tiempo estará construida, desde que se apruebe su plan."""

    texto: Annotated[str, Column("text")] = Field(description="Para personas: `14-22 horas`.")
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
        "prometido_desde": "2025-11-14T19:36:00Z",
        "prometido_hasta": "2025-11-15T00:24:00Z",
        "promesas_cumplidas": 0.94,
        "promesas_medidas": 32,
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
    prometido_desde: Timestamp = Field(
        description="Lo que se prometería si el plan se aprobara ahora: no antes de."
    )
    prometido_hasta: Timestamp = Field(description="Y no después de.")
    promesas_cumplidas: float | None = Field(
        ge=0,
        le=1,
        description="Parte de las entregas de este tipo que llegó a tiempo; null con menos de 5.",
    )
    promesas_medidas: Count = Field(description="Cuántas entregas lo dicen.")
    message: Message


def created(order: object) -> dict[str, Any]:
    """Return the answer to a creation (design §3.1); `order` is a row, or has its attributes."""
    return OrderCreated.of(
        order,
        message=Sentence(
            "Orden creada exitosamente. Super Axon Agent la procesará pronto.",
            "The order was created. Super Axon Agent will process it soon.",
        ),
    )


def updated(order: tables.Order, principal: Principal) -> dict[str, Any]:
    """Return the answer to a PATCH (design §3.5)."""
    message = Sentence("Orden actualizada exitosamente", "The order was updated")
    return OrderUpdated.of(order, principal.grant, message=message)


def cancelled(
    order: tables.Order,
    before: OrderState,
    model: type[OrderCancelled | OrderCancellation] = OrderCancelled,
) -> dict[str, Any]:
    """Return the answer to a cancellation (design §3.6), which left the state `before`."""
    message = Sentence(
        f"Orden {order.order_number} cancelada exitosamente",
        f"Order {order.order_number} was cancelled",
    )
    return model.of(order, message=message, estado_anterior=before.value)


def previewed(preview: orders_create.OrderPreview) -> dict[str, Any]:
    """Return the answer to a creation that was only tried (`dry_run`)."""
    measured = preview.pace.measured
    return OrderPreview.of(
        preview.request,
        dry_run=True,
        precio=str(preview.price.quantize(_CENT)),
        moneda=preview.currency,
        plan=preview.plan.model_dump(mode="json"),
        posicion_en_cola=preview.ahead,
        estimacion=Estimate.of(
            preview.remaining,
            horas_minimo=round(preview.remaining.low, 2),
            horas_maximo=round(preview.remaining.high, 2),
            base="historial" if measured else "catalogo",
            ordenes_medidas=measured,
        ),
        prometido_desde=timestamp(preview.promised.since),
        prometido_hasta=timestamp(preview.promised.until),
        promesas_cumplidas=preview.kept.share,
        promesas_medidas=preview.kept.measured,
        message=Sentence(
            "La orden es válida; no se ha creado nada",
            "The order is valid; nothing was created",
        ),
    )
