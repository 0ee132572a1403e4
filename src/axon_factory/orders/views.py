"""How orders look in answers: the documented keys, filtered by what the caller may read."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.events import EventKind
from axon_factory.domain.fields import public_name, readable
from axon_factory.domain.permissions import Action, Principal, may
from axon_factory.domain.sentences import Sentence
from axon_factory.domain.states import OrderState
from axon_factory.domain.times import timestamp
from axon_factory.orders.create import OrderPreview
from axon_factory.orders.evidence import Receipts
from axon_factory.orders.progress_view import progress_detail, promise_detail
from axon_factory.orders.transitions import legal_targets

__all__ = [
    "actor_name",
    "cancelled",
    "cloud_event",
    "created",
    "detail",
    "log_entry",
    "previewed",
    "summary",
    "timestamp",
    "updated",
]

_OPTIONAL_TIMES = (
    "planificado_at",
    "aprobado_at",
    "construccion_iniciada_at",
    "qa_iniciada_at",
    "listo_at",
    "entregado_at",
    "fallido_at",
    "cancelado_at",
)
_PEOPLES_ACTORS = ("user:", "key:", "local:")
_STATE_FACTS = ("estado_anterior", "estado_nuevo")
_CENT = Decimal("0.01")


def summary(order: Order, principal: Principal) -> dict[str, Any]:
    """Return the entry of a list (design §3.4)."""
    return {
        "id": str(order.id),
        "order_number": order.order_number,
        "tipo_producto": order.tipo_producto,
        "nombre_producto": order.nombre_producto,
        "estado": order.estado,
        "progreso": order.progreso,
        "asignado_a": public_name(order.asignado_a, principal.grant),
        "prioridad": order.prioridad,
        "created_at": timestamp(order.created_at),
        "updated_at": timestamp(order.updated_at),
    }


def created(order: Order) -> dict[str, Any]:
    """Return the answer to a creation (design §3.1)."""
    return {
        "id": str(order.id),
        "order_number": order.order_number,
        "tipo_producto": order.tipo_producto,
        "nombre_producto": order.nombre_producto,
        "estado": order.estado,
        "progreso": order.progreso,
        "created_at": timestamp(order.created_at),
        "message": Sentence(
            "Orden creada exitosamente. Super Axon Agent la procesará pronto.",
            "The order was created. Super Axon Agent will process it soon.",
        ),
    }


def previewed(preview: OrderPreview) -> dict[str, Any]:
    """Return the answer to a creation that was only tried (`dry_run`)."""
    request, pace = preview.request, preview.pace
    return {
        "dry_run": True,
        "tipo_producto": request.tipo_producto,
        "nombre_producto": request.nombre_producto,
        "prioridad": request.prioridad,
        "precio": str(preview.price.quantize(_CENT)),
        "moneda": preview.currency,
        "plan": preview.plan.model_dump(mode="json"),
        "posicion_en_cola": preview.ahead,
        "estimacion": {
            "texto": preview.remaining.text,
            "horas_minimo": round(preview.remaining.low, 2),
            "horas_maximo": round(preview.remaining.high, 2),
            "base": "historial" if pace.measured else "catalogo",
            "ordenes_medidas": pace.measured,
        },
        "message": Sentence(
            "La orden es válida; no se ha creado nada",
            "The order is valid; nothing was created",
        ),
    }


def updated(order: Order, principal: Principal) -> dict[str, Any]:
    """Return the answer to a PATCH (design §3.5)."""
    return {
        "id": str(order.id),
        "order_number": order.order_number,
        "estado": order.estado,
        "progreso": order.progreso,
        "asignado_a": public_name(order.asignado_a, principal.grant),
        "updated_at": timestamp(order.updated_at),
        "message": Sentence("Orden actualizada exitosamente", "The order was updated"),
    }


def cancelled(order: Order, before: OrderState) -> dict[str, Any]:
    """Return the answer to a cancellation (design §3.6)."""
    return {
        "message": Sentence(
            f"Orden {order.order_number} cancelada exitosamente",
            f"Order {order.order_number} was cancelled",
        ),
        "order_id": str(order.id),
        "estado_anterior": before.value,
        "estado_nuevo": order.estado,
    }


def detail(
    order: Order,
    events: Sequence[OrderEvent],
    receipts: Receipts,
    principal: Principal,
    *,
    own_orders: bool = True,
    place_in_queue: int | None = None,
) -> dict[str, Any]:
    """Return the whole order as this caller may read it (design §3.2).

    `receipts` are those of its current attempt (`evidence.read_receipts`). `own_orders` says
    whether the principal that placed an order may approve its plan. `place_in_queue` is the
    order's place among those that wait to be built.
    """
    legal = (
        legal_targets(order, principal.actor, receipts.evidence, own_orders=own_orders)
        if may(principal, Action.UPDATE_ORDER)
        else []
    )
    document: dict[str, Any] = {
        **summary(order, principal),
        "datos_cliente": order.datos_cliente,
        "plan": order.plan,
        "plan_estado": order.plan_estado,
        "plan_version": order.plan_version,
        "plan_hash": order.plan_hash,
        "logs": [log_entry(event, principal) for event in events],
        **{name: timestamp(getattr(order, name)) for name in _OPTIONAL_TIMES},
        "tags": order.tags,
        "intento": order.intento,
        "version": order.version,
        "repo_url": order.repo_url,
        "deploy_url": order.deploy_url,
        "fallo": order.fallo and {**order.fallo, "at": _as_written(order.fallo["at"])},
        "transiciones_permitidas": [target.value for target in legal],
        "precio": str(order.precio),
        "moneda": order.moneda,
        "cliente_id": order.cliente_id,
        "session_id": order.session_id,
        "notas_internas": order.notas_internas,
        "espera": order.espera,
        "espera_causa": machine_wait(order),
        "construye": order.builder,
        "promesa": promise_detail(order),
        "progreso_detalle": progress_detail(order, receipts, principal.grant),
        "silencio": order.silence,
        "latido_at": timestamp(order.heartbeat_at),
        "en_cola_desde": timestamp(order.queued_at),
        "posicion_en_cola": place_in_queue,
        "borrado_at": timestamp(order.borrado_at),
        "borrado_pendiente": order.erasure_pending,
        "slug": order.slug,
        "created_by": order.created_by,
    }
    return readable(document, principal.grant)


def _as_written(moment: str) -> str | None:
    """Return a time that is kept in a document as answers write it; older rows have an offset."""
    return timestamp(datetime.fromisoformat(moment))


def machine_wait(order: Order) -> dict[str, Any] | None:
    """Return why the order waits for the machine, None when it does not."""
    cause = order.espera_causa
    if cause is None:
        return None
    return {**cause, "desde": timestamp(datetime.fromisoformat(cause["desde"]))}


def actor_name(name: str, actor: str, principal: Principal) -> str:
    """Return who acted as the caller may read it: outside the factory its people have no names.

    `actor` is the recorded id, by which people are told from agents; callers know their own name.
    """
    if not actor.startswith(_PEOPLES_ACTORS) or actor == principal.id:
        return name
    return public_name(name, principal.grant) or name


def log_entry(event: OrderEvent, principal: Principal) -> dict[str, Any]:
    """Return one entry of `logs` (design §2.1), with the server's own facts beside it.

    Staff also read `actor`, the id of the authenticated author of what `agente` says.
    """
    entry: dict[str, Any] = {
        "timestamp": timestamp(event.occurred_at),
        "agente": actor_name(event.agente, event.actor, principal),
        "mensaje": event.mensaje,
        "tipo": event.tipo,
        "seq": event.seq,
        "recibido_at": timestamp(event.received_at),
    }
    if principal.is_staff:
        entry["actor"] = event.actor
    return entry | {"metadata": event.details} if event.details else entry


def cloud_event(order_number: str, event: OrderEvent, principal: Principal) -> dict[str, Any]:
    """Return an event in its CloudEvents 1.0 envelope; `data` is its log entry and states.

    `sequence` (the extension of that name) is padded, because it is compared as text.
    """
    # Metadata of an agent's entry is the agent's own, whatever its keys are called.
    facts = {} if event.kind == EventKind.REGISTRO else event.details
    states = {name: facts[name] for name in _STATE_FACTS if name in facts}
    return {
        "specversion": "1.0",
        "id": f"{event.order_id}:{event.seq}",
        "source": "/api/orders",
        "type": f"axon.{event.kind}",
        "subject": order_number,
        "time": timestamp(event.occurred_at),
        "sequence": f"{event.seq:010d}",
        "datacontenttype": "application/json",
        "data": {
            "order_id": str(event.order_id),
            "intento": event.intento,
            **states,
            **log_entry(event, principal),
        },
    }
