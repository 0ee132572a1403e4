"""Talk to the host of killable processes, and judge what a life of an order has left."""

import asyncio
import json
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from ledger import Ledger
from ledger_ports import ledger_box
from line_process import settings_for
from rig import ADMIN, POLICY, Act, approve, cancel
from sqlalchemy import text

from axon_factory.bootstrap import Container
from axon_factory.db.sessions import Database
from axon_factory.db.tables import Order
from axon_factory.domain.addresses import OutboundRules
from axon_factory.domain.messages import Channel
from axon_factory.domain.notifications import NotificationKind
from axon_factory.orders.change import Change
from axon_factory.orders.create import create_order
from axon_factory.orders.notifications.destinations import NewDestination, create_destination
from axon_factory.orders.plans.decisions import ask_about_plan
from axon_factory.orders.questions.asking import Audience, answer_as
from axon_factory.orders.questions.open import open_questions
from axon_factory.orders.read import lock_order_by_id
from axon_factory.orders.requests import ClientData, NewOrder
from tests.support.databases import copied_database

__all__ = ["Host", "Life", "Scene", "scene"]

_AT_LEAST_ONCE = frozenset({"mailer.send", "notifier.deliver"})
"""What cannot be taken back or asked about: its receiver recognises the key."""
_LOOK = """
    SELECT estado, plan_estado, espera, fallo,
        (SELECT count(*) FROM order_questions
            WHERE order_id = orders.id AND audience = 'planificador') AS asked,
        (SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')) AS jobs,
        (SELECT count(*) FROM outbox_messages WHERE sent_at IS NULL) AS unsent
    FROM orders WHERE id = :order
"""
_SESSIONS = """
    SELECT intento, outcome, ended_at IS NULL AS open,
        (SELECT count(*) FROM system_tokens WHERE system_tokens.intento = order_sessions.intento
            AND system_tokens.order_id = order_sessions.order_id AND revoked_at IS NULL) AS tokens
    FROM order_sessions WHERE order_id = :order ORDER BY intento
"""
_QUESTIONS = """
    SELECT audience, answer, delivered_at IS NOT NULL FROM order_questions
    WHERE order_id = :order ORDER BY number
"""
_EVENTS = """
    SELECT seq, kind, agente, mensaje FROM order_events WHERE order_id = :order ORDER BY seq
"""
_STAGES = "SELECT estado FROM order_stages WHERE order_id = :order ORDER BY ordinal"
_HOST = Path(__file__).with_name("line_process.py")


@dataclass
class Run:
    """One process."""

    pid: int
    port: int | None
    ended: "asyncio.Future[int]"


class Host:
    """The other end of `line_process.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._runs: dict[int, tuple[asyncio.Future[dict[str, Any]], asyncio.Future[int]]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncGenerator["Host"]:
        """Yield a host that ends, with all its runs, when the block ends."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(_HOST), stdin=pipe, stdout=pipe
        )
        host = cls(process)
        try:
            yield host
        finally:
            if process.stdin:
                process.stdin.close()
            await process.wait()
            await host._reader

    async def run(
        self, role: str, scene: "Scene", *, kill: str | None = None, log: Path | None = None
    ) -> Run:
        """Start a process on the scene: "worker", "real_worker" or "api"."""
        number = len(self._runs)
        loop = asyncio.get_running_loop()
        started, ended = loop.create_future(), loop.create_future()
        self._runs[number] = (started, ended)
        failpoints = {
            name: str(value)
            for name, value in (("AXON_FAILPOINT_KILL", kill), ("AXON_FAILPOINT_LOG", log))
            if value is not None
        }
        self._send(
            run=number,
            role=role,
            database_url=scene.database_url,
            folder=str(scene.folder),
            failpoints=failpoints,
        )
        answer = await started
        return Run(answer["pid"], answer["port"], ended)

    async def stop(self, run: Run, *, by: signal.Signals = signal.SIGKILL) -> int:
        """End a run and return its status."""
        self._send(kill=run.pid, signal=int(by))
        return await run.ended

    def _send(self, **message: object) -> None:
        if self._process.stdin is None:
            raise RuntimeError("the host has no stdin")
        self._process.stdin.write(f"{json.dumps(message)}\n".encode())

    async def _read(self) -> None:
        if self._process.stdout is None:
            raise RuntimeError("the host has no stdout")
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            started, ended = self._runs[message["run"]]
            if message["event"] == "started":
                started.set_result(message)
            else:
                ended.set_result(message["status"])


@dataclass(frozen=True)
class Life:
    """What an order's life has left, without times and ids: equal lives are equal."""

    state: str
    progress: int
    stages: tuple[str, ...]
    events: tuple[tuple[str, str, str], ...]
    effects: tuple[tuple[str, str], ...]
    mails: tuple[str, ...]
    told: tuple[str, ...] = ()
    sessions: tuple[tuple[int, str | None, bool], ...] = ()
    """Of each its attempt, how it ended, and whether it is open."""
    questions: tuple[tuple[str, str | None, bool], ...] = ()
    """Of each who answers it, the answer, and whether whoever asked has it."""
    answers: tuple[str, ...] = ()
    """What the agent was told."""
    problems: tuple[str, ...] = ()


@dataclass
class Scene:
    """A database, a folder, one order and what happens to it."""

    database_url: str
    folder: Path
    database: Database
    ledger: Ledger
    order_id: UUID | None = None
    product: str = "webhook_service"
    configuration: dict[str, Any] = field(default_factory=dict[str, Any])
    ending: str = "entregado"
    """The state in which the order is at rest."""
    doubtful: bool = False
    """Whether the approver asks the planner something before approving."""
    deaths: int = 1
    """How many workers have died at most."""

    def container(self) -> Container:
        """Return the factory of this scene, to be closed by the caller."""
        return Container(settings_for(self.folder), self.database_url)

    async def place(self) -> None:
        """Create the order."""
        request = NewOrder(
            tipo_producto=self.product,
            nombre_producto="Bot de prueba",
            datos_cliente=ClientData(
                nombre="Empresa XYZ", email="xyz@example.com", configuracion=self.configuration
            ),
        )
        async with self.database.transaction("test") as session:
            order = await create_order(session, request, ADMIN, POLICY, datetime.now(UTC))
        self.order_id = order.id

    async def to_rest(self, *, seconds: float) -> None:
        """Do what people do when the order waits for them, until it has ended and all is sent."""
        await self._until(self.act_or_rest, seconds)

    async def to_approval(self, *, seconds: float) -> None:
        """Wait until the plan waits for approval and the line has nothing to do."""

        async def arrived() -> bool:
            look = await self.look()
            return look["plan_estado"] == "pendiente_aprobacion" and not look["jobs"]

        await self._until(arrived, seconds)

    async def _until(self, condition: Callable[[], Awaitable[bool]], seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not await condition():  # noqa: ASYNC110 — rows of a database
                    await asyncio.sleep(0.05)
        except TimeoutError:
            logs = "\n".join(file.read_text() for file in self.folder.glob("*.log"))
            raise AssertionError(f"not at rest: {await self.look()}\n{logs}") from None

    async def listen(self) -> None:
        """Make a webhook that is told of the plan."""
        async with self.database.transaction("test") as session:
            await create_destination(
                session,
                NewDestination(
                    Channel.WEBHOOK,
                    "crm",
                    "https://crm.example/",
                    [NotificationKind.PLAN_PENDIENTE],
                ),
                box=ledger_box(),
                rules=OutboundRules(),
                created_by="t",
                now=datetime.now(UTC),
            )

    async def approve(self) -> None:
        """Approve the plan as an administrator."""
        await self._change(approve)

    async def cancel(self) -> None:
        """Cancel the order as an administrator."""
        await self._change(cancel)

    async def _change(self, change: Act) -> None:
        if self.order_id is None:
            raise RuntimeError("there is no order")
        async with self.database.transaction("test") as session:
            order = await lock_order_by_id(session, self.order_id)
            await change(session, order, datetime.now(UTC))

    async def act_or_rest(self) -> bool:
        """Do what a person does if the order waits for one. Return True when its life is over."""
        look = await self.look()
        if look["jobs"]:
            # Not before the line is at rest: how often it looks would differ from life to life.
            return False
        if look["estado"] == "planificacion" and look["plan_estado"] == "pendiente_aprobacion":
            await self._change(_ask_planner if self.doubtful and not look["asked"] else approve)
            return False
        if look["espera"] == "cliente":
            await self._change(_answer)
            return False
        return look["estado"] == self.ending and not look["unsent"]

    async def look(self) -> dict[str, Any]:
        (row,) = await self.rows(_LOOK)
        return dict(row._mapping)

    async def life(self) -> Life:
        """Return what is left now."""
        (order,) = await self.rows(
            "SELECT estado, progreso, order_number FROM orders WHERE id = :order"
        )
        number = re.compile(re.escape(order.order_number.partition("-")[2]))
        events = await self.rows(_EVENTS)
        stages = await self.rows(_STAGES)
        sessions = await self.rows(_SESSIONS)
        effects = self.ledger.effects()
        sent = Counter(e.key for e in effects if e.place in _AT_LEAST_ONCE)
        mails = {e.key for e in effects if e.place == "mailer.send"}
        told = {e.key: e.details["kind"] for e in effects if e.place == "notifier.deliver"}
        others = [e for e in effects if e.place not in _AT_LEAST_ONCE]
        return Life(
            state=order.estado,
            progress=order.progreso,
            stages=tuple(stage.estado for stage in stages),
            events=tuple(
                (event.kind, event.agente, number.sub("N", event.mensaje)) for event in events
            ),
            effects=tuple((e.place, e.key.partition(":")[2]) for e in others),
            mails=tuple(sorted(key.partition(":")[2] for key in mails)),
            told=tuple(sorted(told.values())),
            sessions=tuple((one.intento, one.outcome, one.open) for one in sessions),
            questions=tuple(tuple(row) for row in await self.rows(_QUESTIONS)),
            answers=tuple(answer for e in others for answer in e.details.get("answers", ())),
            problems=(
                *_problems(events, others, sent, self.ledger, self.deaths),
                *_left_behind(order.estado, others, sessions),
            ),
        )

    async def rows(self, query: str) -> Sequence[Any]:
        """Run a query that only reads; `:order` in it is the order's id."""
        values = {"order": self.order_id} if ":order" in query else {}
        async with self.database.reading() as session:
            return list((await session.execute(text(query), values)).all())


def _problems(
    events: Sequence[Any],
    effects: Sequence[Any],
    sent: Counter[str],
    ledger: Ledger,
    deaths: int,
) -> list[str]:
    found: list[str] = []
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        found.append("the events' sequence has a gap")
    found += [
        f"effect repeated: {place} {key}"
        for (place, key), count in Counter((e.place, e.key) for e in effects).items()
        if count > 1
    ]
    if sum(count - 1 for count in sent.values()) > deaths:
        found.append(f"more than {deaths} doubled messages: {sent}")
    found += [f"{e.place} inside a transaction" for e in ledger.entries("violation")]
    return found


def _left_behind(state: str, effects: Sequence[Any], sessions: Sequence[Any]) -> list[str]:
    """Return what of the order goes on outside though nobody wants it, or does not though it is."""
    found = [
        f"attempt {one.intento} was stopped, and {one.tokens} of its tokens live"
        for one in sessions
        if one.outcome != "terminada" and one.tokens
    ]
    done = Counter(e.place for e in effects)
    deployed, withdrawn = done["deployer.deploy"], done["deployer.undeploy"]
    if deployed - withdrawn != (1 if state == "entregado" else 0):
        found.append(f"{deployed} deployments, {withdrawn} withdrawn")
    return found


async def _ask_planner(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
    question, of = "¿Por qué tantas horas?", Audience.PLANIFICADOR
    await ask_about_plan(Change(session, order, ADMIN.actor, POLICY, now), question, of, plan=None)


async def _answer(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
    (asked,) = await open_questions(session, order, Audience.CLIENTE)
    await answer_as(
        Change(session, order, ADMIN.actor, POLICY, now), asked.number, asked.options[0], ADMIN
    )


@asynccontextmanager
async def scene(postgres_url: str, template: str, folder: Path) -> AsyncGenerator[Scene]:
    """Yield a scene on a database copied from `template`; both end with the block."""
    await asyncio.to_thread(folder.mkdir, parents=True)
    async with copied_database(postgres_url, template) as url:
        # Named, so that the ledger ports do not take this process's transactions for the line's.
        database = Database(f"{url}?application_name=axon-test", pool_size=2)
        try:
            yield Scene(url, folder, database, Ledger(folder / "ledger"))
        finally:
            await database.dispose()
