"""Correct an order: the client's data, the product's name, the owner.

Everything may be corrected until construction begins. Afterwards the configuration stays, because
the product is built from it. A correction of the configuration withdraws the plan that waits, so
that a person only approves a plan that was made from the new configuration.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import BaseModel, ConfigDict
from sqlalchemy import update
from sqlmodel import col

from axon_factory.db.tables import Order, OrderStep
from axon_factory.domain.errors import Conflict, ValidationFailed
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.lifecycle import StepKind
from axon_factory.domain.names import SUPER_AXON
from axon_factory.domain.states import OrderState, PlanStatus, PlanVersionStatus
from axon_factory.domain.text import FOR_BUILDERS, HIDDEN_SECRET, Sentence, is_secret_name
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.client_mails import tell_link, withhold_mails
from axon_factory.orders.plans.decisions import close_planner_questions
from axon_factory.orders.plans.versions import find_plan
from axon_factory.orders.portal_links import LinkReason, issue_link
from axon_factory.orders.requests import ClientData, NewOrder, OrderPatch, validated

__all__ = ["ConfigurationFixed", "correct_order"]

_MOST_BYTES = 1_000_000
"""How large the client's data may grow by corrections, as JSON."""


class ConfigurationFixed(Conflict):
    """The product is being built from its configuration, which therefore stays."""

    codigo = "configuracion_fija"
    title = "La configuración ya no se cambia"
    title_en = "The configuration does not change any more"


class _Client(BaseModel):
    """The client's data where the configuration is not looked at."""

    model_config = ConfigDict(strict=True)

    datos_cliente: ClientData


async def correct_order(change: Change, patch: OrderPatch) -> None:
    """Apply what `patch` corrects in the locked order; without a difference nothing happens.

    The values before and after are on record for the staff; others see that something changed.
    Another mail address gets a link of its own, and the link before serves no more.

    Raises:
        Conflict: the order was cancelled.
        ConfigurationFixed: the configuration differs, and construction has begun.
        ValidationFailed: the corrected order would not be accepted as a new one.
    """
    order = change.order
    before = _correctable(order)
    after = _corrected(order, before, patch)
    changes = list(_changes(before, after))
    if not changes:
        return
    _require_correctable(order, before, after)
    wrong_address = order.datos_cliente["email"]
    order.nombre_producto, order.cliente_id = after["nombre_producto"], after["cliente_id"]
    order.datos_cliente = after["datos_cliente"]
    await _record(change, changes)
    if _configuration(before) != _configuration(after):
        await _plan_anew(change)
    if order.datos_cliente["email"] != wrong_address:
        await withhold_mails(change, wrong_address)
        link = await issue_link(change, reason=LinkReason.CORREO)
        await tell_link(change, link)


def _correctable(order: Order) -> dict[str, Any]:
    return {
        "nombre_producto": order.nombre_producto,
        "cliente_id": order.cliente_id,
        "datos_cliente": order.datos_cliente,
    }


def _corrected(order: Order, before: dict[str, Any], patch: OrderPatch) -> dict[str, Any]:
    """Return what the order holds after the correction, checked as a new order is."""
    after = dict(before)
    if patch.nombre_producto is not None:
        after["nombre_producto"] = patch.nombre_producto
    if "cliente_id" in patch.fields:
        after["cliente_id"] = patch.cliente_id
    if patch.datos_cliente is None:
        return after
    merged = _merged(before["datos_cliente"], patch.datos_cliente)
    if len(json.dumps(merged, ensure_ascii=False).encode()) > _MOST_BYTES:
        raise ValidationFailed(
            {"datos_cliente": Sentence("Son demasiados datos", "There is too much data")}
        )
    if merged.get("configuracion") == _configuration(before):
        # The catalogue may ask for more today than when the order was placed.
        client = validated(_Client, {"datos_cliente": merged}).datos_cliente
    else:
        known = {"tipo_producto": order.tipo_producto, "nombre_producto": after["nombre_producto"]}
        client = validated(NewOrder, {**known, "datos_cliente": merged}).datos_cliente
    after["datos_cliente"] = client.model_dump(mode="json", exclude_none=True)
    return after


def _merged(target: object, patch: object) -> Any:  # noqa: ANN401 — any JSON value
    """Return `target` after a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    result: dict[str, Any] = {}
    if isinstance(target, Mapping):
        result |= cast("Mapping[str, Any]", target)
    for name, value in cast("Mapping[str, Any]", patch).items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = _merged(result.get(name), value)
    return result


def _changes(before: object, after: object, path: str = "") -> Iterator[dict[str, Any]]:
    """Yield each value that differs: where, what it was, what it is. None: it is not there.

    Events are never changed, and a secret in one would stay for ever: a word stands for it.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        old, new = cast("Mapping[str, Any]", before), cast("Mapping[str, Any]", after)
        for name in dict.fromkeys([*old, *new]):
            where = f"{path}.{name}" if path else name
            if is_secret_name(name) and old.get(name) != new.get(name):
                yield _change(where, _hidden(old.get(name)), _hidden(new.get(name)))
            else:
                yield from _changes(old.get(name), new.get(name), where)
    elif before != after:
        values = cast("tuple[object, object]", (before, after))
        yield _change(path, *(FOR_BUILDERS.data(value) for value in values))


def _change(path: str, before: object, after: object) -> dict[str, Any]:
    return {"campo": path, "antes": before, "despues": after}


def _hidden(value: object) -> str | None:
    return None if value is None else HIDDEN_SECRET


def _configuration(document: Mapping[str, Any]) -> object:
    return document["datos_cliente"].get("configuracion")


def _require_correctable(order: Order, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    number = order.order_number
    if order.estado == OrderState.CANCELADO:
        raise Conflict(
            f"La orden {number} se canceló: sus datos ya no se corrigen",
            message_en=f"Order {number} was cancelled: its data is not corrected any more",
        )
    begun = order.construccion_iniciada_at is not None
    if begun and _configuration(before) != _configuration(after):
        raise ConfigurationFixed(
            f"La construcción de la orden {number} ya empezó con su configuración, que ya no se "
            "cambia. Crea otra orden con la configuración nueva; esta se puede cancelar mientras "
            "no esté entregada",
            message_en=f"Order {number} is being built, or was built, from its configuration, "
            "which does not change any more. Create another order with the new configuration; "
            "this one can be cancelled until it is delivered",
        )


async def _record(change: Change, changes: list[dict[str, Any]]) -> None:
    """Append what changed for the staff, and that something changed for everybody."""
    fields = ", ".join(change["campo"] for change in changes)
    await change.tell_staff(
        EventKind.ORDEN_CORREGIDA,
        f"Orden corregida: {fields}",
        level=LogLevel.WARNING,
        cambios=changes,
    )
    await change.tell(EventKind.ORDEN_CORREGIDA, "Se corrigieron los datos de la orden")


async def _plan_anew(change: Change) -> None:
    """Withdraw the plan that waits, and let nothing count that a planner is still making.

    The caller wakes the order.
    """
    order = change.order
    order.fence += 1
    await change.tx.execute(
        update(OrderStep)
        .where(
            col(OrderStep.order_id) == order.id,
            col(OrderStep.intento) == order.intento,
            col(OrderStep.step) == StepKind.PLAN,
            col(OrderStep.finished_at).is_(None),
        )
        # Given up by us: not one of the times that the step crashed.
        .values(finished_at=change.now)
    )
    if order.plan_estado != PlanStatus.PENDIENTE_APROBACION:
        return
    waiting = await find_plan(change.tx, order, order.plan_version)
    if waiting is not None:
        waiting.estado = PlanVersionStatus.RETIRADO
        waiting.decided_at, waiting.decided_by = change.now, change.actor.id
        waiting.motivo = "Se corrigió la configuración de la orden"
    await close_planner_questions(change)
    order.plan_estado = PlanStatus.GENERANDO
    order.asignado_a = SUPER_AXON.name
    # Others have been told that the order was corrected.
    await change.tell_staff(
        EventKind.PLAN_RETIRADO,
        f"Plan v{order.plan_version} retirado: se planifica de nuevo",
        level=LogLevel.WARNING,
        plan_version=order.plan_version,
        plan_hash=order.plan_hash,
    )
