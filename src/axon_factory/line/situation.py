"""Read an order's situation: everything that decides which step is due."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.pipeline import ask
from axon_factory.db.tables import Order, OrderEvent, OutboxMessage
from axon_factory.domain.building import LineMode, Priority
from axon_factory.domain.evidence import NO_EVIDENCE
from axon_factory.domain.lifecycle import Situation, StepKind
from axon_factory.domain.plan import Plan
from axon_factory.domain.states import Claim, OrderState, PlanStatus, WaitsFor, needs_evidence
from axon_factory.jobs.queue import ADVANCE, PRIORITIES_A_RANK, advance_lock
from axon_factory.orders.evidence import EVIDENCE, evidence_of, know_evidence
from axon_factory.orders.line_mode import hold_mode
from axon_factory.orders.policy import Policy
from axon_factory.orders.runs.state import OWN_BUILDER, unwanted_run
from axon_factory.ports.product import ProductUnderReview

__all__ = ["product_under_review", "read_situation"]


# One statement, because each is a turn of the loop, the driver and the server. Everything in it is
# read after the line's mode was held (`line_mode.hold_mode`): a snapshot from before could show
# a mode that a person has ended meanwhile.
_FACTS = text(
    f"""
    SELECT
        (SELECT mode FROM line_controls) AS mode,
        (SELECT json_agg(json_build_array(intento, ended_at, stop_requested_at) ORDER BY intento)
         FROM order_sessions WHERE order_id = :order_id) AS runs,
        CASE WHEN :waits THEN (
            SELECT json_agg(number ORDER BY number) FROM order_questions
            WHERE order_id = :order_id AND audience = 'planificador'
              AND answered_at IS NULL AND closed_at IS NULL
        ) END AS questions,
        CASE WHEN :waits THEN (
            SELECT json_build_array(author, flags) FROM order_plans
            WHERE order_id = :order_id AND version = :plan_version
        ) END AS plan,
        CASE WHEN :proven THEN {EVIDENCE} END AS evidence,
        CASE WHEN :deployed THEN (
            SELECT max(version) FROM order_credentials
            WHERE order_id = :order_id AND in_service_at IS NULL
        ) END AS rotation,
        :ready AND EXISTS (
            SELECT FROM order_credentials WHERE order_id = :order_id
        ) AS credentials_ready,
        :building AND EXISTS (
            SELECT FROM order_steps WHERE order_id = :order_id AND intento = :intento
              AND step = '{StepKind.PUBLISH}' AND finished_at IS NOT NULL
        ) AS published,
        EXISTS (
            SELECT FROM procrastinate_jobs
            WHERE status = 'todo' AND priority > :priority AND task_name = '{ADVANCE}'
              AND (scheduled_at IS NULL OR scheduled_at <= now())
              AND lock <> :lock
        ) AS outranked
    """  # noqa: S608 — constants of the program
)
_UNREAD = (Order, OrderEvent, OutboxMessage)
"""What the statement above does not look at: it may be pending in the session meanwhile."""


async def read_situation(tx: AsyncSession, order: Order, *, policy: Policy) -> Situation:
    """Return the situation of the locked order."""
    await hold_mode(tx)
    if any(not isinstance(one, _UNREAD) for one in (*tx.new, *tx.dirty, *tx.deleted)):
        await tx.flush()
    state = OrderState(order.estado)
    deployed = order.resultado is not None and order.deployment_open
    facts = await ask(tx, _FACTS, _parameters(order, state, deployed=deployed))
    runs = [_Run(*one) for one in facts.runs or ()]
    unwanted = unwanted_run(order, runs)
    evidence = NO_EVIDENCE
    if needs_evidence(state):
        evidence = evidence_of(order, facts.evidence)
        know_evidence(tx, order, evidence)
    if state is OrderState.CONSTRUCCION:
        Plan.model_validate(order.plan)  # a damaged one fails the order, here where it is seen
    return Situation(
        state=state,
        plan_status=PlanStatus(order.plan_estado) if order.plan_estado else None,
        auto_approve=facts.plan is not None and _approves_itself(order, policy, *facts.plan),
        waits_for_person=order.espera not in {None, WaitsFor.MAQUINA},
        session_open=order.session_open,
        session_known=order.session_id is not None,
        deployment_open=order.deployment_open,
        credentials_ready=facts.credentials_ready,
        deployed=deployed and evidence.proves(Claim.DEPLOYED),
        published=facts.published,
        mode=LineMode(facts.mode),
        stopping=unwanted.intento if unwanted is not None else None,
        begun=bool(runs),
        outside=order.builder is not None and order.builder != OWN_BUILDER,
        milestones=evidence.planned,
        completed=evidence.completed,
        checks=evidence.required,
        checked=evidence.checked,
        questions=tuple(str(number) for number in facts.questions or ()),
        rotation=facts.rotation,
        erasing=order.erasure_pending,
        outranked=facts.outranked,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """What of a row of `order_sessions` says whether its order wants it."""

    intento: int
    ended_at: str | None
    stop_requested_at: str | None


def _parameters(order: Order, state: OrderState, *, deployed: bool) -> Mapping[str, object]:
    return {
        "order_id": order.id,
        "intento": order.intento,
        "plan_version": order.plan_version,
        "waits": _waits_for_approval(order),
        "proven": order.plan is not None and needs_evidence(state),
        "deployed": deployed,
        "ready": state is OrderState.LISTO,
        "building": state is OrderState.CONSTRUCCION,
        "priority": Priority(order.prioridad).rank * PRIORITIES_A_RANK,
        "lock": advance_lock(order.id),
    }


def product_under_review(order: Order, products: Path, commit: str | None) -> ProductUnderReview:
    """Return what the council may know of the order; `commit` is the newest of its attempt."""
    return ProductUnderReview(
        order_id=str(order.id),
        order_number=order.order_number,
        slug=order.slug,
        product_type=order.tipo_producto,
        attempt=order.intento,
        product_dir=products / order.slug,
        commit=commit,
    )


def _waits_for_approval(order: Order) -> bool:
    return (
        order.estado == OrderState.PLANIFICACION
        and order.plan_estado == PlanStatus.PENDIENTE_APROBACION
    )


def _approves_itself(
    order: Order, policy: Policy, author: str | None, flags: Sequence[object]
) -> bool:
    """Return whether the waiting plan needs no person: one that a person wrote always does."""
    rules = policy.approval
    return author is None and rules.approves_itself(
        order.tipo_producto, order.precio, flagged=bool(flags)
    )
