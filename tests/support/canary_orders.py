"""A factory in which everything that an order meets repeats its personal values, and the search."""
# ruff: noqa: ARG002 — ports' signatures

import contextlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import httpx2
import psycopg
from psycopg import sql
from sqlalchemy import text

from axon_factory.adapters.git_host import LocalGitHost
from axon_factory.adapters.mailer import MaildirMailer
from axon_factory.adapters.planner.llm import LlmPlanner
from axon_factory.adapters.planner.llm.planner import Limits, ModelRouter
from axon_factory.adapters.planner.llm.providers import ModelAddress, Provider
from axon_factory.domain.addresses import OutboundRules
from axon_factory.domain.messages import Channel
from axon_factory.domain.states import OrderState
from axon_factory.line.line import Line
from axon_factory.line.outbox import OutboxSender
from axon_factory.orders.notifications.destinations import NewDestination, create_destination
from axon_factory.ports.messages import DeliveryFailed, Destination, Notification, Receipt
from axon_factory.ports.product import CheckReceipt, ProductUnderReview
from tests.support.model_behaviours import good_plan
from tests.support.model_server import answering, serving
from tests.support.ports import ExampleCouncil, example_ports
from tests.support.workshop import Json, Workshop, open_workshop

__all__ = [
    "CLIENT",
    "EMAIL",
    "MARK",
    "MARKS",
    "NAME",
    "Living",
    "dump",
    "files",
    "held",
    "open_living",
]

MARK = "zzcanario"
"""Begins every canary, so that one search finds them all."""
PHONE = "+525512345678"
MARKS = (MARK, PHONE)
NAME, EMAIL = f"{MARK}nombre", f"{MARK}@cliente.example"
CLIENT = {
    "nombre": f"{NAME} S.A.",
    "email": EMAIL,
    "telefono": PHONE,
    "industria": f"{MARK}-industria",
    "pais": f"{MARK}-pais",
    "otro": f"{MARK}-otro",
    "configuracion": {"admin_email": EMAIL, "integraciones": [f"{MARK}-integracion"]},
}


class LoudCouncil(ExampleCouncil):
    """Repeats what the product says of itself."""

    async def run_check(
        self, check: str, product: ProductUnderReview, *, idempotency_key: str
    ) -> CheckReceipt:
        receipt = await super().run_check(check, product, idempotency_key=idempotency_key)
        loud = f"{MARK}-salida"
        return replace(receipt, command=(loud,), output_tail=loud, findings=(loud,))


class DeafNotifier:
    """Says no, and why in the other side's words."""

    name = "deaf"

    async def deliver(
        self, notification: Notification, destination: Destination, *, idempotency_key: str
    ) -> Receipt:
        raise DeliveryFailed(f"No: {notification.payload} {MARK}-error", transient=True)


@dataclass(frozen=True, slots=True)
class Living:
    """The factory, its folder, and the line that the orders go through."""

    workshop: Workshop
    line: Line
    sender: OutboxSender
    folder: Path
    database_url: str

    async def ask(
        self, method: str, path: str, body: Json = None, *, by: str = "admin", status: int = 200
    ) -> httpx2.Response:
        headers = {**self.workshop.headers[by], "Idempotency-Key": f"{method}-{path}-{status}"}
        answer = await self.workshop.http.request(method, path, json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer

    async def until(self, order_id: UUID, state: OrderState) -> None:
        while (await self.workshop.order(order_id)).estado != state:
            assert await self.line.advance(order_id) is not None

    async def drive(self, order_id: UUID) -> None:
        while await self.line.advance(order_id) is not None:
            pass

    async def send_messages(self) -> None:
        async with self.workshop.container.database.reading() as session:
            found = await session.scalars(text("SELECT id FROM outbox_messages"))
            ids = list(found)
        for message_id in ids:
            await self.sender.send(message_id)


@contextlib.asynccontextmanager
async def open_living(database_url: str, folder: Path) -> AsyncGenerator[Living]:
    """Open a factory whose model, council and receivers repeat canaries."""
    plan = good_plan(
        "autopilot_whatsapp",
        integraciones=[f"{MARK}-integracion"],
        observaciones=[f"{NAME} vende {MARK}-cosas"],
    )
    async with open_workshop(database_url, folder) as workshop, serving() as models:
        models.play("modelo", answering({"nope": f"{MARK}-respuesta"}), answering(plan))
        address = ModelAddress(Provider.COMPATIBLE, "modelo", None, models.url)
        limits = Limits(timeout_seconds=5, pause_seconds=0, longest_pause_seconds=1)
        ports = replace(
            example_ports(workshop.container.secret_box),
            planner=LlmPlanner(ModelRouter((address,), limits)),
            council=LoudCouncil(),
            mailer=MaildirMailer(folder / "mail", "axon@fabrica.example"),
            notifier=DeafNotifier(),
            git_host=LocalGitHost(folder / "repositories", "https://fabrica.example"),
        )
        container = workshop.container
        line = Line(
            container.database,
            ports,
            container.policy,
            products=folder / "products",
            worker="test",
            tokens=container.system_tokens,
        )
        async with container.database.transaction("test") as session:
            now = (await session.execute(text("SELECT now()"))).scalar_one()
            new = NewDestination(Channel.WEBHOOK, "todo", "https://crm.example/x", [])
            await create_destination(
                session,
                new,
                box=container.secret_box,
                rules=OutboundRules(),
                created_by="t",
                now=now,
            )
        sender = OutboxSender(container.database, ports)
        yield Living(workshop, line, sender, folder, database_url)


async def dump(living: Living) -> Mapping[str, str]:
    """Return every table's rows as text, and bytes also as the text that they may be."""
    tables: dict[str, str] = {}
    async with await psycopg.AsyncConnection.connect(living.database_url) as connection:
        found = await connection.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        )
        for (table,) in await found.fetchall():
            rows = await connection.execute(
                sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table))
            )
            tables[table] = "\n".join(row for (row,) in await rows.fetchall()).lower()
    return tables


def held(tables: Mapping[str, str]) -> list[str]:
    marks = (*MARKS, *(mark.encode().hex() for mark in MARKS))
    return sorted(name for name, rows in tables.items() if any(mark in rows for mark in marks))


def files(folder: Path) -> list[str]:
    """Return the files and folders whose name or content has a canary."""
    return sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if MARK in path.name
        or (path.is_file() and any(mark.encode() in path.read_bytes() for mark in MARKS))
    )
