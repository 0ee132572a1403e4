"""Run the line's jobs on Procrastinate until told to stop, through restarts of the database."""

import asyncio
import contextlib
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy
from procrastinate.exceptions import ConnectorException
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from axon_factory.db.sessions import Database, is_unavailable
from axon_factory.jobs.queue import ADVANCE, SEND_MESSAGE
from axon_factory.line.line import Line
from axon_factory.line.outbox import OutboxSender
from axon_factory.orders.policy import Policy
from axon_factory.worker.maintenance import (
    age_waiting_orders,
    fold_list_changes,
    forget_expired_keys,
    jobs_in_name_of,
    rescue_stalled_jobs,
    sweep,
    switch_off_orphans,
)
from axon_factory.worker.products import ProductWatch
from axon_factory.worker.reminders import (
    notice_silence,
    remind_approvers,
    remind_of_questions,
    tell_answers,
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker runs; all times in seconds.

    A worker that has not given a heartbeat for `stalled_after` is dead to the others. On a stop,
    running steps get `graceful_seconds` and are interrupted then; they are repeated later.
    Recovery is looked after every `maintenance_seconds`; what is counted in hours (reminders,
    silence, expiry) only every `housekeeping_seconds`, so that an idle worker costs next to
    nothing.
    """

    name: str
    concurrency: int = 2
    heartbeat_seconds: float = 5.0
    stalled_after_seconds: float = 15.0
    maintenance_seconds: float = 5.0
    housekeeping_seconds: float = 60.0
    polling_seconds: float = 5.0
    graceful_seconds: float = 5.0
    longest_step_seconds: float = 900.0


class Worker:
    """One worker process's loop. Any number of them share one database."""

    def __init__(
        self,
        database: Database,
        line: Line,
        sender: OutboxSender,
        policy: Policy,
        options: WorkerOptions,
        watch: ProductWatch | None = None,
    ) -> None:
        """`line` moves orders, `sender` empties the outbox, `watch` keeps products running."""
        self._database = database
        self._line = line
        self._sender = sender
        self._policy = policy
        self._options = options
        self._watch = watch
        self._stop: asyncio.Event | None = None
        self._worker_id: int | None = None
        self._running: set[int] = set()
        self._suspects: frozenset[int] = frozenset()

    @property
    def line(self) -> Line:
        """The line that it moves orders on."""
        return self._line

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set; a database that goes away is waited for."""
        self._stop = stop
        watching = asyncio.create_task(self._watch.run(stop)) if self._watch else None
        try:
            await self._work(stop)
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    async def keep_up_once(self) -> None:
        """Do the first round of upkeep: recover lost jobs, then what is counted in hours."""
        await self._recover(afresh=True)
        await self._keep_house()

    async def _work(self, stop: asyncio.Event) -> None:
        delay = 0.2
        while not stop.is_set():
            try:
                await self._run_once(stop)
                delay = 0.2
            except Exception as error:
                if not (isinstance(error, ConnectorException) or is_unavailable(error)):
                    raise
                _log.warning("database unavailable", retry_in=delay, error=str(error).strip())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), delay)
            delay = min(delay * 2, 5.0)

    async def _run_once(self, stop: asyncio.Event) -> None:
        app = self._app()
        async with app.open_async():
            runner = asyncio.create_task(self._run_jobs(app))
            keeper = asyncio.create_task(self._keep_up())
            stopper = asyncio.create_task(stop.wait())
            try:
                await asyncio.wait({runner, keeper, stopper}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopper.cancel()
                keeper.cancel()
                runner.cancel()
                results = await asyncio.gather(runner, keeper, stopper, return_exceptions=True)
            for result in results:
                if isinstance(result, Exception):
                    raise result

    async def _run_jobs(self, app: App) -> None:
        options = self._options
        await app.run_worker_async(
            name=options.name,
            concurrency=options.concurrency,
            install_signal_handlers=False,
            listen_notify=True,
            delete_jobs="successful",
            fetch_job_polling_interval=options.polling_seconds,
            update_heartbeat_interval=options.heartbeat_seconds,
            stalled_worker_timeout=options.stalled_after_seconds,
            shutdown_graceful_timeout=options.graceful_seconds,
        )

    async def _keep_up(self) -> None:
        options, clock = self._options, asyncio.get_running_loop().time
        afresh, housekeeping_due = True, clock()
        while True:
            await self._recover(afresh=afresh)
            afresh = False
            if clock() >= housekeeping_due:
                await self._keep_house()
                housekeeping_due = clock() + options.housekeeping_seconds
            await asyncio.sleep(options.maintenance_seconds)

    async def _recover(self, *, afresh: bool) -> None:
        options = self._options
        await rescue_stalled_jobs(
            self._database,
            stalled_after=options.stalled_after_seconds,
            longest_step=options.longest_step_seconds,
            dropped=await self._dropped_jobs(),
        )
        await sweep(self._database, self._policy, afresh=afresh)
        await fold_list_changes(self._database)

    async def _keep_house(self) -> None:
        await remind_approvers(self._database, self._policy, datetime.now(UTC))
        await tell_answers(self._database, self._policy, datetime.now(UTC))
        await age_waiting_orders(self._database)
        await forget_expired_keys(self._database)
        await switch_off_orphans(self._database)
        await notice_silence(self._database, self._policy)
        await remind_of_questions(self._database, self._policy)

    def _is_stopping(self) -> bool:
        return self._stop is not None and self._stop.is_set()

    async def _dropped_jobs(self) -> frozenset[int]:
        """Return the jobs that are ours by the record, but have not run for two looks."""
        if self._worker_id is None:
            return frozenset()
        claimed = await jobs_in_name_of(self._database, self._worker_id)
        idle = claimed - self._running
        dropped = idle & self._suspects
        self._suspects = idle - dropped
        return dropped

    @contextlib.contextmanager
    def _noted(self, context: JobContext) -> Generator[None]:
        """Note that a job runs."""
        job = context.job
        self._worker_id = job.worker_id
        if job.id is None:
            raise TypeError("a running job has an id")
        self._running.add(job.id)
        try:
            yield
        finally:
            self._running.discard(job.id)

    def _app(self) -> App:
        app = App(
            connector=PsycopgConnector(
                conninfo=self._database.url,
                pool_factory=_UncheckedPool,
                configure=_commit_each,
                min_size=1,
                max_size=self._options.concurrency + 3,
            )
        )
        # A job that raises met a missing database: it is tried again, and the sweep finds the rest.
        retry = RetryStrategy(max_attempts=5, exponential_wait=2)

        @app.task(name=ADVANCE, retry=retry, pass_context=True)
        async def advance(context: JobContext, order_id: str) -> None:  # pyright: ignore[reportUnusedFunction] — registered
            with self._noted(context):
                await self._line.run(UUID(order_id), stopping=self._is_stopping)

        @app.task(name=SEND_MESSAGE, retry=retry, pass_context=True)
        async def send_message(context: JobContext, message_id: str) -> None:  # pyright: ignore[reportUnusedFunction] — registered
            with self._noted(context):
                await self._sender.send(UUID(message_id))

        return app


async def _commit_each(connection: AsyncConnection[Any]) -> None:
    """Make each statement of Procrastinate a transaction of its own, as it is anyway."""
    await connection.set_autocommit(True)


class _UncheckedPool(AsyncConnectionPool[Any]):
    """A pool that does not ask before each use whether the server is there.

    It would be asked three times a job. A worker whose database went away begins anew (`_work`).
    """

    def __init__(self, *, check: object, **options: Any) -> None:  # noqa: ANN401 — the pool's own
        """Leave Procrastinate's `check` out."""
        del check
        super().__init__(**options)
