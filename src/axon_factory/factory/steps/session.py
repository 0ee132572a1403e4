"""A builder's session: begun once an attempt, found again after a crash, ended when not wanted."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.db.tables import Order
from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.factory.build_request import build_request
from axon_factory.factory.step import line_actor
from axon_factory.orders.events import append_event
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import wake
from axon_factory.ports.builder import Builder, BuildRequest
from axon_factory.ports.errors import PortError

__all__ = ["SessionWork", "StartSession", "StopSession"]

_SUPER_AXON = line_actor("Super Axon Agent")
_AGENT = "Builder Agent"
_OF_THE_FACTORY = "templates"


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
        """Collect the goal, the plan, the findings, and a token for just this attempt.

        A token minted for a call that did not come back dies with the attempt like the rest.
        """
        order.builder = order.builder or self._policy.agents.builder_of(order.tipo_producto)
        request = await build_request(session, order, self._policy, self._products)
        if order.builder == _OF_THE_FACTORY:
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
        order.session_id = outcome
        order.session_cursor = None
        order.heartbeat_at, order.silence = now, None
        order.reported = None
        order.stop_requested_at = None
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
    """End the session of an order that does not want it any more: asked, then forced."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, builder: Builder, policy: Policy, products: Path) -> None:
        """`policy` says how long a session may take to confirm."""
        self._builder = builder
        self._policy = policy
        self._products = products

    async def prepare(self, session: AsyncSession, order: Order, _step: DueStep) -> SessionWork:
        """Collect the session, which may have started without the order knowing its id."""
        now = datetime.now(UTC)
        order.stop_requested_at = order.stop_requested_at or now
        request = await build_request(session, order, self._policy, self._products)
        deadline = order.stop_requested_at + self._policy.agents.stop_deadline
        return SessionWork(order.session_id, request, force=now >= deadline)

    async def call(self, work: SessionWork, *, idempotency_key: str) -> bool:
        """Find a session that was started but not recorded, and ask it to stop.

        Past the deadline an agent that cannot be reached is given up: its token is dead.
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
        except PortError:
            if work.force:
                return False
            raise

    async def record(
        self,
        session: AsyncSession,
        order: Order,
        work: SessionWork,
        outcome: bool,  # noqa: FBT001 — what the port has answered
        now: datetime,
    ) -> None:
        """Note that nothing is being built any more, or ask again soon."""
        if not outcome and not work.force:
            asked_since = order.stop_requested_at or now
            rules = self._policy.agents
            again = min(now + rules.stop_poll, max(now, asked_since + rules.stop_deadline))
            await wake(session, order, now, at=again)
            return
        order.session_open = False
        order.silence = None
        event = NewEvent(
            kind=EventKind.RECURSOS_LIBERADOS,
            agent=_SUPER_AXON.name,
            message="Construcción detenida"
            if outcome
            else "Construcción abandonada: el agente no confirmó que se detuvo",
            level=LogLevel.INFO if outcome else LogLevel.WARNING,
            metadata={"parada": "confirmada" if outcome else "forzada"},
        )
        await append_event(session, order, event, actor=_SUPER_AXON, now=now)
        await wake(session, order, now)
