"""Build: one session an attempt, one milestone a step (design §5.3, §5.4; resolutions 24)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderCheck, OrderEvent, OrderMilestone
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.plan import Plan
from axon_factory.domain.progress import BEFORE_QA_PASSES, build_progress
from axon_factory.domain.states import OrderState
from axon_factory.factory.situation import completed_milestones
from axon_factory.factory.step import line_actor
from axon_factory.orders.events import append_event
from axon_factory.orders.transitions import transition, wake
from axon_factory.ports.builder import Builder, BuildReport, BuildRequest, Finding
from axon_factory.ports.errors import PortError

__all__ = ["BuildNext", "FinishBuild", "StartSession", "StopSession"]

_SUPER_AXON = line_actor("Super Axon Agent")
_BY_A_PERSON = "persona"
_PUBLIC_CLIENT_DATA = ("nombre", "email", "telefono", "industria", "pais")


@dataclass(frozen=True, slots=True)
class SessionWork:
    """A session, by its id once it has one, and what it builds."""

    session_id: str | None
    request: BuildRequest


class StartSession:
    """Start, or find again, the builder's session of this attempt."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, builder: Builder, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._builder = builder
        self._products = products

    async def prepare(self, session: AsyncSession, order: Order, _step: DueStep) -> BuildRequest:
        """Collect the goal, the plan, and the findings that a rework must answer."""
        return await _request(session, order, self._products)

    async def call(self, work: BuildRequest, *, idempotency_key: str) -> str:
        """Ask the builder."""
        return await self._builder.start(work, idempotency_key=idempotency_key)

    async def record(
        self, session: AsyncSession, order: Order, _work: BuildRequest, outcome: str, now: datetime
    ) -> None:
        """Keep the session's id on the order."""
        order.session_id = outcome
        order.asignado_a = "Builder Agent"
        event = NewEvent(
            kind=EventKind.SESION_INICIADA,
            agent=_SUPER_AXON.name,
            message=f"Construcción iniciada (session: {outcome})",
            metadata={"session_id": outcome, "constructor": self._builder.name},
        )
        await append_event(session, order, event, actor=_SUPER_AXON, now=now)
        await wake(session, order, now)


class BuildNext:
    """Have the session do, or show, its next milestone."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, builder: Builder, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._builder = builder
        self._products = products

    async def prepare(self, session: AsyncSession, order: Order, _step: DueStep) -> SessionWork:
        """Collect the session and what it has completed."""
        return SessionWork(order.session_id, await _request(session, order, self._products))

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
        """Record completed milestones of the plan; others count for nothing (resolutions 24)."""
        planned = {milestone.id: milestone for milestone in work.request.plan.milestones}
        completed = set(work.request.completed)
        for report in outcome.milestones:
            if report.id not in planned or report.id in completed:
                continue
            completed.add(report.id)
            order.asignado_a = report.agent
            order.progreso = max(
                order.progreso,
                build_progress(planned.values(), completed, reworks=order.retrabajos),
            )
            session.add(
                OrderMilestone(
                    order_id=order.id,
                    intento=order.intento,
                    milestone_id=report.id,
                    agente=report.agent,
                    commit_id=report.commit,
                    completed_at=now,
                )
            )
            event = NewEvent(
                kind=EventKind.HITO_COMPLETADO,
                agent=report.agent,
                message=report.message,
                level=LogLevel.SUCCESS,
                metadata={
                    "milestone": report.id,
                    "nombre": planned[report.id].nombre,
                    "commit": report.commit,
                    "progreso": order.progreso,
                },
            )
            await append_event(session, order, event, actor=line_actor(report.agent), now=now)
        pause = outcome.poll_after_seconds
        await wake(session, order, now, at=now + timedelta(seconds=pause) if pause else None)


class FinishBuild:
    """Every milestone is done: hand the product to the Review Council."""

    async def apply(self, session: AsyncSession, order: Order, now: datetime) -> None:
        """Move the order to `qa` before the long review begins."""
        order.progreso = BEFORE_QA_PASSES
        order.session_open = False
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


class StopSession:
    """End the session of an order that was cancelled or failed."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, builder: Builder, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._builder = builder
        self._products = products

    async def prepare(self, session: AsyncSession, order: Order, _step: DueStep) -> SessionWork:
        """Collect the session, which may have started without the order knowing its id."""
        return SessionWork(order.session_id, await _request(session, order, self._products))

    async def call(self, work: SessionWork, *, idempotency_key: str) -> None:
        """Find a session that was started but not recorded, and stop it."""
        session_id = work.session_id or await self._builder.start(
            work.request, idempotency_key=idempotency_key
        )
        await self._builder.stop(session_id, work.request, idempotency_key=idempotency_key)

    async def record(
        self, session: AsyncSession, order: Order, _work: SessionWork, _outcome: None, now: datetime
    ) -> None:
        """Note that nothing is being built any more."""
        order.session_open = False
        event = NewEvent(
            kind=EventKind.RECURSOS_LIBERADOS,
            agent=_SUPER_AXON.name,
            message="Construcción detenida",
        )
        await append_event(session, order, event, actor=_SUPER_AXON, now=now)
        await wake(session, order, now)


async def _request(session: AsyncSession, order: Order, products: Path) -> BuildRequest:
    client = order.datos_cliente
    return BuildRequest(
        order_id=str(order.id),
        order_number=order.order_number,
        slug=order.slug,
        product_type=order.tipo_producto,
        product_name=order.nombre_producto,
        attempt=order.intento,
        plan=Plan.model_validate(order.plan),
        client={key: client[key] for key in _PUBLIC_CLIENT_DATA if key in client},
        configuration=client["configuracion"],
        product_dir=products / order.slug,
        findings=await _findings(session, order),
        completed=await completed_milestones(session, order),
    )


async def _findings(session: AsyncSession, order: Order) -> tuple[Finding, ...]:
    # Not simply the attempt before: a rework that failed and is retried is a new attempt as well.
    reviewed = (
        select(func.max(col(OrderCheck.intento)))
        .where(col(OrderCheck.order_id) == order.id, col(OrderCheck.intento) < order.intento)
        .scalar_subquery()
    )
    failed = await session.scalars(
        select(OrderCheck).where(
            col(OrderCheck.order_id) == order.id,
            col(OrderCheck.intento) == reviewed,
            col(OrderCheck.passed).is_(False),
        )
    )
    findings = [Finding(check.check_name, text) for check in failed for text in check.findings]
    known = {f"{finding.check}: {finding.message}" for finding in findings}
    said = [text for text in await _last_reasons(session, order) if text not in known]
    return (*findings, *(Finding(_BY_A_PERSON, text) for text in said))


async def _last_reasons(session: AsyncSession, order: Order) -> Sequence[str]:
    """Return why the order was last sent back: the council's findings, or a person's reason."""
    details = await session.scalar(
        select(col(OrderEvent.details))
        .where(
            col(OrderEvent.order_id) == order.id,
            col(OrderEvent.kind) == EventKind.PRODUCTO_RECHAZADO,
        )
        .order_by(col(OrderEvent.seq).desc())
        .limit(1)
    )
    return details["hallazgos"] if details else ()
