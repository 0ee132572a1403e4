"""A builder's session: begun once an attempt, found again after a crash, ended when not wanted.

It is remembered before it is asked for, and until it is known to have ended
(`orders/runs/state.py`).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.db.tables import Order, OrderEvent, OrderSession
from axon_factory.domain.builders import BuilderName
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.failure import Failure, FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.states import OrderState
from axon_factory.factory.step import line_actor
from axon_factory.factory.steps.build_request import build_request
from axon_factory.orders.events import append_event
from axon_factory.orders.moves import begin_attempt, fail_order
from axon_factory.orders.notifications.client_mails import tell_moved_promise
from axon_factory.orders.policy import Policy
from axon_factory.orders.questions.asking import Audience
from axon_factory.orders.runs.capacity import free_place
from axon_factory.orders.runs.state import (
    SessionEnd,
    begin_session,
    current_session,
    find_session,
    release_session,
)
from axon_factory.orders.transitions import wake
from axon_factory.ports.builder import Builder, BuildRequest, SessionLost
from axon_factory.ports.errors import PortError

__all__ = [
    "InterruptSession",
    "SessionWork",
    "StartSession",
    "StopSession",
    "resume_without_session",
]

_log = structlog.get_logger(__name__)
_SUPER_AXON = line_actor("Super Axon Agent")
_AGENT = "Builder Agent"
_REPORT_BY_API = frozenset({BuilderName.HTTP, BuilderName.A2A})
"""A command line works in a sandbox, and is read (ADR 25)."""
_ASKED_BY_THE_SESSION = frozenset({Audience.CLIENTE, Audience.OPERADOR})


@dataclass(frozen=True, slots=True)
class SessionWork:
    """A session, by its id once it has one, and what it builds."""

    session_id: str | None
    request: BuildRequest
    force: bool = False


class StartSession:
    """Start, or find again, the builder's session of this attempt."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(
        self, builder: Builder, policy: Policy, products: Path, tokens: SystemTokens
    ) -> None:
        """`products` is the folder of the repositories; `tokens` mints what the agent gets."""
        self._builder = builder
        self._policy = policy
        self._products = products
        self._tokens = tokens

    async def prepare(self, session: AsyncSession, order: Order, _step: DueStep) -> BuildRequest:
        """Collect the goal, the plan, the findings, and a token for whoever reports by itself.

        A token minted for a call that did not come back dies with the attempt like the rest.
        """
        order.builder = order.builder or self._policy.agents.builder_of(order.tipo_producto)
        await begin_session(session, order, order.builder, datetime.now(UTC))
        request = await build_request(session, order, self._policy, self._products)
        if order.builder not in _REPORT_BY_API:
            return request
        token = await self._tokens.mint_for_attempt(
            session,
            order_id=order.id,
            intento=order.intento,
            agent=_AGENT,
            created_by=_SUPER_AXON.id,
        )
        return replace(request, agent_token=token.plaintext)

    async def call(self, work: BuildRequest, *, idempotency_key: str) -> str:
        """Ask the builder."""
        return await self._builder.start(work, idempotency_key=idempotency_key)

    async def record(
        self, session: AsyncSession, order: Order, work: BuildRequest, outcome: str, now: datetime
    ) -> None:
        """Keep the session's id on the order."""
        begun = await begin_session(session, order, work.builder, now)
        begun.session_id = order.session_id = outcome
        order.session_cursor = None
        order.heartbeat_at, order.silence = now, None
        order.reported = None
        order.asignado_a = _AGENT
        event = NewEvent(
            kind=EventKind.SESION_INICIADA,
            agent=_SUPER_AXON.name,
            message=f"Construcción iniciada (session: {outcome})",
            metadata={"session_id": outcome, "constructor": work.builder},
        )
        await append_event(session, order, event, actor=_SUPER_AXON, now=now)
        await wake(session, order, now)


class StopSession:
    """End a session that its order does not want any more: asked, then forced by a deadline."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, builder: Builder, policy: Policy, products: Path) -> None:
        """`policy` says how long a session may take to confirm."""
        self._builder = builder
        self._policy = policy
        self._products = products

    async def prepare(self, session: AsyncSession, order: Order, step: DueStep) -> SessionWork:
        """Collect the session, which may have started without the order knowing its id."""
        now = datetime.now(UTC)
        unwanted = await _session_of(session, order, step.subject)
        unwanted.stop_requested_at = unwanted.stop_requested_at or now
        unwanted.asked_at = unwanted.asked_at or now
        request = await build_request(session, order, self._policy, self._products)
        deadline = unwanted.asked_at + self._policy.agents.stop_deadline
        return SessionWork(
            unwanted.session_id,
            replace(request, attempt=unwanted.intento, builder=unwanted.builder),
            force=now >= deadline,
        )

    async def call(self, work: SessionWork, *, idempotency_key: str) -> bool:
        """Find a session that was started but not recorded, and ask it to stop.

        An agent that cannot be reached has not confirmed: it is asked again until the deadline,
        and given up then. Its tokens are dead in any case.
        """
        try:
            found = work.session_id or await self._builder.find(
                work.request, idempotency_key=idempotency_key
            )
            if found is None:
                return True
            return await self._builder.stop(
                found, work.request, force=work.force, idempotency_key=idempotency_key
            )
        except SessionLost:
            return True
        except PortError as error:
            _log.warning("session not reached", session=work.session_id, error=error.for_staff)
            return False

    async def record(
        self,
        session: AsyncSession,
        order: Order,
        work: SessionWork,
        outcome: bool,  # noqa: FBT001 — what the port has answered
        now: datetime,
    ) -> None:
        """Note that the session has ended, which frees its place, or ask again soon."""
        unwanted = await _session_of(session, order, str(work.request.attempt))
        if not outcome and not work.force:
            rules = self._policy.agents
            deadline = (unwanted.asked_at or now) + rules.stop_deadline
            await wake(session, order, now, at=min(now + rules.stop_poll, max(now, deadline)))
            return
        how = SessionEnd.STOPPED if outcome else SessionEnd.ABANDONED
        await free_place(session, order, unwanted, how, limits=self._policy.limits, now=now)
        event = NewEvent(
            kind=EventKind.RECURSOS_LIBERADOS,
            agent=_SUPER_AXON.name,
            message="Construcción detenida"
            if outcome
            else "Construcción abandonada: el agente no confirmó que se detuvo",
            level=LogLevel.INFO if outcome else LogLevel.WARNING,
            metadata={
                "parada": "confirmada" if outcome else "forzada",
                "intento": unwanted.intento,
            },
        )
        await append_event(session, order, event, actor=_SUPER_AXON, now=now)
        await wake(session, order, now)


class InterruptSession:
    """The line was stopped: end the outside session, and leave the order to a new attempt."""

    async def apply(self, session: AsyncSession, order: Order, now: datetime) -> None:
        """Release the session of the locked order; its verified milestones stay."""
        await release_session(session, order, now)
        event = NewEvent(
            kind=EventKind.CONSTRUCCION_INTERRUMPIDA,
            agent=_SUPER_AXON.name,
            message="La línea se detuvo: la construcción se interrumpe, y continuará desde los "
            "hitos verificados",
            level=LogLevel.WARNING,
            metadata={"intento": order.intento},
        )
        await append_event(session, order, event, actor=_SUPER_AXON, now=now)
        await begin_attempt(session, order, now)
        order.fence += 1
        if order.espera in _ASKED_BY_THE_SESSION:
            order.espera = order.espera_causa = None
        await wake(session, order, now)


async def _session_of(session: AsyncSession, order: Order, attempt: str) -> OrderSession:
    found = await find_session(session, order, int(attempt))
    if found is None:
        raise LookupError(f"attempt {attempt} of {order.order_number} has no session")
    return found


_LINE = line_actor("Super Axon Agent")


async def resume_without_session(
    session: AsyncSession, order: Order, loss: SessionLost, *, policy: Policy, now: datetime
) -> None:
    """Go on with the locked order in a new attempt, from the milestones that are verified.

    An order that loses one session after another fails, with what was lost last as its cause.
    """
    vanished = await current_session(session, order)
    if vanished is not None:
        limits = policy.limits
        await free_place(session, order, vanished, SessionEnd.LOST, limits=limits, now=now)
    lost = await session.scalar(
        select(func.count()).where(
            col(OrderEvent.order_id) == order.id, col(OrderEvent.kind) == EventKind.SESION_PERDIDA
        )
    )
    if (lost or 0) >= policy.agents.max_lost_sessions:
        state = OrderState(order.estado)
        failure = Failure(FailureCause.SESION_PERDIDA, str(loss), state, detail=loss.detail)
        await fail_order(session, order, failure=failure, actor=_LINE, policy=policy, now=now)
        return
    event = NewEvent(
        kind=EventKind.SESION_PERDIDA,
        agent=_LINE.name,
        message=f"Se perdió la sesión de construcción y se inicia otra: {loss.for_staff}",
        level=LogLevel.WARNING,
        visibility=Visibility.INTERNO,
        metadata={"session_id": order.session_id, "intento": order.intento},
    )
    await append_event(session, order, event, actor=_LINE, now=now)
    await begin_attempt(session, order, now)
    order.espera = order.espera_causa = None
    await tell_moved_promise(session, order, policy=policy, now=now)
    await wake(session, order, now)
