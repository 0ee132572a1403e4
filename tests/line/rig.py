"""A line over ledger ports on a test's own database, and short words for what tests do with it."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from ledger import Ledger
from ledger_ports import ledger_ports
from sqlalchemy import select, text
from sqlmodel import col

from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.db.sessions import Database
from axon_factory.db.tables import Order, OrderEvent
from axon_factory.domain.building import Priority
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.messages import ClientMail
from axon_factory.domain.permissions import Grant, Principal, Role
from axon_factory.line.line import Line
from axon_factory.line.outbox import OutboxSender
from axon_factory.line.step import LinePorts
from axon_factory.orders.change import Change
from axon_factory.orders.create import create_order
from axon_factory.orders.moves import cancel_order
from axon_factory.orders.plans.decisions import approve_plan
from axon_factory.orders.policy import Policy
from axon_factory.orders.read import lock_order_by_id
from axon_factory.orders.requests import ClientData, NewOrder, OrderPatch
from axon_factory.orders.reviewing import accept_for_person
from axon_factory.orders.update import patch_order
from axon_factory.worker.runner import Worker, WorkerOptions
from tests.support.databases import WipedDatabase

__all__ = ["ADMIN", "POLICY", "STAGES", "Act", "Rig", "approve", "cancel", "patch"]

ADMIN = Principal("user:admin", "Ana Administradora", Role.ADMIN, Grant.ADMIN)
POLICY = Policy(
    zone=ZoneInfo("America/Mexico_City"),
    currency="USD",
    tenant="default",
    public_url="http://127.0.0.1:1",
    approver_email="aprobacion@axon.localhost",
    support_email="soporte@axon.localhost",
    portal_url=lambda order_id, number: f"http://127.0.0.1:1/portal/{order_id}/{number}",
    # Few mails, so that tests of other things count few messages; test_client_mails has them all.
    client_mails=frozenset({ClientMail.PREGUNTA, ClientMail.ENTREGADA}),
    retry_delay=timedelta(milliseconds=20),
)
_MOST_STEPS = 200
STAGES = ("planificacion", "construccion", "qa", "listo", "entregado")
"""Where `Rig.reach` brings an order: the plan waits; it is approved; the review begins; the product
is deployed and not handed over; it is handed over."""
_OPTIONS = WorkerOptions(
    name="test",
    concurrency=1,
    heartbeat_seconds=0.2,
    stalled_after_seconds=1.0,
    # Both are done when a worker starts. Tests of them say how often else.
    maintenance_seconds=60.0,
    housekeeping_seconds=60.0,
    polling_seconds=0.1,
    graceful_seconds=0.2,
)

Act = Callable[[Any, Order, datetime], Awaitable[object]]


async def approve(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
    """Approve the waiting plan as an administrator."""
    await approve_plan(Change(session, order, ADMIN.actor, POLICY, now))


async def accept(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
    """Accept the product as an administrator, whatever the review has found."""
    await accept_for_person(Change(session, order, ADMIN.actor, POLICY, now), reason="prueba")


async def cancel(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
    """Cancel as an administrator."""
    await cancel_order(Change(session, order, ADMIN.actor, POLICY, now), reason="prueba")


def patch(by: Principal = ADMIN, **fields: object) -> Act:
    """Return what PATCH with `fields` does for `by`."""
    body = OrderPatch.model_validate(fields)

    async def change(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        await patch_order(Change(session, order, by.actor, POLICY, now), body, by)

    return change


@dataclass
class Rig:
    """Everything that a test of the line holds."""

    database: Database
    ledger: Ledger
    ports: LinePorts
    products: Path
    policy: Policy = POLICY
    wiped: WipedDatabase | None = None
    """The shared database, if this is a rig on it: `reach` takes kept orders from there."""
    line_options: dict[str, Any] = field(default_factory=dict[str, Any])
    worker_options: dict[str, Any] = field(default_factory=dict[str, Any])

    def line(self) -> Line:
        """Return a line as a worker has it."""
        options = {"watch_seconds": 0.1, **self.line_options}
        return Line(
            self.database,
            self.ports,
            self.policy,
            products=self.products,
            worker="t",
            tokens=SystemTokens(b"p" * 32),
            **options,
        )

    def with_policy(self, **changes: Any) -> "Rig":  # noqa: ANN401 — fields of Policy
        """Return the same rig under another policy."""
        return replace(self, policy=replace(self.policy, **changes))

    async def place(
        self,
        *,
        product: str = "webhook_service",
        priority: Priority = Priority.NORMAL,
        created: datetime | None = None,
        **configuration: Any,  # noqa: ANN401 — the client's configuration is any JSON
    ) -> UUID:
        """Create an order as the API does and return its id."""
        request = NewOrder(
            tipo_producto=product,
            nombre_producto="Bot de prueba",
            datos_cliente=ClientData(
                nombre="Empresa XYZ", email="xyz@example.com", configuracion=configuration
            ),
            prioridad=priority,
        )
        async with self.database.transaction("test") as session:
            now = created or datetime.now(UTC)
            order = await create_order(session, request, ADMIN, self.policy, now)
        return order.id

    async def drive(self, order_id: UUID, *, until: str = "") -> list[DueStep]:
        """Advance the order without a worker until nothing is due or a step leads to `until`.

        Returns the steps.
        """
        line, steps = self.line(), list[DueStep]()
        while (step := await line.advance(order_id)) is not None:
            steps.append(step)
            assert len(steps) < _MOST_STEPS, "the order does not come to rest"
            if until and (await self.order(order_id)).estado == until:
                break
        return steps

    async def reach(self, stage: str) -> UUID:
        """Return an order that ledger ports and `POLICY` have brought to one of `STAGES`.

        The first of an empty shared database is a kept one, with its entries in the ledger; any
        other is driven there by this rig itself.
        """
        if self.wiped is None or await self.rows("SELECT 1 FROM orders LIMIT 1"):
            order_id = await self.place()
            for passed in STAGES[: STAGES.index(stage) + 1]:
                await self._drive_to(order_id, passed)
            return order_id
        kept = self.wiped.kept.get(stage) or await self._keep(self.wiped, stage)
        await self.wiped.restore(stage)
        order_id, entries = kept
        self.ledger.copy(entries)
        return order_id

    async def _keep(self, wiped: WipedDatabase, stage: str) -> tuple[UUID, str]:
        """Drive an order to the stage, in the empty shared database, and keep all of it."""
        place = STAGES.index(stage)
        with tempfile.TemporaryDirectory() as folder:
            ledger = Ledger(Path(folder) / "ledger")
            async with ledger_ports(ledger, wiped.url) as ports:
                base = Rig(wiped.database, ledger, ports, Path(folder), wiped=wiped)
                order_id = await (base.reach(STAGES[place - 1]) if place else base.place())
                await base._drive_to(order_id, stage)
            kept = wiped.kept[stage] = order_id, ledger.text()
        await wiped.keep(stage)
        return kept

    async def _drive_to(self, order_id: UUID, stage: str) -> None:
        """Drive the order from the stage before to this one."""
        if stage == "planificacion":
            await self.drive(order_id)
        elif stage == "construccion":
            await self.change(order_id, approve)
        line = self.line()
        while (order := await self.order(order_id)).estado != stage or (
            stage == "listo" and not order.resultado
        ):
            assert await line.advance(order_id) is not None, f"nothing leads to {stage}"

    async def deliver(self, order_id: UUID) -> list[DueStep]:
        """Drive the order to its end, approving its plan."""
        steps = await self.drive(order_id)
        await self.change(order_id, approve)
        return steps + await self.drive(order_id)

    async def change(self, order_id: UUID, change: Act) -> None:
        """Do what a person does: lock the order and change it in one transaction."""
        async with self.database.transaction("test") as session:
            await change(session, await lock_order_by_id(session, order_id), datetime.now(UTC))

    async def order(self, order_id: UUID) -> Order:
        """Read the order."""
        async with self.database.reading() as session:
            found = await session.get(Order, order_id)
        assert found is not None
        return found

    async def events(self, order_id: UUID) -> Sequence[OrderEvent]:
        """Read the order's events, checking that their sequence has no gap."""
        query = select(OrderEvent).where(col(OrderEvent.order_id) == order_id)
        async with self.database.reading() as session:
            found = list(await session.scalars(query.order_by(col(OrderEvent.seq))))
        assert [event.seq for event in found] == list(range(1, len(found) + 1))
        return found

    async def rows(self, query: str, **parameters: Any) -> list[Any]:  # noqa: ANN401 — columns
        """Run a query that only reads."""
        async with self.database.reading() as session:
            return list((await session.execute(text(query), parameters)).all())

    async def execute(self, statement: str, **parameters: Any) -> None:  # noqa: ANN401 — columns
        """Run a statement and commit it."""
        async with self.database.transaction("test") as session:
            await session.execute(text(statement), parameters)

    async def jobs(self, order_id: UUID | None = None) -> list[Any]:
        """Return the jobs that wait or run, of one order or all."""
        return await self.rows(
            "SELECT id, status, priority, lock, scheduled_at FROM procrastinate_jobs "
            "WHERE status IN ('todo', 'doing') AND (:lock = '' OR lock = :lock) ORDER BY id",
            lock=f"order:{order_id}" if order_id else "",
        )

    async def until(
        self, order_id: UUID, condition: Callable[[Order], object], *, seconds: float = 30.0
    ) -> Order:
        """Wait until the order is as `condition` says, and return it."""
        try:
            async with asyncio.timeout(seconds):
                while not condition(order := await self.order(order_id)):  # noqa: ASYNC110 — a row
                    await asyncio.sleep(0.02)
        except TimeoutError:
            order = await self.order(order_id)
            raise AssertionError(
                f"still {order.estado}/{order.plan_estado} after {seconds} s, fallo {order.fallo}, "
                f"jobs {await self.jobs()}, last ledger entries {self.ledger.entries()[-3:]}"
            ) from None
        return order

    async def until_quiet(self, *, seconds: float = 30.0) -> None:
        """Wait until no job waits or runs."""
        async with asyncio.timeout(seconds):
            while await self.jobs():  # noqa: ASYNC110 — rows of a database
                await asyncio.sleep(0.02)

    def worker(self, **options: Any) -> Worker:  # noqa: ANN401 — fields of WorkerOptions
        """Return a worker of this process."""
        sender = OutboxSender(self.database, self.ports)
        chosen = replace(_OPTIONS, **{**self.worker_options, **options})
        return Worker(self.database, self.line(), sender, self.policy, chosen)

    @asynccontextmanager
    async def working(self, **options: Any) -> AsyncGenerator[None]:  # noqa: ANN401 — see worker
        """Run a worker beside the block; it must not have died at the end."""
        stop = asyncio.Event()
        running = asyncio.create_task(self.worker(**options).run(stop))
        try:
            yield
            assert not running.done(), "the worker ended by itself"
        finally:
            stop.set()
            await running
