"""Advance one order (decision 3): decide, call, record, step by step, never two at once."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.db.sessions import Database, is_unavailable
from axon_factory.domain.building import LineMode
from axon_factory.domain.errors import OrderNotFound
from axon_factory.domain.failure import FailureCause, MachineTrouble, trouble_of
from axon_factory.domain.lifecycle import DueStep, StepKind, due_step
from axon_factory.domain.names import SUPER_AXON
from axon_factory.jobs.queue import HeldAdvance
from axon_factory.line.situation import read_situation
from axon_factory.line.step import LinePorts, LocalStep, PortStep, Ticket
from axon_factory.line.steps import build_steps
from axon_factory.line.tickets import (
    StepSuperseded,
    begin_step,
    fail_damaged,
    fail_step,
    finish_step,
    give_back_step,
)
from axon_factory.line.turn import (
    Turn,
    TurnLimits,
    afresh,
    lock_known_order,
    pass_on,
    remember_order,
    single_step,
    take_over,
)
from axon_factory.orders.change import Change
from axon_factory.orders.machine_wait import end_machine_wait, wait_for_machine
from axon_factory.orders.policy import Policy
from axon_factory.orders.read import read_watch
from axon_factory.orders.runs.capacity import take_place
from axon_factory.ports.errors import PortError

__all__ = ["Line"]

_log = structlog.get_logger(__name__)
_CLEANUP = frozenset({StepKind.STOP_SESSION, StepKind.UNDEPLOY, StepKind.ROTATE, StepKind.ERASE})
"""What is done in any mode of the line."""


class _LineStopped(Exception):
    """A person has stopped the line: what runs is interrupted."""


@dataclass(frozen=True, slots=True)
class _Due:
    """What a transaction has come to: the step that it did or began, and the right to record it."""

    step: DueStep | None = None
    ticket: Ticket | None = None
    work: Any = None


_NOTHING = _Due()


class Line:
    """The production line, as one worker runs it."""

    def __init__(
        self,
        database: Database,
        ports: LinePorts,
        policy: Policy,
        *,
        products: Path,
        worker: str,
        tokens: SystemTokens,
        step_timeout_seconds: float = 900.0,
        watch_seconds: float = 0.5,
    ) -> None:
        """`products` holds every product's repository; `worker` names this process in records.

        `tokens` mints what agents get.
        A step is given up after `step_timeout_seconds`; every `watch_seconds` the order is looked
        at, so that a cancellation stops the work that runs for it.
        """
        self._database = database
        self._ports = ports
        self._policy = policy
        self._products = products
        self._worker = worker
        self._step_timeout = step_timeout_seconds
        self._watch = watch_seconds
        self.turn_limits = TurnLimits()
        """How much `run` does with an order before others get their turn."""
        self._unrecorded = set[UUID]()
        """Orders whose last step ended while the database could not be told."""
        self._steps: Mapping[StepKind, LocalStep | PortStep[Any, Any]] = build_steps(
            ports, products, tokens
        )

    async def advance(self, order_id: UUID) -> DueStep | None:
        """Do the one step that is due for the order and return it. Return None if none is due.

        Idempotent: a step that is not due any more is not done. An order that waits for a place has
        no step due until it is woken.
        """
        return await self._take_turn(order_id, single_step())

    async def run(self, order_id: UUID, *, stopping: Callable[[], bool] | None = None) -> None:
        """Do what is due for the order, step by step, until its turn ends (`TurnLimits`).

        It ends before a step when a more urgent order waits, or when `stopping` says so. The
        order's next job is enqueued then. Each step is begun and recorded as by `advance`.
        """
        turn = Turn(self.turn_limits)
        if stopping is not None:
            turn.stopping = stopping
        await self._take_turn(order_id, turn)

    async def _take_turn(self, order_id: UUID, turn: Turn) -> DueStep | None:
        due = await self._decide(order_id, turn)
        first = due.step
        while due.ticket is not None:
            due = await self._do(due.ticket, due.work, turn)
        return first

    async def _decide(self, order_id: UUID, turn: Turn) -> "_Due":
        """Do steps without a port, and begin the first that has one."""
        before = turn.done
        try:
            async with self._database.transaction("decide", joined=True) as tx:
                change = await self._change(tx, order_id, turn)
                held = take_over(change, turn)
                due = await self._go_on(change, turn, held)
                turn.known = remember_order(tx, change.order)
            self._unrecorded.discard(order_id)
        except OrderNotFound:
            return _NOTHING
        except Exception as error:
            turn.known = None
            if is_unavailable(error) or trouble_of(error) is not None:
                raise
            if turn.done > before:  # what follows cannot be decided: the steps before it count
                return await self._decide(order_id, single_step())
            return _Due(await self._fail_damaged(order_id, error))
        return due

    async def _go_on(self, change: Change, turn: Turn, held: HeldAdvance | None) -> "_Due":
        """Do what is due for the locked order, until a step has a port to call.

        The turn passes the order on where it must end.
        """
        last: DueStep | None = None
        while True:
            if turn.done and turn.is_over:
                await pass_on(change)
                return _Due(last)
            situation = await read_situation(change.tx, change.order, policy=self._policy)
            step = due_step(situation)
            if step is None:
                return _Due(last)
            if turn.done and situation.outranked:
                await pass_on(change)
                return _Due(last)
            if not await self._may_begin(change, step, situation.mode, turn):
                return _Due(last)
            if held is not None:
                held.wanted = False
            action = self._steps[step.kind]
            if not isinstance(action, LocalStep):
                ticket = await begin_step(
                    change,
                    step,
                    worker=self._worker,
                    unrecorded=change.order.id in self._unrecorded,
                )
                if ticket is not None:
                    work = await action.prepare(change, step)
                    return _Due(last or step, ticket, work)
            else:
                await action.apply(change)
            turn.done += 1
            last = step
            if held is None or not held.wanted:
                return _Due(last)
            change = afresh(change)

    async def _do(self, ticket: Ticket, work: Any, turn: Turn) -> "_Due":  # noqa: ANN401 — the step's own type
        """Call the step's port and record what came of it; return what is begun with that."""
        action: Any = self._steps[ticket.step.kind]
        log = _log.bind(order_id=str(ticket.order_id), step=ticket.step.key, attempt=ticket.attempt)
        try:
            outcome = await self._call(action, work, ticket)
            following = await self._record(action, ticket, work, outcome, turn)
        except StepSuperseded:
            log.info("step superseded")
        except _LineStopped:
            log.warning("step interrupted")
            await self._give_back(ticket)
        except PortError as error:
            log.warning("step failed", error=error.for_staff, cause=error.cause)
            await self._record_failure(ticket, error)
        else:
            log.info("step done")
            return following
        return _NOTHING

    async def _change(self, tx: AsyncSession, order_id: UUID, turn: Turn | None = None) -> Change:
        """Lock the order's row and return what the line does to it from now on.

        Raises:
            OrderNotFound: there is none.
        """
        order = await lock_known_order(tx, order_id, turn or single_step())
        return Change(tx, order, SUPER_AXON, self._policy, datetime.now(UTC))

    async def _call(self, action: PortStep[Any, Any], work: Any, ticket: Ticket) -> Any:  # noqa: ANN401 — the step's own types
        """Call the step's port within its time. Every exception of it becomes a PortError."""
        try:
            async with asyncio.timeout(self._step_timeout):
                return await self._call_while_wanted(action, work, ticket)
        except TimeoutError:
            minutes = self._step_timeout / 60
            raise PortError(
                f"No terminó en {minutes:.0f} minutos", cause=action.cause, transient=True
            ) from None
        except (PortError, StepSuperseded, _LineStopped):
            raise
        except Exception as error:
            raise _unforeseen(error, ticket, action.cause) from error

    async def _may_begin(self, change: Change, step: DueStep, mode: LineMode, turn: Turn) -> bool:
        """Return whether the machine can do the step and there is a place; else the order waits."""
        if step.kind not in _CLEANUP and not isinstance(self._steps[step.kind], LocalStep):
            trouble = self._present_trouble(turn)
            if trouble is not None:
                await wait_for_machine(change, trouble, step=step.key)
                return False
        if step.kind is not StepKind.START_SESSION:
            return True
        if await take_place(change, mode):
            return True
        await end_machine_wait(change)  # what it waits for now is its turn
        return False

    def _present_trouble(self, turn: Turn | None = None) -> MachineTrouble | None:
        """Look at the machine; within a turn not more often than at a running step."""
        if turn is not None:
            now, before = time.monotonic(), turn.looked
            if before is not None and now - before < self._watch:
                return None
            turn.looked = now
        machine = self._ports.machine
        return next(iter(machine.troubles()), None) if machine else None

    async def _record(
        self,
        action: PortStep[Any, Any],
        ticket: Ticket,
        work: Any,  # noqa: ANN401 — see _call
        outcome: Any,  # noqa: ANN401 — see _call
        turn: Turn,
    ) -> "_Due":
        """Write the outcome; one that the database does not take is a failure of the port."""
        before = turn.done
        try:
            try:
                return await self._record_and_go_on(action, ticket, work, outcome, turn)
            except Exception as error:
                turn.known = None
                if turn.done == before or is_unavailable(error):
                    raise
                # What follows cannot be decided: that is for a job of its own. The outcome counts.
                return await self._record_and_go_on(action, ticket, work, outcome, single_step())
        except (PortError, StepSuperseded):
            raise
        except Exception as error:
            if is_unavailable(error):
                self._unrecorded.add(ticket.order_id)
                raise
            raise _unforeseen(error, ticket, action.cause) from error

    async def _record_and_go_on(
        self,
        action: PortStep[Any, Any],
        ticket: Ticket,
        work: Any,  # noqa: ANN401 — see _call
        outcome: Any,  # noqa: ANN401 — see _call
        turn: Turn,
    ) -> "_Due":
        """Write the outcome and, in the same transaction, begin what is due next in this turn."""
        unit = f"record.{ticket.step.kind}"
        async with self._database.transaction(unit, joined=True) as tx:
            change = await self._change(tx, ticket.order_id, turn)
            held = take_over(change, turn)
            await finish_step(change, ticket)
            await end_machine_wait(change)  # a step has got through
            await action.record(change, work, outcome)
            due = _NOTHING
            if held is not None:
                turn.done += 1
                if held.wanted:
                    due = await self._go_on(afresh(change), turn, held)
            turn.known = remember_order(tx, change.order)
        return due

    async def _call_while_wanted(
        self,
        action: PortStep[Any, Any],
        work: Any,  # noqa: ANN401 — see _call
        ticket: Ticket,
    ) -> Any:  # noqa: ANN401 — see _call
        """Call the port, looking now and then whether the order still wants it."""
        call = asyncio.create_task(action.call(work, idempotency_key=ticket.idempotency_key))
        try:
            while True:
                done, _ = await asyncio.wait({call}, timeout=self._watch)
                if done:
                    return call.result()
                await self._require_wanted(ticket)
        finally:
            if not call.done():
                call.cancel()
                await asyncio.wait({call})

    async def _require_wanted(self, ticket: Ticket) -> None:
        try:
            async with self._database.reading() as tx:
                fence, mode = await read_watch(tx, ticket.order_id)
        except Exception as error:
            if is_unavailable(error):
                return  # the database is away; recording the outcome will find out
            raise
        if fence != ticket.fence:
            raise StepSuperseded(ticket.step.key)
        if mode is LineMode.DETENIDA and ticket.step.kind not in _CLEANUP:
            raise _LineStopped(ticket.step.key)

    async def _give_back(self, ticket: Ticket) -> None:
        try:
            async with self._database.transaction("record.interrupted") as tx:
                await give_back_step(await self._change(tx, ticket.order_id), ticket)
        except StepSuperseded:
            _log.info("interrupted step superseded", step=ticket.step.key)

    async def _record_failure(self, ticket: Ticket, error: PortError) -> None:
        trouble = error.trouble or trouble_of(error) or self._present_trouble()
        try:
            async with self._database.transaction("record.failure") as tx:
                change = await self._change(tx, ticket.order_id)
                await fail_step(change, ticket, error, trouble=trouble)
        except StepSuperseded:
            _log.info("failed step superseded", step=ticket.step.key)
        except Exception as unrecorded:
            if is_unavailable(unrecorded):
                self._unrecorded.add(ticket.order_id)
            raise

    async def _fail_damaged(self, order_id: UUID, error: Exception) -> None:
        """Fail an order whose next step cannot even be decided: no later try would go better."""
        _log.error("order cannot be advanced", order_id=str(order_id), exc_info=error)
        async with self._database.transaction("record.failure") as tx:
            await fail_damaged(await self._change(tx, order_id), error)


def _unforeseen(error: Exception, ticket: Ticket, cause: FailureCause) -> PortError:
    trouble = trouble_of(error)
    if trouble is not None:  # no bug of ours: the log has its one line with the failed step
        return PortError(str(trouble), cause=cause, transient=True, trouble=trouble)
    _log.error("step raised", step=ticket.step.key, order_id=str(ticket.order_id), exc_info=error)
    return PortError(f"Error inesperado: {type(error).__name__}", cause=cause, transient=True)
