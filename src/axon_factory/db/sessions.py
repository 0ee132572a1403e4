"""Engine and sessions. Only the edges (a request, a job, a command) open and commit one."""

import select
import time
import traceback
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any, Protocol, cast

import psycopg
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool
from pydantic_core import from_json
from sqlalchemy import event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import ORMExecuteState, Session
from sqlalchemy.util import await_only

from axon_factory.db.pipeline import APART, JOINS, QUEUE, send_waiting
from axon_factory.domain.failure import MachineTrouble, trouble_of
from axon_factory.failpoints import failpoint

_TROUBLE_SECONDS = 60.0
_SERVER_LIMITS = (
    "-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s"
)


_RAW_LIMITS = f"{_SERVER_LIMITS} -c plan_cache_mode=force_generic_plan -c jit=off"
"""Statements of hot paths are few and short: planning one anew costs more than running it."""
_NOTICES = "notices"
_NOTIFY = text("SELECT pg_notify(:channel, :payload)")


_USED = "used"
_FRESH_SECONDS = 30.0


class PoolRecord(Protocol):
    """What the pool keeps of a connection."""

    info: dict[str, Any]


def _note_use(_connection: object, record: PoolRecord) -> None:
    record.info[_USED] = time.monotonic()


class _MarkedSession(Session):
    """A session whose commits are failpoints, named after its unit of work."""

    apart = False
    """Whether the next statement needs nothing of what is pending."""

    def _autoflush(self) -> None:
        apart, self.apart = self.apart, False
        if not apart:
            super()._autoflush()


@event.listens_for(_MarkedSession, "do_orm_execute")
def _before_statement(state: ORMExecuteState) -> None:  # pyright: ignore[reportUnusedFunction] — registered
    session = cast("_MarkedSession", state.session)
    if session.info.get(QUEUE):
        await_only(send_waiting(session.info))
    if not session.info.get(JOINS):
        return
    if not state.is_orm_statement:
        session.apart = "apart" in state.execution_options
    elif state.bind_mapper is not None:
        pending = chain(session.new, session.dirty, session.deleted)
        if not any(isinstance(one, state.bind_mapper.class_) for one in pending):
            state.update_execution_options(autoflush=False)


@event.listens_for(_MarkedSession, "before_commit")
def _before_commit(session: Session) -> None:  # pyright: ignore[reportUnusedFunction] — registered
    told = [
        (_NOTIFY, {"channel": channel, "payload": payload})
        for channel, payload in session.info.pop(_NOTICES, ())
    ]
    if session.info.get(QUEUE):
        await_only(send_waiting(session.info, told))
    else:
        for statement, parameters in told:
            session.execute(statement, parameters, execution_options=APART)
    failpoint(f"commit:{session.info['unit']}:before")


@event.listens_for(_MarkedSession, "after_commit")
def _after_commit(session: Session) -> None:  # pyright: ignore[reportUnusedFunction] — registered
    failpoint(f"commit:{session.info['unit']}:after")


class Database:
    """One pool of connections to one PostgreSQL."""

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        """`url` is a libpq URL (postgresql://…); `pool_size` the most connections at once."""
        self.url = url
        self._engine = create_async_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=0,
            hide_parameters=True,  # errors are logged, and parameters are what clients entrust
            pool_timeout=10,
            connect_args={"options": _SERVER_LIMITS, "connect_timeout": 5},
        )
        event.listen(self._engine.sync_engine, "checkin", _note_use)
        event.listen(self._engine.sync_engine, "checkout", self._check_connection)
        self._trouble: tuple[MachineTrouble, float] | None = None
        self._raw: AsyncConnectionPool[psycopg.AsyncConnection[tuple[Any, ...]]] | None = None
        self._raw_size = max(2, pool_size // 2)
        self._sessions = async_sessionmaker(
            self._engine, sync_session_class=_MarkedSession, expire_on_commit=False
        )

    @property
    def trouble(self) -> MachineTrouble | None:
        """What kept the database's machine from writing, until it writes again or for a minute."""
        if self._trouble is None or time.monotonic() - self._trouble[1] > _TROUBLE_SECONDS:
            return None
        return self._trouble[0]

    @asynccontextmanager
    async def transaction(self, unit: str, *, joined: bool = False) -> AsyncGenerator[AsyncSession]:
        """Open a session that commits when the block ends and rolls back when it raises.

        `unit` names the unit of work, for failpoints. `joined`: writes are sent together, before
        the next statement that could read them.
        """
        info = {"unit": unit, JOINS: joined}
        try:
            async with self._sessions(info=info) as session, session.begin():
                yield session
        except (DBAPIError, psycopg.Error) as error:
            trouble = trouble_of(error)
            self._trouble = (trouble, time.monotonic()) if trouble else None
            raise
        self._trouble = None

    def _check_connection(
        self,
        connection: Any,  # noqa: ANN401 — SQLAlchemy's wrapper of the driver's
        record: PoolRecord,
        _fairy: object,
    ) -> None:
        """Ask the server whether it is there, so that its restart fails no request after it.

        A connection that was used just now is asked only if something has arrived on it: a server
        that ends says so first.
        """
        if time.monotonic() - record.info.get(_USED, 0.0) < _FRESH_SECONDS:
            poll = select.poll()
            poll.register(connection.driver_connection.pgconn.socket, select.POLLIN)
            if not poll.poll(0):
                return
        dialect = self._engine.sync_engine.dialect
        try:
            is_there = dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error:
            is_there = False
        if not is_there:
            raise InvalidatePoolError

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[AsyncSession]:
        """Open a session that only reads. Its changes are rolled back."""
        async with self._sessions(info={"unit": "read"}) as session:
            yield session

    @asynccontextmanager
    async def raw(self) -> AsyncGenerator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        """Lend a plain connection in autocommit, which prepares each statement at its first use.

        Hot paths use it: a statement on it costs a tenth of one on a session. It comes from a pool
        of its own.

        Raises:
            PoolTimeout: no connection got free, or the server cannot be reached.
        """
        if self._raw is None:
            self._raw = AsyncConnectionPool(
                self.url,
                kwargs={
                    "autocommit": True,
                    "prepare_threshold": 0,
                    "options": _RAW_LIMITS,
                    "connect_timeout": 5,
                },
                min_size=1,
                max_size=self._raw_size,
                open=False,
                configure=_use_fast_json,
                timeout=5,
            )
            await self._raw.open()
        async with self._raw.connection() as connection:
            yield connection

    @asynccontextmanager
    async def raw_transaction(
        self, unit: str
    ) -> AsyncGenerator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        """Lend a plain connection in a transaction, which commits when the block ends.

        `unit` names the unit of work, for failpoints, as with `transaction`.
        """
        async with self.raw() as connection:
            async with connection.transaction():
                yield connection
                failpoint(f"commit:{unit}:before")
            failpoint(f"commit:{unit}:after")
        self._trouble = None

    async def dispose(self) -> None:
        """Close the pools."""
        if self._raw is not None:
            await self._raw.close()
            self._raw = None
        await self._engine.dispose()


async def _use_fast_json(connection: psycopg.AsyncConnection[Any]) -> None:
    set_json_loads(from_json, connection)


async def flush_unless_joined(session: AsyncSession) -> None:
    """Send pending writes, unless the session joins them (`Database.transaction`)."""
    if not session.info.get(JOINS):
        await session.flush()


def notify_at_commit(session: AsyncSession, channel: str, payload: str) -> None:
    """Have listeners of `channel` told once, however often the transaction asks for it."""
    session.info.setdefault(_NOTICES, {})[channel, payload] = None


@asynccontextmanager
async def savepoint(session: AsyncSession) -> AsyncGenerator[None]:
    """Take back what the block wrote, and no more, when it raises; the transaction goes on."""
    async with session.begin_nested():
        yield


async def driver_connection(session: AsyncSession) -> psycopg.AsyncConnection[object]:
    """Return the psycopg connection of the session's transaction, to enqueue a job in it."""
    raw = await (await session.connection()).get_raw_connection()
    connection = raw.driver_connection
    if not isinstance(connection, psycopg.AsyncConnection):
        raise TypeError("the session does not run on psycopg")
    return connection  # pyright: ignore[reportUnknownVariableType] — its row type is not known


def without_values(error: BaseException) -> dict[str, object] | None:
    """Return what may be logged of a database's error, None for any other error.

    PostgreSQL's DETAIL line repeats the row that it refuses.
    """
    if not isinstance(error, DBAPIError) or not isinstance(error.orig, psycopg.Error):
        return None
    diagnosis = error.orig.diag
    return {
        "sqlstate": diagnosis.sqlstate,
        "table": diagnosis.table_name,
        "constraint": diagnosis.constraint_name,
        "said": diagnosis.message_primary,
        "traceback": "".join(traceback.format_tb(error.__traceback__)),
    }


def is_unavailable(error: BaseException) -> bool:
    """Return whether `error` says that the database cannot be reached at present."""
    if isinstance(error, PoolTimeout | psycopg.OperationalError | OSError):
        return True
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError)
    )
