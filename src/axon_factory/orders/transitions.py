"""The one function that writes `estado` (resolutions *States*).

The caller has locked the row. In one transaction: check pair, actor and guards; write state,
first-entry timestamp, stage history, version and fence; append the event; enqueue the next job.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.pipeline import send
from axon_factory.db.sessions import flush_unless_joined
from axon_factory.db.tables import Order, OrderStage
from axon_factory.domain.building import Priority
from axon_factory.domain.errors import TransitionRefused
from axon_factory.domain.events import NewEvent
from axon_factory.domain.evidence import NO_EVIDENCE, Evidence
from axon_factory.domain.failure import Failure
from axon_factory.domain.states import (
    AGENT_KINDS,
    OBSTACLES,
    Actor,
    ActorKind,
    Claim,
    OrderState,
    PlanStatus,
    WaitsFor,
    find_transition,
    needs_evidence,
    targets_from,
)
from axon_factory.domain.text import Sentence, timestamp
from axon_factory.jobs.queue import enqueue_advance
from axon_factory.orders.events import append_event
from axon_factory.orders.evidence import read_evidence
from axon_factory.orders.questions.open import close_questions
from axon_factory.orders.runs.state import release_run

__all__ = [
    "enter_first_state",
    "first_stage_row",
    "legal_targets",
    "note_change",
    "refuse",
    "transition",
    "wake",
]

_APPROVAL = (OrderState.PLANIFICACION, OrderState.CONSTRUCCION)
_PLAN_DECISIONS = {(OrderState.PLANIFICACION, OrderState.PLANIFICACION), _APPROVAL}
_FIRST_ENTRY = {
    OrderState.CONSTRUCCION: "construccion_iniciada_at",
    OrderState.QA: "qa_iniciada_at",
    OrderState.LISTO: "listo_at",
    OrderState.ENTREGADO: "entregado_at",
    OrderState.FALLIDO: "fallido_at",
    OrderState.CANCELADO: "cancelado_at",
}

# The stage before is the only one that is open, and the newest.
_ENTER_STAGE = text(
    """
    WITH before AS (
        UPDATE order_stages SET left_at = :now WHERE order_id = :order_id AND left_at IS NULL
    )
    INSERT INTO order_stages (order_id, ordinal, intento, estado, actor, entered_at)
    SELECT :order_id, coalesce(max(ordinal), 0) + 1, :intento, CAST(:estado AS text),
           CAST(:actor AS text), CAST(:now AS timestamptz)
    FROM order_stages WHERE order_id = :order_id
    """
)


async def transition(
    session: AsyncSession,
    order: Order,
    target: OrderState,
    *,
    actor: Actor,
    now: datetime,
    event: NewEvent,
    failure: Failure | None = None,
    overridden: bool = False,
) -> None:
    """Move the locked `order` to `target` and enqueue what follows.

    `event` tells of it in the log; both states are added to its metadata. `failure` is required for
    `fallido` and kept on the order. `overridden`: a person answers for the missing evidence.

    Raises:
        TransitionRefused: the table does not have the pair, or not for this actor, or a guard
            does not hold; the error lists the legal targets and the evidence that is missing.
    """
    source = OrderState(order.estado)
    evidence = NO_EVIDENCE
    if needs_evidence(source):
        # The caller may have set what only holds in `target`: the database would refuse it here.
        with session.no_autoflush:
            evidence = await read_evidence(session, order)
    row = find_transition(source, target)
    if row is None or actor.kind not in row.actors:
        raise _refusal(order, target, actor, evidence)
    _guard(order, source, target, actor, failure, evidence)
    claim = None if overridden else row.claim_of(actor.kind)
    if claim is not None and not evidence.proves(claim):
        obstacle = _unproven(order, evidence, claim, actor)
        raise _refusal(order, target, actor, evidence, obstacle, evidence.missing(claim))
    order.estado = target
    order.fallo = None
    if failure is not None:
        order.fallo = _failure_document(failure, now)
    order.espera = order.espera_causa = None
    order.silence = None
    order.fence += 1
    _stamp(order, target, now)
    await close_questions(session, order, now)
    if source is OrderState.CONSTRUCCION:
        await release_run(session, order, now, reviewed=target is OrderState.QA)
    await _enter_stage(session, order, actor, now)
    states = {"estado_anterior": source.value, "estado_nuevo": target.value}
    told = replace(event, metadata={**states, **event.metadata})
    await append_event(session, order, told, actor=actor, now=now, left=source)
    await wake(session, order, now)


async def enter_first_state(
    session: AsyncSession, order: Order, *, actor: Actor, now: datetime
) -> None:
    """Open the stage history of an order that was just inserted as `nuevo`."""
    session.add(OrderStage(**first_stage_row(order.id, actor, now)))
    await session.flush()


def first_stage_row(order_id: UUID, actor: Actor, now: datetime) -> dict[str, Any]:
    """Return the row that opens the stage history of a new order."""
    return {
        "order_id": order_id,
        "ordinal": 1,
        "intento": 1,
        "estado": OrderState.NUEVO,
        "actor": actor.id,
        "entered_at": now,
    }


async def wake(
    session: AsyncSession, order: Order, now: datetime, *, at: datetime | None = None
) -> None:
    """Note that the locked order was written, and enqueue its next advance (not before `at`)."""
    await note_change(session, order, now)
    await enqueue_advance(session, order.id, rank=Priority(order.prioridad).rank, at=at)


async def note_change(session: AsyncSession, order: Order, now: datetime) -> None:
    """Note that the locked order was written; nothing is enqueued."""
    order.version += 1
    order.updated_at = now
    await flush_unless_joined(session)


def legal_targets(
    order: Order, actor: Actor, evidence: Evidence, *, own_orders: bool = True
) -> list[OrderState]:
    """Return the states that `actor` may move this order to now, guards and evidence included.

    `own_orders`: whether the principal that placed an order may approve its plan.
    """
    source = OrderState(order.estado)
    barred = not own_orders and actor.id == order.created_by
    return [
        target
        for target in targets_from(source, actor.kind)
        if _obstacle(order, source, target, actor) is None
        and (
            (source, target) not in _PLAN_DECISIONS
            or order.plan_estado == PlanStatus.PENDIENTE_APROBACION
        )
        and not (barred and (source, target) == _APPROVAL)
        and _is_proven(source, target, actor, evidence)
    ]


async def refuse(
    session: AsyncSession,
    order: Order,
    target: OrderState,
    actor: Actor,
    reason: Sentence | None = None,
) -> TransitionRefused:
    """Build the 409 that lists what this actor may do instead."""
    evidence = await read_evidence(session, order)
    return _refusal(order, target, actor, evidence, reason)


def _unproven(order: Order, evidence: Evidence, claim: Claim, actor: Actor) -> Sentence | None:
    """Return why `claim` is not proven; an admin is told what a person can do about it."""
    obstacle = evidence.obstacle(claim)
    if obstacle is None or claim is not Claim.REVIEWED or actor.kind is not ActorKind.ADMIN:
        return obstacle
    path = f"POST /api/orders/{order.order_number}/accept"
    return Sentence(
        f"{obstacle}. Una persona puede aceptar el producto con un motivo: {path}",
        f"{obstacle.en}. A person may accept the product with a reason: {path}",
    )


def _is_proven(source: OrderState, target: OrderState, actor: Actor, evidence: Evidence) -> bool:
    row = find_transition(source, target)
    claim = row.claim_of(actor.kind) if row is not None else None
    return claim is None or evidence.proves(claim)


def _refusal(
    order: Order,
    target: OrderState,
    actor: Actor,
    evidence: Evidence,
    reason: Sentence | None = None,
    missing: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> TransitionRefused:
    legal = legal_targets(order, actor, evidence)
    sentence = reason or Sentence(
        f"La orden {order.order_number} está en '{order.estado}' y no puede pasar a '{target}'",
        f"Order {order.order_number} is in '{order.estado}' and cannot move to '{target}'",
    )
    return TransitionRefused(
        sentence,
        message_en=sentence.en,
        extra={"estado_actual": order.estado, "transiciones_permitidas": legal, **missing},
    )


def _guard(
    order: Order,
    source: OrderState,
    target: OrderState,
    actor: Actor,
    failure: Failure | None,
    evidence: Evidence,
) -> None:
    if (target is OrderState.FALLIDO) != (failure is not None):
        raise ValueError("fallido, and only fallido, carries a failure")
    obstacle = _obstacle(order, source, target, actor)
    if obstacle is not None:
        raise _refusal(order, target, actor, evidence, obstacle)


def _obstacle(
    order: Order, source: OrderState, target: OrderState, actor: Actor
) -> Sentence | None:
    """Return what keeps a pair of the table from this order at present, or None."""
    if target is OrderState.ENTREGADO and order.resultado is None:
        return Sentence(
            "Todavía no hay un despliegue que entregar", "There is no deployment to hand over yet"
        )
    if order.espera is not None and actor.kind in {ActorKind.WORKER, *AGENT_KINDS}:
        obstacle = OBSTACLES.get(WaitsFor(order.espera))
        if obstacle is not None:
            return obstacle
    failed_in = (order.fallo or {}).get("estado")
    if source is OrderState.FALLIDO and target not in {failed_in, OrderState.CANCELADO}:
        return Sentence(
            f"El reintento vuelve al estado que falló: {failed_in}",
            f"A retry goes back to the state that failed: {failed_in}",
        )
    if (source, target) in _PLAN_DECISIONS:
        return _obstacle_to_decision(order, actor)
    return None


def _obstacle_to_decision(order: Order, actor: Actor) -> Sentence | None:
    """A program may not decide about a plan; the line may, by policy or after a decision."""
    if actor.kind is ActorKind.WORKER or actor.is_person:
        return None
    return Sentence(
        f"El plan de la orden {order.order_number} lo decide una persona",
        f"The plan of order {order.order_number} is decided by a person",
    )


def _failure_document(failure: Failure, now: datetime) -> dict[str, str | None]:
    document = asdict(failure)
    return {
        "causa": document["cause"],
        "mensaje": document["message"],
        "estado": document["state"],
        "paso": document["step"],
        "at": timestamp(now),
    }


def _stamp(order: Order, target: OrderState, now: datetime) -> None:
    column = _FIRST_ENTRY.get(target)
    if column is not None and getattr(order, column) is None:
        setattr(order, column, now)


async def _enter_stage(session: AsyncSession, order: Order, actor: Actor, now: datetime) -> None:
    await send(
        session,
        _ENTER_STAGE,
        {
            "order_id": order.id,
            "intento": order.intento,
            "estado": order.estado,
            "actor": actor.id,
            "now": now,
        },
    )
