"""PATCH an order (design §3.5, resolutions 15): agents and staff report, and overwrite nothing."""

from dataclasses import replace

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

__all__ = ["patch_order"]


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
    forbidden = sorted(patch.fields - writable_by(principal.grant))
    if forbidden:
        able = [grant for grant, fields in WRITERS.items() if patch.fields <= fields]
        scopes, roles = names_of(able)
        raise Forbidden(
            f"No puedes cambiar: {', '.join(forbidden)}",
            message_en=f"You may not change: {', '.join(forbidden)}",
            extra={"alcances_validos": scopes, "roles_validos": roles},
        )
    await correct_order(change, patch)
    before, source = order.progreso, OrderState(order.estado)
    if change.actor.kind in AGENT_KINDS and source not in ACTIVE_STATES:
        raise OrderEnded(order.order_number, order.estado)
    _require_own_names(order, patch, principal)
    if patch.prioridad is not None and patch.prioridad != order.prioridad:
        order.prioridad = patch.prioridad
        await change_priority(change.tx, order.id, rank=patch.prioridad.rank)
    if patch.estado is not None and patch.estado != order.estado:
        await _move(change, patch, principal)
        await tell_moved_promise(change)
    elif patch.fields:
        await change.wake()
    await note_caller(change, principal)
    _set_progress(order, patch, before, source)
    if patch.progreso is not None and change.actor.kind in AGENT_KINDS:
        keep_report(order, ReportedProgress(percent=patch.progreso), change.now)
    _set_fields(order, patch)
    if patch.session_id is not None and order.estado == OrderState.CONSTRUCCION:
        builder = order.builder or change.policy.agents.builder_of(order.tipo_producto)
        await adopt_run(change.tx, order, patch.session_id, builder, change.now)
    for entry in patch.logs:
        await change.append(_event(entry, principal))


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
    wanted = [entry.agente or principal.name for entry in patch.logs]
    if patch.asignado_a is not None:
        wanted.append(patch.asignado_a)
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


def _set_progress(order: Order, patch: OrderPatch, before: int, source: OrderState) -> None:
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


def _set_fields(order: Order, patch: OrderPatch) -> None:
    for name in ("asignado_a", "session_id", "tags", "notas_internas"):
        value = getattr(patch, name)
        if value is not None:
            setattr(order, name, value)


def _event(entry: LogEntry, principal: Principal) -> NewEvent:
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
