"""Wake the readers that wait for an order, over one LISTEN connection a process.

A notification carries an order's id only and is a hint. It can be lost with its connection, so
a reader looks at the table again after a while, woken or not.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Generator

import psycopg
import structlog
from psycopg import sql

from axon_factory.orders.events import CHANNEL

_log = structlog.get_logger(__name__)
_LONGEST_PAUSE_SECONDS = 5.0
_ANY = ""  # no order has this id


class Watch:
    """What was notified of one order, or of all, since it was last looked at."""

    def __init__(self, woken: asyncio.Event, over: asyncio.Event) -> None:
        """`woken` is set by each notification, `over` when the process is shutting down."""
        self._woken = woken
        self._over = over

    @property
    def over(self) -> bool:
        """True once nothing more will be notified. Readers then answer at once."""
        return self._over.is_set()

    def look(self) -> None:
        """Forget what was notified: the reader looks at the table after this."""
        self._woken.clear()

    async def wait(self, seconds: float) -> None:
        """Return when something was notified since `look`, after `seconds` at the latest."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), seconds)


class OrderSignals:
    """Listens while anybody waits."""

    def __init__(self, database_url: str) -> None:
        """`database_url` is a libpq URL; the connection is one beside the pool's."""
        self._url = database_url
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._listener: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()

    @property
    def closed(self) -> bool:
        """True once the process is shutting down: streams end then."""
        return self._closed.is_set()

    @contextlib.contextmanager
    def watch(self, order_id: str = _ANY) -> Generator["Watch"]:
        """Note from now on whether the order may have new events, until the block ends.

        Without an order it is noted of every order.
        """
        if self._listener is None and not self.closed:
            self._listener = asyncio.create_task(self._listen(), name="order-signals")
        woken = asyncio.Event()
        self._waiting[order_id].add(woken)
        try:
            yield Watch(woken, self._closed)
        finally:
            self._waiting[order_id].discard(woken)
            if not self._waiting[order_id]:
                del self._waiting[order_id]

    async def close(self) -> None:
        """Wake everybody for the last time and stop listening."""
        self._closed.set()
        self._wake_all()
        # A task that was cancelled while it connected keeps a half-open connection: let go of it.
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            await asyncio.wait({listener})

    async def _listen(self) -> None:
        pause = 0.2
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(
                    self._url, autocommit=True, connect_timeout=5
                ) as connection:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
                    self._wake_all()  # what was notified before we listened
                    pause = 0.2
                    async for notification in connection.notifies():
                        self._wake(notification.payload)
                        self._wake(_ANY)
            except (psycopg.OperationalError, OSError) as error:
                _log.warning("signals lost", retry_in=pause, error=str(error).strip())
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _wake(self, order_id: str) -> None:
        for woken in self._waiting.get(order_id, ()):
            woken.set()

    def _wake_all(self) -> None:
        for order_id in list(self._waiting):
            self._wake(order_id)
