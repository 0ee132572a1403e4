"""One contender of `benchmarks/lifecycles.py`, as a process of its own: a factory, or bare jobs.

Started by path under the Python of any checkout. It reads one word a line from stdin and answers
each with a line of JSON: `place N` places orders or enqueues chains; `work` runs one worker until
nothing waits.
"""

import asyncio
import hashlib
import json
import logging
import os
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import psycopg
import structlog
from procrastinate import App, PsycopgConnector

import axon_factory
from axon_factory.bootstrap import Container
from axon_factory.domain.permissions import Grant, Principal, Role
from axon_factory.line.step import LinePorts
from axon_factory.orders.create import create_order
from axon_factory.orders.requests import NewOrder, validated
from axon_factory.ports.builder import BuildReport, BuildRequest, BuildStatus, MilestoneReport
from axon_factory.ports.messages import Mail
from axon_factory.ports.product import (
    AnsweredRequest,
    CheckReceipt,
    Deployment,
    DeploymentRequest,
    ProductUnderReview,
)
from axon_factory.settings import load_settings

_CLIENT = Principal("benchmark", "Medición", Role.ADMIN, Grant.ADMIN)
_EXAMPLE = Path(axon_factory.__file__).parent / "cli/example_order.json"
_LOOK_SECONDS = 0.05
_WAITING = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


class Contender(Protocol):
    """What is measured."""

    async def place(self, number: int) -> None:
        """Place that many orders."""
        ...

    async def work(self, stop: asyncio.Event) -> None:
        """Run one worker until `stop` is set."""
        ...


class Chain:
    """Orders of nothing but jobs: each enqueues the next one, as plain Procrastinate does."""

    def __init__(self, dsn: str, steps: int, concurrency: int) -> None:
        """Each order has `steps` jobs."""
        self._steps, self._concurrency = steps, concurrency
        self._app = App(
            connector=PsycopgConnector(conninfo=dsn, min_size=1, max_size=concurrency + 3)
        )
        self._number = 0

        @self._app.task(name="step")
        async def step(order_id: str, number: int) -> None:
            if number < self._steps:
                await self._enqueue(order_id, number + 1)

    async def _enqueue(self, order_id: str, number: int) -> None:
        await self._app.configure_task("step", lock=f"order:{order_id}").defer_async(
            order_id=order_id, number=number
        )

    async def place(self, number: int) -> None:
        """Enqueue the first job of each chain."""
        async with self._app.open_async():
            for _ in range(number):
                self._number += 1
                await self._enqueue(str(self._number), 1)

    async def work(self, stop: asyncio.Event) -> None:
        """Run one worker."""
        async with self._app.open_async():
            running = asyncio.create_task(
                self._app.run_worker_async(
                    concurrency=self._concurrency,
                    install_signal_handlers=False,
                    delete_jobs="successful",
                )
            )
            await stop.wait()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


class Factory:
    """The factory's own worker over ports that answer at once."""

    def __init__(self, dsn: str, folder: Path, concurrency: int) -> None:
        """`folder` is the data folder."""
        os.environ["AXON_AUTO_APPROVE"] = "autopilot_whatsapp"
        os.environ["AXON_WORKER_CONCURRENCY"] = str(concurrency)
        self._container = Container(load_settings(data_dir=folder), dsn)

    async def place(self, number: int) -> None:
        """Place orders as the API does."""
        container = self._container
        example = json.loads(_EXAMPLE.read_text(encoding="utf-8"))
        for _ in range(number):
            request, now = validated(NewOrder, example), datetime.now(UTC)
            async with container.database.transaction("benchmark") as session:
                await create_order(session, request, _CLIENT, container.policy, now)

    async def work(self, stop: asyncio.Event) -> None:
        """Run one worker."""
        await self._container.worker(_ports(self._container)).run(stop)


class NoopBuilder:
    """Completes all milestones at once."""

    name = "noop"

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        """Name the session."""
        del idempotency_key
        return f"ses_{request.order_number}_{request.attempt}"

    async def proceed(
        self, session_id: str, request: BuildRequest, *, idempotency_key: str
    ) -> BuildReport:
        """Report every milestone."""
        del idempotency_key
        missing = [one for one in request.plan.milestones if one.id not in request.completed]
        done = tuple(
            MilestoneReport(one.id, one.agente, f"{one.nombre} listo", _commit(session_id, one.id))
            for one in missing
        )
        return BuildReport(BuildStatus.FINISHED, done)


def _commit(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:40]


class NoopCouncil:
    """Passes everything."""

    name = "noop"

    async def run_check(
        self, check: str, product: ProductUnderReview, *, idempotency_key: str
    ) -> CheckReceipt:
        """Return a receipt."""
        del product, idempotency_key
        return CheckReceipt(
            check=check,
            passed=True,
            command=("noop", check),
            exit_code=0,
            duration_seconds=0.0,
            output_digest=hashlib.sha256(check.encode()).hexdigest(),
            output_tail="",
            findings=(),
            isolation="subprocess",
        )


class NoopDeployer:
    """Says where a product would run."""

    name = "noop"

    async def deploy(self, request: DeploymentRequest, *, idempotency_key: str) -> Deployment:
        """Return its addresses."""
        del idempotency_key
        url = f"http://127.0.0.1:1/{request.slug}"
        return Deployment(
            url=url,
            admin_url=f"{url}/admin",
            api_url=f"{url}/api",
            docs_url=f"{url}/guia",
            webhooks={"whatsapp": f"{url}/webhooks/whatsapp"},
            configuration={"db_migrated": True},
            requests=(AnsweredRequest("salud", "GET", "/health", 200),),
        )


class NoopGitHost:
    """Gives a repository an address."""

    name = "noop"

    async def publish(self, slug: str, product_dir: Path, *, idempotency_key: str) -> str:
        """Return it."""
        del product_dir, idempotency_key
        return f"http://127.0.0.1:1/git/{slug}.git"


class NoopMailer:
    """Sends nothing."""

    name = "noop"

    async def send(self, mail: Mail, *, idempotency_key: str) -> None:
        """Take the mail."""


def _ports(container: Container) -> LinePorts:
    """Return ports that answer at once; planner, secret box and machine are the factory's."""
    ports: dict[str, Any] = {
        "builder": NoopBuilder(),
        "council": NoopCouncil(),
        "deployer": NoopDeployer(),
        "git_host": NoopGitHost(),
        "mailer": NoopMailer(),
    }
    return replace(container.line_ports(), **ports)


class Counts:
    """Statements that this process sends."""

    def __init__(self) -> None:
        """Count from now on."""
        self.statements = 0
        execute: Any = psycopg.AsyncCursor.execute

        async def counted(*arguments: object, **keywords: object) -> object:
            self.statements += 1
            return await execute(*arguments, **keywords)

        setattr(psycopg.AsyncCursor, "execute", counted)  # noqa: B010 — a method that is replaced


async def _until_quiet(look: psycopg.AsyncConnection[Any]) -> None:
    while True:
        row = await (await look.execute(_WAITING)).fetchone()
        if not row or not row[0]:
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def _measure(contender: Contender, dsn: str, counts: Counts) -> dict[str, float]:
    """Have one worker do all that waits, and return what that has cost."""
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as look:
        before, statements = time.process_time(), counts.statements
        begin, stop = time.monotonic(), asyncio.Event()
        working = asyncio.create_task(contender.work(stop))
        await _until_quiet(look)
        took = time.monotonic() - begin
        cpu = time.process_time() - before
        done = counts.statements - statements
        stop.set()
        await working
    return {"seconds": took, "cpu": cpu, "statements": done}


async def _serve(contender: Contender, dsn: str, counts: Counts) -> None:
    loop = asyncio.get_running_loop()
    while line := (await loop.run_in_executor(None, sys.stdin.readline)).split():
        answer: dict[str, Any] = {}
        match line:
            case ["place", number]:
                await contender.place(int(number))
            case _:
                answer = await _measure(contender, dsn, counts)
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def main() -> None:
    """Serve one contender: `factory` or `chain`, DSN, folder, concurrency, steps of a chain."""
    logging.disable(logging.WARNING)
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(
        wrapper_class=quiet, logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    what, dsn, folder, concurrency, steps = sys.argv[1:]
    counts = Counts()
    contender = (
        Chain(dsn, int(steps), int(concurrency))
        if what == "chain"
        else Factory(dsn, Path(folder), int(concurrency))
    )
    asyncio.run(_serve(contender, dsn, counts))


if __name__ == "__main__":
    main()
