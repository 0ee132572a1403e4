"""Build: one milestone a step, the run's other reports, then the repository's address."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import update
from sqlmodel import col

from axon_factory.db.tables import Order, OrderMilestone, OrderQuestion
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.names import BUILDER, COUNCIL, line_actor, reserved_for
from axon_factory.domain.progress import BEFORE_QA_PASSES, build_progress
from axon_factory.domain.states import (
    LONGEST_QUESTION,
    MOST_OPTIONS,
    Actor,
    ActorKind,
    Audience,
    OrderState,
)
from axon_factory.line.steps.build_request import build_request
from axon_factory.line.steps.run import RunWork
from axon_factory.orders.budget import record_uses
from axon_factory.orders.change import Change
from axon_factory.orders.evidence import keep_milestone
from axon_factory.orders.questions.asking import NewQuestion, ask_question
from axon_factory.orders.runs.capacity import free_place
from axon_factory.orders.runs.liveness import note_life
from axon_factory.orders.runs.state import OWN_BUILDER, RunEnd, current_run, keep_report
from axon_factory.ports.builder import Builder, BuildReport, BuildStatus
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import GitHost

__all__ = ["BuildNext", "FinishBuild", "PublishRepository"]


class BuildNext:
    """Have the run do, or show, its next milestone."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, builder: Builder, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._builder = builder
        self._products = products

    async def prepare(self, change: Change, _step: DueStep) -> RunWork:
        """Collect the run and what it has completed."""
        order = change.order
        request = await build_request(change.tx, order, change.policy, self._products)
        return RunWork(order.session_id, request)

    async def call(self, work: RunWork, *, idempotency_key: str) -> BuildReport:
        """Ask the builder."""
        if work.session_id is None:
            raise PortError("La orden no tiene sesión", cause=self.cause)
        return await self._builder.proceed(
            work.session_id, work.request, idempotency_key=idempotency_key
        )

    async def record(self, change: Change, work: RunWork, outcome: BuildReport) -> None:
        """Record what the run has shown; what it only says is kept as its word."""
        order = change.order
        pause = outcome.poll_after_seconds
        again = change.now + timedelta(seconds=pause) if pause else None
        if not outcome.heard:
            await change.wake(at=again)
            return
        await record_uses(change.tx, order, outcome.uses, "construccion")
        await _mark_delivered(change, work)
        await _keep_logs(change, outcome)
        await _complete_milestones(change, work, outcome)
        await _keep_questions(change, outcome)
        at = outcome.heartbeat_at or change.now
        await note_life(change.by(line_actor(_agent_of(order))), at=at)
        order.session_cursor = outcome.cursor
        if outcome.reported is not None:
            keep_report(order, outcome.reported, change.now)
        await _note_end(change, outcome)
        await change.wake(at=again)


class FinishBuild:
    """Every milestone is done: hand the product to the Review Council."""

    async def apply(self, change: Change) -> None:
        """Move the order to `qa` before the long review begins."""
        order = change.order
        order.progreso = BEFORE_QA_PASSES
        current = await current_run(change.tx, order)
        # One that goes on outside is stopped before its product is looked at.
        if current is not None and (current.builder == OWN_BUILDER or current.finished_at):
            await free_place(change, current, RunEnd.FINISHED)
        order.asignado_a = COUNCIL.name
        await change.by(BUILDER).move(
            OrderState.QA, "Código completo; el Review Council revisa el producto"
        )


async def _note_end(change: Change, report: BuildReport) -> None:
    """Note whether the run says that it has nothing left to do."""
    current = await current_run(change.tx, change.order)
    if current is not None:
        finished = report.status is BuildStatus.FINISHED
        current.finished_at = (current.finished_at or change.now) if finished else None


async def _mark_delivered(change: Change, work: RunWork) -> None:
    """Note that the run has the answers that this call has brought it."""
    numbers = [answer.number for answer in work.request.answers]
    if numbers:
        await change.tx.execute(
            update(OrderQuestion)
            .where(
                col(OrderQuestion.order_id) == change.order.id,
                col(OrderQuestion.number).in_(numbers),
                col(OrderQuestion.delivered_at).is_(None),
            )
            .values(delivered_at=change.now)
        )


async def _keep_logs(change: Change, report: BuildReport) -> None:
    order = change.order
    for line in report.logs:
        actor = _speaker(order, line.agent)
        await change.by(actor).append(
            NewEvent(
                kind=EventKind.REGISTRO,
                agent=actor.name,
                message=line.message,
                level=line.level,
                visibility=line.visibility,
                occurred_at=line.at,
                dedupe_key=f"sesion:{order.session_id}:{line.key}",
            )
        )


async def _complete_milestones(change: Change, work: RunWork, report: BuildReport) -> None:
    """Record completed milestones of the plan; others count for nothing (resolutions 24)."""
    order = change.order
    planned = {milestone.id: milestone for milestone in work.request.plan.milestones}
    completed = set(work.request.completed)
    for done in report.milestones:
        if done.id not in planned or done.id in completed:
            continue
        completed.add(done.id)
        actor = _speaker(order, done.agent)
        order.asignado_a = actor.name
        progress = build_progress(planned.values(), completed, reworks=order.retrabajos)
        order.progreso = max(order.progreso, progress)
        keep_milestone(
            change.tx,
            OrderMilestone(
                order_id=order.id,
                intento=order.intento,
                milestone_id=done.id,
                agente=actor.name,
                commit_id=done.commit,
                completed_at=change.now,
            ),
        )
        await change.by(actor).tell(
            EventKind.HITO_COMPLETADO,
            done.message,
            level=LogLevel.SUCCESS,
            milestone=done.id,
            nombre=planned[done.id].nombre,
            commit=done.commit,
            progreso=order.progreso,
        )


async def _keep_questions(change: Change, report: BuildReport) -> None:
    order = change.order
    asker = _speaker(order, _agent_of(order))
    for asked in report.questions:
        question = NewQuestion(
            audience=Audience.CLIENTE if asked.to_client else Audience.OPERADOR,
            text=asked.text[:LONGEST_QUESTION],
            options=tuple(dict.fromkeys(asked.options))[:MOST_OPTIONS],
            dedupe_key=f"sesion:{order.session_id}:{asked.key}",
        )
        await ask_question(change.by(asker), question)


def _agent_of(order: Order) -> str:
    return order.asignado_a or BUILDER.name


def _speaker(order: Order, name: str) -> Actor:
    """Return the order's run as an actor; a name reserved for others becomes a builder's.

    What the factory builds itself it says itself.
    """
    if order.builder in {None, OWN_BUILDER}:
        return line_actor(name)
    spoken = name if reserved_for(name) is None else BUILDER.name
    return Actor(ActorKind.BUILDER, f"sesion:{order.session_id}", spoken)


@dataclass(frozen=True, slots=True)
class Repository:
    """What is to be published."""

    slug: str
    product_dir: Path


class PublishRepository:
    """Push the product's repository to the git host."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, git_host: GitHost, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._git_host = git_host
        self._products = products

    async def prepare(self, change: Change, _step: DueStep) -> Repository:
        """Name the repository."""
        order = change.order
        return Repository(order.slug, self._products / order.slug)

    async def call(self, work: Repository, *, idempotency_key: str) -> str:
        """Publish it."""
        return await self._git_host.publish(
            work.slug, work.product_dir, idempotency_key=idempotency_key
        )

    async def record(self, change: Change, _work: Repository, outcome: str) -> None:
        """Keep the address."""
        change.order.repo_url = outcome
        await change.by(BUILDER).tell(
            EventKind.REPOSITORIO_PUBLICADO, f"Repositorio publicado: {outcome}", repo_url=outcome
        )
        await change.wake()
