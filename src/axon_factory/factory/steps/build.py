"""Build: one milestone a step, whatever else the run has to say, then the repository's address."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderMilestone, OrderQuestion
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.progress import BEFORE_QA_PASSES, build_progress
from axon_factory.domain.questions import LONGEST_QUESTION, MOST_OPTIONS, Audience
from axon_factory.domain.speakers import reserved_for
from axon_factory.domain.states import Actor, ActorKind, OrderState
from axon_factory.factory.step import line_actor
from axon_factory.factory.steps.build_request import build_request
from axon_factory.factory.steps.session import SessionWork
from axon_factory.orders.budget import record_uses
from axon_factory.orders.events import append_event
from axon_factory.orders.policy import Policy
from axon_factory.orders.questions.asking import NewQuestion, ask_question
from axon_factory.orders.runs.capacity import free_place
from axon_factory.orders.runs.liveness import note_life
from axon_factory.orders.runs.state import OWN_BUILDER, SessionEnd, current_session, keep_report
from axon_factory.orders.transitions import transition, wake
from axon_factory.ports.builder import Builder, BuildReport, BuildStatus
from axon_factory.ports.errors import PortError
from axon_factory.ports.git_host import GitHost

__all__ = ["BuildNext", "FinishBuild", "PublishRepository"]


class BuildNext:
    """Have the session do, or show, its next milestone."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, builder: Builder, policy: Policy, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._builder = builder
        self._policy = policy
        self._products = products

    async def prepare(self, session: AsyncSession, order: Order, _step: DueStep) -> SessionWork:
        """Collect the session and what it has completed."""
        request = await build_request(session, order, self._policy, self._products)
        return SessionWork(order.session_id, request)

    async def call(self, work: SessionWork, *, idempotency_key: str) -> BuildReport:
        """Ask the builder."""
        if work.session_id is None:
            raise PortError("La orden no tiene sesión", cause=self.cause)
        return await self._builder.proceed(
            work.session_id, work.request, idempotency_key=idempotency_key
        )

    async def record(
        self,
        session: AsyncSession,
        order: Order,
        work: SessionWork,
        outcome: BuildReport,
        now: datetime,
    ) -> None:
        """Record what the session has shown; what it only says is kept as its word."""
        pause = outcome.poll_after_seconds
        again = now + timedelta(seconds=pause) if pause else None
        if not outcome.heard:
            await wake(session, order, now, at=again)
            return
        await record_uses(session, order, outcome.uses, "construccion")
        await _mark_delivered(session, order, work, now)
        await _keep_logs(session, order, outcome, now)
        await _complete_milestones(session, order, work, outcome, now)
        await _keep_questions(session, order, outcome, self._policy, now)
        at = outcome.heartbeat_at or now
        await note_life(session, order, at=at, actor=line_actor(_agent_of(order)), now=now)
        order.session_cursor = outcome.cursor
        if outcome.reported is not None:
            keep_report(order, outcome.reported, now)
        await _note_end(session, order, outcome, now)
        await wake(session, order, now, at=again)


class FinishBuild:
    """Every milestone is done: hand the product to the Review Council."""

    def __init__(self, policy: Policy) -> None:
        """`policy` says how many orders are built at once: this one gives its place back."""
        self._policy = policy

    async def apply(self, session: AsyncSession, order: Order, now: datetime) -> None:
        """Move the order to `qa` before the long review begins."""
        order.progreso = BEFORE_QA_PASSES
        current = await current_session(session, order)
        # One that goes on outside is stopped before its product is looked at.
        if current is not None and (current.builder == OWN_BUILDER or current.finished_at):
            limits, how = self._policy.limits, SessionEnd.FINISHED
            await free_place(session, order, current, how, limits=limits, now=now)
        order.asignado_a = "Review Council"
        await transition(
            session,
            order,
            OrderState.QA,
            actor=line_actor("Builder Agent"),
            now=now,
            event=NewEvent(
                kind=EventKind.ESTADO_CAMBIADO,
                agent="Builder Agent",
                message="Código completo; el Review Council revisa el producto",
                metadata={
                    "estado_anterior": OrderState.CONSTRUCCION.value,
                    "estado_nuevo": OrderState.QA.value,
                },
            ),
        )


async def _note_end(
    session: AsyncSession, order: Order, report: BuildReport, now: datetime
) -> None:
    """Note whether the session says that it has nothing left to do."""
    current = await current_session(session, order)
    if current is not None:
        finished = report.status is BuildStatus.FINISHED
        current.finished_at = (current.finished_at or now) if finished else None


async def _mark_delivered(
    session: AsyncSession, order: Order, work: SessionWork, now: datetime
) -> None:
    """Note that the session has the answers that this call has brought it."""
    numbers = [answer.number for answer in work.request.answers]
    if numbers:
        await session.execute(
            update(OrderQuestion)
            .where(
                col(OrderQuestion.order_id) == order.id,
                col(OrderQuestion.number).in_(numbers),
                col(OrderQuestion.delivered_at).is_(None),
            )
            .values(delivered_at=now)
        )


async def _keep_logs(
    session: AsyncSession, order: Order, report: BuildReport, now: datetime
) -> None:
    for line in report.logs:
        actor = _speaker(order, line.agent)
        event = NewEvent(
            kind=EventKind.REGISTRO,
            agent=actor.name,
            message=line.message,
            level=line.level,
            visibility=line.visibility,
            occurred_at=line.at,
            dedupe_key=f"sesion:{order.session_id}:{line.key}",
        )
        await append_event(session, order, event, actor=actor, now=now)


async def _complete_milestones(
    session: AsyncSession, order: Order, work: SessionWork, report: BuildReport, now: datetime
) -> None:
    """Record completed milestones of the plan; others count for nothing (resolutions 24)."""
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
        session.add(
            OrderMilestone(
                order_id=order.id,
                intento=order.intento,
                milestone_id=done.id,
                agente=actor.name,
                commit_id=done.commit,
                completed_at=now,
            )
        )
        event = NewEvent(
            kind=EventKind.HITO_COMPLETADO,
            agent=actor.name,
            message=done.message,
            level=LogLevel.SUCCESS,
            metadata={
                "milestone": done.id,
                "nombre": planned[done.id].nombre,
                "commit": done.commit,
                "progreso": order.progreso,
            },
        )
        await append_event(session, order, event, actor=actor, now=now)


async def _keep_questions(
    session: AsyncSession, order: Order, report: BuildReport, policy: Policy, now: datetime
) -> None:
    asker = _speaker(order, _agent_of(order))
    for asked in report.questions:
        question = NewQuestion(
            audience=Audience.CLIENTE if asked.to_client else Audience.OPERADOR,
            text=asked.text[:LONGEST_QUESTION],
            options=tuple(dict.fromkeys(asked.options))[:MOST_OPTIONS],
            dedupe_key=f"sesion:{order.session_id}:{asked.key}",
        )
        await ask_question(session, order, question, actor=asker, policy=policy, now=now)


def _agent_of(order: Order) -> str:
    return order.asignado_a or "Builder Agent"


def _speaker(order: Order, name: str) -> Actor:
    """Return the order's session as an actor; a name reserved for others becomes a builder's.

    What the factory builds itself it says itself.
    """
    if order.builder in {None, OWN_BUILDER}:
        return line_actor(name)
    spoken = name if reserved_for(name) is None else "Builder Agent"
    return Actor(ActorKind.BUILDER, f"sesion:{order.session_id}", spoken)


_BUILDER = line_actor("Builder Agent")


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

    async def prepare(self, _session: AsyncSession, order: Order, _step: DueStep) -> Repository:
        """Name the repository."""
        return Repository(order.slug, self._products / order.slug)

    async def call(self, work: Repository, *, idempotency_key: str) -> str:
        """Publish it."""
        return await self._git_host.publish(
            work.slug, work.product_dir, idempotency_key=idempotency_key
        )

    async def record(
        self, session: AsyncSession, order: Order, _work: Repository, outcome: str, now: datetime
    ) -> None:
        """Keep the address."""
        order.repo_url = outcome
        event = NewEvent(
            kind=EventKind.REPOSITORIO_PUBLICADO,
            agent=_BUILDER.name,
            message=f"Repositorio publicado: {outcome}",
            metadata={"repo_url": outcome},
        )
        await append_event(session, order, event, actor=_BUILDER, now=now)
        await wake(session, order, now)
