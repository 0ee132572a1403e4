"""PATCH an order (design §3.5, resolutions 15): agents and staff report, and overwrite nothing."""

from dataclasses import replace
from datetime import datetime

from axon_factory.db.tables import Order
from axon_factory.domain.errors import Forbidden, OrderEnded, ValidationFailed
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.failure import Failure, FailureCause
from axon_factory.domain.fields import WRITERS, writable_by
from axon_factory.domain.names import RESERVED, may_speak_as
from axon_factory.domain.permissions import Action, Principal, Role, may, names_of
from axon_factory.domain.progress import BANDS, BEFORE_QA_PASSES
from axon_factory.domain.states import (
    ACTIVE_STATES,
    AGENT_KINDS,
    Actor,
    ActorKind,
    Claim,
    OrderState,
    PlanStatus,
)
from axon_factory.domain.text import Sentence
from axon_factory.jobs.queue import change_priority
from axon_factory.orders.change import Change
from axon_factory.orders.correct import correct_order
from axon_factory.orders.events import content_key
from axon_factory.orders.evidence import names_given_by, read_evidence
from axon_factory.orders.moves import cancel_order, fail_order, hand_over, retry_order
from axon_factory.orders.notifications.client_mails import tell_moved_promise
from axon_factory.orders.plans.decisions import approve_plan
from axon_factory.orders.requests import LogEntry, OrderPatch
from axon_factory.orders.reviewing import accept_product, send_back
from axon_factory.orders.runs.liveness import note_caller
from axon_factory.orders.runs.state import adopt_run, keep_report
from axon_factory.ports.builder import ReportedProgress

__all__ = [
    "REPORTED",
    "entry_event",
    "keep_progress",
    "makes_due",
    "patch_order",
    "refuse_fields",
    "refuse_reporter",
    "set_progress",
]

REPORTED = frozenset({"progreso", "logs", "asignado_a"})
"""Fields that no step of the line depends on."""


async def patch_order(change: Change, patch: OrderPatch, principal: Principal) -> None:
    """Apply `patch` to the locked order: corrections, then state, then what is reported about it.

    Raises:
        Forbidden: the caller may not change one of the fields, or not speak in one of the names.
        OrderEnded: an agent reports on an order that is delivered, cancelled or failed.
        Conflict: a correction is too late.
        OwnOrder: it approves the plan of an order that the caller placed, and may not.
        TransitionRefused: `estado` is not reachable for this caller; nothing was changed.
        ValidationFailed: `progreso` is outside the state's band or falls, or a correction is
            not valid.
    """
    order = change.order
    refuse_fields(patch, principal)
    await correct_order(change, patch)
    before, source = order.progreso, OrderState(order.estado)
    refuse_reporter(order, patch, principal)
    if patch.prioridad is not None and patch.prioridad != order.prioridad:
        order.prioridad = patch.prioridad
        await change_priority(change.tx, order.id, rank=patch.prioridad.rank)
    if patch.estado is not None and patch.estado != order.estado:
        await _move(change, patch, principal)
        await tell_moved_promise(change)
    elif patch.fields and not makes_due(order, patch):
        await change.touch()
    elif patch.fields:
        await change.wake()
    await note_caller(change, principal)
    set_progress(order, patch, before, source)
    keep_progress(order, patch, change.actor, change.now)
    _set_fields(order, patch)
    if patch.session_id is not None and order.estado == OrderState.CONSTRUCCION:
        builder = order.builder or change.policy.agents.builder_of(order.tipo_producto)
        await adopt_run(change.tx, order, patch.session_id, builder, change.now)
    for entry in patch.logs:
        await change.append(entry_event(entry, principal))


def refuse_fields(patch: OrderPatch, principal: Principal) -> None:
    """Refuse a patch of fields that the caller may not write.

    Raises:
        Forbidden: naming them, and who may.
    """
    forbidden = sorted(patch.fields - writable_by(principal.grant))
    if forbidden:
        able = [grant for grant, fields in WRITERS.items() if patch.fields <= fields]
        scopes, roles = names_of(able)
        raise Forbidden(
            f"No puedes cambiar: {', '.join(forbidden)}",
            message_en=f"You may not change: {', '.join(forbidden)}",
            extra={"alcances_validos": scopes, "roles_validos": roles},
        )


def refuse_reporter(order: Order, patch: OrderPatch, principal: Principal) -> None:
    """Refuse who may not report on the order, or not in one of the names.

    Raises:
        OrderEnded: an agent reports on an order that is delivered, cancelled or failed.
        Forbidden: naming the names.
    """
    if principal.actor.kind in AGENT_KINDS and OrderState(order.estado) not in ACTIVE_STATES:
        raise OrderEnded(order.order_number, order.estado)
    _require_own_names(order, patch, principal)


def makes_due(order: Order, patch: OrderPatch) -> bool:
    """Return whether the line is to look at the order because of a patch without a new state.

    A report is a reason to look at a run that the line watches. No other step depends on it
    (`domain.lifecycle.Situation`).
    """
    is_watched = order.estado == OrderState.CONSTRUCCION and order.session_id is not None
    return is_watched or not patch.fields <= REPORTED


async def _move(change: Change, patch: OrderPatch, principal: Principal) -> None:
    order = change.order
    reason = patch.motivo or ""
    source, target = OrderState(order.estado), patch.estado or OrderState(order.estado)
    match (source, target):
        case (_, OrderState.CANCELADO):
            await cancel_order(change, reason=reason)
        case (OrderState.FALLIDO, _):
            if target != (order.fallo or {}).get("estado"):
                raise await change.refuse(target)
            await retry_order(change)
        case (_, OrderState.FALLIDO):
            sentence = reason or "Decisión manual"
            failure = Failure(FailureCause.DECISION_MANUAL, sentence, source)
            await fail_order(change, failure=failure)
        case (OrderState.PLANIFICACION, OrderState.CONSTRUCCION):
            _require_decider(principal)
            await approve_plan(change, note=reason)
        case (OrderState.QA, OrderState.CONSTRUCCION):
            await _require_reworks_left(change)
            reasons = [reason] if reason else []
            await send_back(change, reasons=reasons)
        case (OrderState.QA, OrderState.LISTO):
            await accept_product(change)
        case (OrderState.LISTO, OrderState.ENTREGADO):
            await hand_over(change)
        case (_, OrderState.QA):
            await _note_missing_milestones(change)
            order.progreso = BEFORE_QA_PASSES
            await change.move(target)
        case _:
            # The table leaves only nuevo → planificacion, as the line's own claim.
            order.plan_estado = PlanStatus.GENERANDO
            await change.move(target)


async def _note_missing_milestones(change: Change) -> None:
    """Tell staff which milestones an admin has sent to review without evidence."""
    evidence = await read_evidence(change.tx, change.order)
    if change.actor.kind is not ActorKind.ADMIN or evidence.proves(Claim.CODE_COMPLETE):
        return
    await change.tell_staff(
        EventKind.SIN_EVIDENCIA,
        "La orden pasa a revisión sin la evidencia de todos sus hitos",
        level=LogLevel.WARNING,
        **evidence.missing(Claim.CODE_COMPLETE),
    )


def _require_own_names(order: Order, patch: OrderPatch, principal: Principal) -> None:
    """Refuse names that the principal may not speak in, of entries and of `asignado_a`."""
    wanted = {entry.agente or principal.name for entry in patch.logs}
    if patch.asignado_a is not None:
        wanted.add(patch.asignado_a)
    if all(may_speak_as(principal.actor, name, ()) for name in wanted):
        return
    given = names_given_by(order)
    refused = sorted({name for name in wanted if not may_speak_as(principal.actor, name, given)})
    if refused:
        own = ", ".join(sorted({principal.name, *given} - RESERVED.keys()))
        names = ", ".join(refused)
        raise Forbidden(
            f"No puedes hablar como: {names}. Tus nombres en esta orden: {own}",
            message_en=f"You may not speak as: {names}. Your names on this order: {own}",
        )


def _require_decider(principal: Principal) -> None:
    """Refuse programs: approving a plan is a person's act (resolutions 23)."""
    if principal.actor.kind is ActorKind.ADMIN and not may(principal, Action.DECIDE_PLAN):
        raise Forbidden(
            "Aprobar un plan es un acto de una persona: esta credencial no puede hacerlo",
            message_en="Approving a plan is a person's act: this credential cannot do it",
            extra={"alcances_validos": [], "roles_validos": [Role.ADMIN]},
        )


async def _require_reworks_left(change: Change) -> None:
    """Refuse an agent what the line would not do: a person decides then (resolutions *States*)."""
    order = change.order
    if change.actor.kind in AGENT_KINDS and order.retrabajos >= change.policy.max_reworks:
        reason = Sentence(
            f"Tras {order.retrabajos} retrabajos decide una persona",
            f"After {order.retrabajos} reworks a person decides",
        )
        raise await change.refuse(OrderState.CONSTRUCCION, reason)


def set_progress(order: Order, patch: OrderPatch, before: int, source: OrderState) -> None:
    """Set the progress of a patch, if it has one.

    `before` and `source` are the order's progress and state before the patch.

    Raises:
        ValidationFailed: it is outside the band of the order's state, or falls.
    """
    if patch.progreso is None:
        return
    # A failed order keeps to the band of the state that a retry takes it back to.
    state = OrderState((order.fallo or {}).get("estado", order.estado))
    low, high = BANDS[state]
    if not low <= patch.progreso <= high:
        raise ValidationFailed(
            {
                "progreso": Sentence(
                    f"En '{state}' el progreso va de {low} a {high}",
                    f"In '{state}' the progress is from {low} to {high}",
                )
            }
        )
    rejected = source is OrderState.QA and order.estado == OrderState.CONSTRUCCION
    if patch.progreso < before and not rejected:
        raise ValidationFailed(
            {
                "progreso": Sentence(
                    f"El progreso no baja: la orden va en {before}",
                    f"The progress does not fall: the order is at {before}",
                )
            }
        )
    order.progreso = patch.progreso


def keep_progress(order: Order, patch: OrderPatch, actor: Actor, now: datetime) -> None:
    """Keep the progress of a patch as the word of the agent that sends it."""
    if patch.progreso is not None and actor.kind in AGENT_KINDS:
        keep_report(order, ReportedProgress(percent=patch.progreso), now)


def _set_fields(order: Order, patch: OrderPatch) -> None:
    for name in ("asignado_a", "session_id", "tags", "notas_internas"):
        value = getattr(patch, name)
        if value is not None:
            setattr(order, name, value)


def entry_event(entry: LogEntry, principal: Principal) -> NewEvent:
    """Return the event of a reported entry; with its own time it is known when it is repeated."""
    event = NewEvent(
        kind=EventKind.REGISTRO,
        agent=entry.agente or principal.name,
        message=entry.mensaje,
        level=LogLevel(entry.tipo),
        metadata=entry.metadata,
        visibility=Visibility.CLIENTE,
        occurred_at=entry.timestamp,
    )
    return replace(event, dedupe_key=content_key(event) if entry.timestamp else None)
