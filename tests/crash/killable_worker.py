"""A worker in the test's own process that can die as by SIGKILL.

At one crossing a failpoint raises `Killed`. Before that it cuts the worker's connections without a
word, so PostgreSQL rolls open transactions back. From then on each try to reach the database raises
`Killed` too: no `except` or `finally` of the dead worker can write.
"""

import os
import socket
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from crash_rig import Scene, scene
from line_process import settings_for
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Job, Status
from sqlalchemy import event, text

from axon_factory.bootstrap import Container
from axon_factory.bootstrap.line import worker_options
from axon_factory.db.sessions import Database
from axon_factory.failpoints import arm, disarm
from axon_factory.jobs.queue import ADVANCE
from axon_factory.line.line import Line
from axon_factory.line.outbox import OutboxSender
from axon_factory.line.step import LinePorts
from axon_factory.worker.maintenance import rescue_stalled_jobs, sweep
from axon_factory.worker.runner import Worker

__all__ = ["KillableWorker", "Killed", "Workplace", "workplace"]

_MISS_HEARTBEAT = text(
    "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour' WHERE id = :worker"
)


class Killed(BaseException):
    """The worker is dead. No `except Exception` may catch it."""


@dataclass(frozen=True)
class _Queue:
    """Procrastinate's queue, reached over a connection that outlives all workers."""

    app: App

    @classmethod
    @asynccontextmanager
    async def opened(cls, database_url: str) -> AsyncGenerator["_Queue"]:
        """Yield the queue of one database."""
        app = App(connector=PsycopgConnector(conninfo=database_url, min_size=1, max_size=1))
        async with app.open_async():
            yield cls(app)

    async def register(self) -> int:
        """Return the id of a new worker."""
        return await self.app.job_manager.register_worker()

    async def fetch(self, worker: int) -> Job | None:
        """Mark the next due job as run by `worker` and return it."""
        return await self.app.job_manager.fetch_job(queues=None, worker_id=worker)

    async def finish(self, job: Job) -> None:
        """Delete a job that was done."""
        await self.app.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=True)


class _MortalDatabase(Database):
    """A pool whose connections can be cut as the kernel cuts those of a killed process."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet."""
        super().__init__(url, pool_size=4)
        self.dead = False
        self._connections = list[psycopg.AsyncConnection[Any]]()
        engine = self._engine.sync_engine
        event.listen(engine, "do_connect", self._refuse_when_dead)
        event.listen(engine, "connect", self._remember)

    def _refuse_when_dead(self, *_: object) -> None:
        if self.dead:
            raise Killed

    def _remember(self, connection: Any, _record: object) -> None:  # noqa: ANN401 — SQLAlchemy's
        self._connections.append(connection.driver_connection)

    def cut(self) -> None:
        """Close all sockets, and open no other."""
        self.dead = True
        for connection in self._connections:
            if not connection.closed:
                with socket.socket(fileno=os.dup(connection.pgconn.socket)) as end:
                    end.shutdown(socket.SHUT_RDWR)

    async def renew(self) -> None:
        """Begin with an empty pool, as a new process does. Only compiled statements stay."""
        await self.dispose()
        for connection in self._connections:
            await connection.close()
        self._connections.clear()
        self.dead = False


@dataclass(frozen=True)
class Workplace:
    """What workers share with one another: everything outside their memory."""

    container: Container
    database: _MortalDatabase
    people: Database
    """The pool of everyone else."""
    queue: _Queue


class KillableWorker:
    """One worker process: its line, its outbox and its pool."""

    def __init__(self, place: Workplace, ports: LinePorts, number: int) -> None:
        """`number` is its id in Procrastinate's table."""
        container = place.container
        self._place = place
        self._number = number
        self._line = Line(
            place.database,
            ports,
            container.policy,
            products=container.data_dir / "products",
            worker=f"worker {number}",
            tokens=container.system_tokens,
        )
        self._sender = OutboxSender(place.database, ports)
        self._upkeep = Worker(
            place.database,
            self._line,
            self._sender,
            container.policy,
            worker_options(container.settings, f"worker {number}"),
        )

    @classmethod
    async def begin(cls, place: Workplace, ports: LinePorts) -> "KillableWorker":
        """Start a worker. As each worker does, it looks first for jobs of dead ones."""
        await place.database.renew()
        worker = cls(place, ports, await place.queue.register())
        await rescue_stalled_jobs(place.database, stalled_after=60, longest_step=900)
        await sweep(place.database, place.container.policy, afresh=True)
        return worker

    async def work(self, *, die_at: int | str | None = None) -> list[str] | None:
        """Do the next job that is due, and return what it crossed. None: no job is due.

        Raises:
            Killed: it died at the crossing `die_at` of this job: its number, from 1, or name.
        """
        job = await self._place.queue.fetch(self._number)
        if job is None:
            return None
        crossed = await self._run(self._do(job), die_at)
        await self._place.queue.finish(job)
        return crossed

    async def keep_up(self, *, die_at: int | str | None = None) -> list[str]:
        """Do one round of upkeep, and return what it crossed.

        Raises:
            Killed: as `work`.
        """
        return await self._run(self._upkeep.keep_up_once(), die_at)

    async def _run(self, work: Coroutine[Any, Any, None], die_at: int | str | None) -> list[str]:
        database, crossed = self._place.database, list[str]()

        def cross(crossing: str) -> None:
            if database.dead:
                raise Killed
            crossed.append(crossing.partition("#")[0])
            if die_at in {len(crossed), crossing}:
                database.cut()
                raise Killed

        arm(cross)
        try:
            await work
        except BaseException:
            if not database.dead:
                raise
        finally:
            disarm()
        if database.dead:  # even if something caught the exception
            async with self._place.people.transaction("test") as session:
                await session.execute(_MISS_HEARTBEAT, {"worker": self._number})
            raise Killed
        return crossed

    async def _do(self, job: Job) -> None:
        if job.task_name == ADVANCE:
            await self._line.advance(UUID(str(job.task_kwargs["order_id"])))
        else:
            await self._sender.send(UUID(str(job.task_kwargs["message_id"])))


@asynccontextmanager
async def workplace(
    postgres_url: str, template: str, folder: Path
) -> AsyncGenerator[tuple[Scene, Workplace]]:
    """Yield a scene without an order, and the place where workers move its orders."""
    async with (
        scene(postgres_url, template, folder) as stage,
        _Queue.opened(stage.database_url) as queue,
    ):
        # As in `line_process.py`: the builder stands for an agent outside, with tokens.
        container = Container(settings_for(folder, builder="http"), stage.database_url)
        database = _MortalDatabase(stage.database_url)
        try:
            yield stage, Workplace(container, database, stage.database, queue)
        finally:
            await database.renew()
            await container.close()
