"""Run: begin a builder's work on an attempt, find it after a crash, end it when not wanted.

It is remembered before it is asked for, and until it is known to have ended
(`orders/runs/state.py`).
"""

from dataclasses import dataclass, replace
from pathlib import Path

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.db.tables import Order, OrderEvent, OrderSession
from axon_factory.domain.building import BuilderName
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.failure import Failure, FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.names import BUILDER, SUPER_AXON
from axon_factory.domain.states import OrderState
from axon_factory.line.steps.build_request import build_request
from axon_factory.orders.change import Change
from axon_factory.orders.moves import begin_attempt, fail_order
from axon_factory.orders.notifications.client_mails import tell_moved_promise
from axon_factory.orders.questions.asking import Audience
from axon_factory.orders.runs.capacity import free_place
from axon_factory.orders.runs.state import (
    RunEnd,
    begin_run,
    current_run,
    find_run,
    release_run,
)
from axon_factory.ports.builder import Builder, BuildRequest, SessionLost
from axon_factory.ports.errors import PortError

__all__ = [
    "InterruptRun",
    "RunWork",
    "StartRun",
    "StopRun",
    "resume_lost_run",
]

_log = structlog.get_logger(__name__)
_REPORT_BY_API = frozenset({BuilderName.HTTP, BuilderName.A2A})
"""A command line works in a sandbox, and is read (ADR 25)."""
_ASKED_BY_THE_RUN = frozenset({Audience.CLIENTE, Audience.OPERADOR})


@dataclass(frozen=True, slots=True)
class RunWork:
    """A run, by its id once it has one, and what it builds."""

    session_id: str | None
    request: BuildRequest
    force: bool = False


class StartRun:
    """Start, or find again, the builder's run of this attempt."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, builder: Builder, products: Path, tokens: SystemTokens) -> None:
        """`products` is the folder of the repositories; `tokens` mints what the agent gets."""
        self._builder = builder
        self._products = products
        self._tokens = tokens

    async def prepare(self, change: Change, _step: DueStep) -> BuildRequest:
        """Collect goal, plan and findings, and a token for an agent that reports by itself.

        A token minted for a call that did not come back dies with the attempt like the rest.
        """
        order = change.order
        order.builder = order.builder or change.policy.agents.builder_of(order.tipo_producto)
        await begin_run(change.tx, order, order.builder, change.now)
        request = await build_request(change.tx, order, change.policy, self._products)
        if order.builder not in _REPORT_BY_API:
            return request
        token = await self._tokens.mint_for_attempt(
            change.tx,
            order_id=order.id,
            intento=order.intento,
            agent=BUILDER.name,
            created_by=SUPER_AXON.id,
        )
        return replace(request, agent_token=token.plaintext)

    async def call(self, work: BuildRequest, *, idempotency_key: str) -> str:
        """Ask the builder."""
        return await self._builder.start(work, idempotency_key=idempotency_key)

    async def record(self, change: Change, work: BuildRequest, outcome: str) -> None:
        """Keep the run's id on the order."""
        order = change.order
        begun = await begin_run(change.tx, order, work.builder, change.now)
        begun.session_id = order.session_id = outcome
        order.session_cursor = None
        order.heartbeat_at, order.silence = change.now, None
        order.reported = None
        order.asignado_a = BUILDER.name
        await change.by(SUPER_AXON).tell(
            EventKind.SESION_INICIADA,
            f"Construcción iniciada (session: {outcome})",
            session_id=outcome,
            constructor=work.builder,
        )
        await change.wake()


class StopRun:
    """End a run that its order does not want any more: asked, then forced by a deadline."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, builder: Builder, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._builder = builder
        self._products = products

    async def prepare(self, change: Change, step: DueStep) -> RunWork:
        """Collect the run, which may have started without the order knowing its id."""
        order = change.order
        now = change.now
        unwanted = await _run_of(change.tx, order, step.subject)
        unwanted.stop_requested_at = unwanted.stop_requested_at or now
        unwanted.asked_at = unwanted.asked_at or now
        request = await build_request(change.tx, order, change.policy, self._products)
        deadline = unwanted.asked_at + change.policy.agents.stop_deadline
        return RunWork(
            unwanted.session_id,
            replace(request, attempt=unwanted.intento, builder=unwanted.builder),
            force=now >= deadline,
        )

    async def call(self, work: RunWork, *, idempotency_key: str) -> bool:
        """Find a run that was started but not recorded, and ask it to stop.

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

    async def record(self, change: Change, work: RunWork, outcome: bool) -> None:  # noqa: FBT001 — what the port has answered
        """Note that the run has ended, which frees its place, or ask again soon."""
        unwanted = await _run_of(change.tx, change.order, str(work.request.attempt))
        if not outcome and not work.force:
            rules = change.policy.agents
            deadline = (unwanted.asked_at or change.now) + rules.stop_deadline
            await change.wake(at=min(change.now + rules.stop_poll, max(change.now, deadline)))
            return
        how = RunEnd.STOPPED if outcome else RunEnd.ABANDONED
        await free_place(change, unwanted, how)
        await change.by(SUPER_AXON).tell(
            EventKind.RECURSOS_LIBERADOS,
            (
                "Construcción detenida"
                if outcome
                else "Construcción abandonada: el agente no confirmó que se detuvo"
            ),
            level=LogLevel.INFO if outcome else LogLevel.WARNING,
            parada="confirmada" if outcome else "forzada",
            intento=unwanted.intento,
        )
        await change.wake()


class InterruptRun:
    """The line was stopped: end the outside run, and leave the order to a new attempt."""

    async def apply(self, change: Change) -> None:
        """Release the run of the locked order; its verified milestones stay."""
        order = change.order
        await release_run(change.tx, order, change.now)
        await change.by(SUPER_AXON).tell(
            EventKind.CONSTRUCCION_INTERRUMPIDA,
            (
                "La línea se detuvo: la construcción se interrumpe, y continuará desde los "
                "hitos verificados"
            ),
            level=LogLevel.WARNING,
            intento=order.intento,
        )
        await begin_attempt(change)
        order.fence += 1
        if order.espera in _ASKED_BY_THE_RUN:
            order.espera = order.espera_causa = None
        await change.wake()


async def _run_of(tx: AsyncSession, order: Order, attempt: str) -> OrderSession:
    found = await find_run(tx, order, int(attempt))
    if found is None:
        raise LookupError(f"attempt {attempt} of {order.order_number} has no run")
    return found


async def resume_lost_run(change: Change, loss: SessionLost) -> None:
    """Go on with the locked order in a new attempt, from the milestones that are verified.

    An order that loses one run after another fails, with what was lost last as its cause.
    """
    order = change.order
    vanished = await current_run(change.tx, order)
    if vanished is not None:
        await free_place(change, vanished, RunEnd.LOST)
    lost = await change.tx.scalar(
        select(func.count()).where(
            col(OrderEvent.order_id) == order.id, col(OrderEvent.kind) == EventKind.SESION_PERDIDA
        )
    )
    if (lost or 0) >= change.policy.agents.max_lost_sessions:
        state = OrderState(order.estado)
        failure = Failure(FailureCause.SESION_PERDIDA, str(loss), state, detail=loss.detail)
        await fail_order(change.by(SUPER_AXON), failure=failure)
        return
    await change.by(SUPER_AXON).tell_staff(
        EventKind.SESION_PERDIDA,
        f"Se perdió la sesión de construcción y se inicia otra: {loss.for_staff}",
        level=LogLevel.WARNING,
        session_id=order.session_id,
        intento=order.intento,
    )
    await begin_attempt(change)
    order.espera = order.espera_causa = None
    await tell_moved_promise(change)
    await change.wake()
