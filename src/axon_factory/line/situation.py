"""Read an order's situation: everything that decides which step is due."""

from pathlib import Path
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderCredential, OrderStep
from axon_factory.domain.evidence import NO_EVIDENCE
from axon_factory.domain.lifecycle import Situation, StepKind
from axon_factory.domain.plan import Plan
from axon_factory.domain.states import (
    Audience,
    Claim,
    OrderState,
    PlanStatus,
    WaitsFor,
    needs_evidence,
)
from axon_factory.orders.credentials import pending_version
from axon_factory.orders.evidence import read_evidence
from axon_factory.orders.line_mode import hold_mode
from axon_factory.orders.plans.versions import find_plan
from axon_factory.orders.policy import Policy
from axon_factory.orders.questions.open import open_questions
from axon_factory.orders.runs.state import OWN_BUILDER, runs_of, unwanted_run
from axon_factory.ports.product import ProductUnderReview

__all__ = ["product_under_review", "read_situation"]


async def read_situation(tx: AsyncSession, order: Order, *, policy: Policy) -> Situation:
    """Return the situation of the locked order."""
    state = OrderState(order.estado)
    credentials_ready = False
    auto_approve, questions = False, tuple[str, ...]()
    if _waits_for_approval(order):
        auto_approve = await _approves_itself(tx, order, policy)
        asked = await open_questions(tx, order, Audience.PLANIFICADOR)
        questions = tuple(str(question.number) for question in asked)
    mode = await hold_mode(tx)
    runs = await runs_of(tx, order)
    unwanted = unwanted_run(order, runs)
    evidence = await read_evidence(tx, order) if needs_evidence(state) else NO_EVIDENCE
    if state is OrderState.CONSTRUCCION:
        Plan.model_validate(order.plan)  # a damaged one fails the order, here where it is seen
    deployed = order.resultado is not None and order.deployment_open
    rotation = await pending_version(tx, order.id) if deployed else None
    if state is OrderState.LISTO:
        credentials_ready = await _has_credentials(tx, order.id)
    return Situation(
        state=state,
        plan_status=PlanStatus(order.plan_estado) if order.plan_estado else None,
        auto_approve=auto_approve,
        waits_for_person=order.espera not in {None, WaitsFor.MAQUINA},
        session_open=order.session_open,
        session_known=order.session_id is not None,
        deployment_open=order.deployment_open,
        credentials_ready=credentials_ready,
        deployed=deployed and evidence.proves(Claim.DEPLOYED),
        published=state is OrderState.CONSTRUCCION and await _is_published(tx, order),
        mode=mode,
        stopping=unwanted.intento if unwanted is not None else None,
        begun=bool(runs),
        outside=order.builder is not None and order.builder != OWN_BUILDER,
        milestones=evidence.planned,
        completed=evidence.completed,
        checks=evidence.required,
        checked=evidence.checked,
        questions=questions,
        rotation=rotation,
        erasing=order.erasure_pending,
    )


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


async def _approves_itself(tx: AsyncSession, order: Order, policy: Policy) -> bool:
    waiting = await find_plan(tx, order, order.plan_version)
    if waiting is None or waiting.author is not None:
        return False
    rules = policy.approval
    return rules.approves_itself(order.tipo_producto, order.precio, flagged=bool(waiting.flags))


async def _has_credentials(tx: AsyncSession, order_id: UUID) -> bool:
    found = await tx.scalar(
        select(col(OrderCredential.name)).where(col(OrderCredential.order_id) == order_id).limit(1)
    )
    return found is not None


async def _is_published(tx: AsyncSession, order: Order) -> bool:
    found = await tx.scalar(
        select(col(OrderStep.step)).where(
            col(OrderStep.order_id) == order.id,
            col(OrderStep.intento) == order.intento,
            col(OrderStep.step) == StepKind.PUBLISH,
            col(OrderStep.finished_at).is_not(None),
        )
    )
    return found is not None
