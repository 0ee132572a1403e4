"""What the ledger ports share: noting a call, playing its fault, watching for open transactions."""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psycopg
from ledger import Fault, Ledger

from axon_factory.domain.failure import FailureCause, MachineTrouble, Trouble
from axon_factory.ports.builder import SessionLost
from axon_factory.ports.errors import PortError

__all__ = ["Desk", "Watcher"]

_LOOKS = 60
_LOOK_SECONDS = 0.05
_OPEN_TRANSACTIONS = """
    SELECT pid, xact_start::text FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%'
      AND application_name <> 'axon-test'
"""


class Watcher:
    """Sees transactions that stay open while a port is being called."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: psycopg.AsyncConnection[tuple[int, str]] | None = None
        self._lock = asyncio.Lock()

    async def open_transactions(self) -> set[tuple[int, str]]:
        """Return (backend, begin) of those that stay open for three seconds."""
        suspects = await self._look()
        for _ in range(_LOOKS):
            if not suspects:
                break
            await asyncio.sleep(_LOOK_SECONDS)
            suspects &= await self._look()
        return suspects

    async def _look(self) -> set[tuple[int, str]]:
        async with self._lock:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = await psycopg.AsyncConnection.connect(
                        self._url, autocommit=True
                    )
                rows = await (await self._connection.execute(_OPEN_TRANSACTIONS)).fetchall()
            except psycopg.OperationalError:
                return set()  # the database is away, and every transaction with it
            return {(row[0], row[1]) for row in rows}

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()


@dataclass(frozen=True, slots=True)
class Desk:
    """What every adapter shares."""

    ledger: Ledger
    watcher: Watcher

    @asynccontextmanager
    async def call(
        self, place: str, key: str, subject: str, cause: FailureCause
    ) -> AsyncGenerator[tuple[Fault | None, Callable[..., None]]]:
        """Note begin and end of a call and play its fault; yields it and the effect's recorder."""
        if await self.watcher.open_transactions():
            self.ledger.write("violation", place, key=key, subject=subject)
        self.ledger.write("start", place, key=key, subject=subject)
        fault = self.ledger.next_fault(place, key)

        def effect(*, repeatable: bool = False, **details: object) -> None:
            known = {entry.key for entry in self.ledger.effects(place)}
            if repeatable or key not in known:
                self.ledger.write("effect", place, key=key, subject=subject, **details)

        try:
            await _play(fault, cause)
            yield fault, effect
            if fault is not None and fault.do == "hang_after":
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.ledger.write("cancelled", place, key=key, subject=subject)
            raise
        except Exception:
            self.ledger.write("error", place, key=key, subject=subject)
            raise
        self.ledger.write("end", place, key=key, subject=subject)


async def _play(fault: Fault | None, cause: FailureCause) -> None:
    match fault.do if fault else None:
        case "transient":
            raise PortError("Avería pasajera", cause=cause, transient=True)
        case "permanent":
            raise PortError("Avería definitiva", cause=cause)
        case "no_room":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/somewhere/product")
        case "overloaded":
            trouble = MachineTrouble(Trouble.SOBRECARGA, "de prueba")
            raise PortError("Avería", cause=cause, trouble=trouble)
        case "raise":
            raise LookupError("nobody foresaw this")
        case "lost":
            raise SessionLost("La sesión ya no existe")
        case "hang":
            await asyncio.Event().wait()
        case "slow" if fault:
            await asyncio.sleep(fault.seconds)
        case _:
            pass
