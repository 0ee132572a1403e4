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
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import psycopg
import structlog
from procrastinate import App, PsycopgConnector

_LOOK_SECONDS = 0.05
_WAITING = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
_DELIVERED = "SELECT count(*) FROM orders WHERE estado = 'entregado'"


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
        from axon_factory.bootstrap import Container
        from axon_factory.settings import load_settings

        os.environ["AXON_AUTO_APPROVE"] = "autopilot_whatsapp"
        os.environ["AXON_WORKER_CONCURRENCY"] = str(concurrency)
        self._container = Container(load_settings(data_dir=folder), dsn)

    async def place(self, number: int) -> None:
        """Place orders as the API does."""
        from axon_factory.orders.create import create_order
        from axon_factory.orders.requests import NewOrder, validated

        container = self._container
        for _ in range(number):
            request = validated(NewOrder, _example())
            async with container.database.transaction("benchmark") as session:
                await create_order(session, request, _client(), container.policy, _now())

    async def work(self, stop: asyncio.Event) -> None:
        """Run one worker."""
        await self._container.worker(_ports(self._container)).run(stop)


def _example() -> Any:
    import axon_factory

    folder = Path(axon_factory.__file__).parent
    return json.loads((folder / "cli/example_order.json").read_text(encoding="utf-8"))


def _client() -> Any:
    from axon_factory.domain.permissions import Grant, Principal, Role

    return Principal("benchmark", "Medición", Role.ADMIN, Grant.ADMIN)


def _now() -> datetime:
    return datetime.now(UTC)


def _ports(container: Any) -> Any:
    """Return ports that answer at once, but the planner and the secret box: these are pure."""
    from dataclasses import replace

    from axon_factory.ports.builder import BuildReport, BuildStatus, MilestoneReport
    from axon_factory.ports.product import AnsweredRequest, CheckReceipt, Deployment

    class NoopBuilder:
        name = "noop"

        async def start(self, request: Any, **_: object) -> str:
            return f"ses_{request.order_number}_{request.attempt}"

        async def proceed(self, session_id: str, request: Any, **_: object) -> BuildReport:
            missing = [one for one in request.plan.milestones if one.id not in request.completed]
            done = tuple(
                MilestoneReport(
                    one.id,
                    one.agente,
                    f"{one.nombre} listo",
                    hashlib.sha256(f"{session_id}{one.id}".encode()).hexdigest()[:40],
                )
                for one in missing
            )
            return BuildReport(BuildStatus.FINISHED, done)

    class NoopCouncil:
        name = "noop"

        async def run_check(self, check: str, product: Any, **_: object) -> CheckReceipt:
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
        name = "noop"

        async def deploy(self, request: Any, **_: object) -> Deployment:
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
        name = "noop"

        async def publish(self, slug: str, product_dir: Path, **_: object) -> str:
            return f"http://127.0.0.1:1/git/{slug}.git"

    class NoopMailer:
        name = "noop"

        async def send(self, mail: Any, **_: object) -> None:
            pass

    return replace(
        container.line_ports(),
        builder=NoopBuilder(),
        council=NoopCouncil(),
        deployer=NoopDeployer(),
        git_host=NoopGitHost(),
        mailer=NoopMailer(),
    )


class Counts:
    """Statements that this process sends, and what its jobs were."""

    def __init__(self) -> None:
        """Count from now on."""
        self.statements = 0
        self.texts = Counter[str]()
        execute = psycopg.AsyncCursor.execute

        async def counted(cursor: Any, query: Any, *rest: Any, **keywords: Any) -> Any:
            self.statements += 1
            if os.environ.get("BENCH_TEXTS"):
                text = query if isinstance(query, str) else str(query)
                self.texts[" ".join(text.split())[:160]] += 1
            return await execute(cursor, query, *rest, **keywords)

        psycopg.AsyncCursor.execute = counted  # type: ignore[method-assign]


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
                profile = os.environ.get("BENCH_PROFILE")
                if profile and line == ["profile"]:
                    import cProfile

                    with cProfile.Profile() as profiler:
                        answer = await _measure(contender, dsn, counts)
                    profiler.dump_stats(profile + type(contender).__name__)
                else:
                    answer = await _measure(contender, dsn, counts)
                if counts.texts:
                    Path(os.environ["BENCH_TEXTS"] + type(contender).__name__).write_text(
                        "\n".join(f"{n} {t}" for t, n in counts.texts.most_common())
                    )
                    counts.texts.clear()
        print(json.dumps(answer), flush=True)


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
