"""The judge of the line's tests: an append-only file of what its ports were asked to do.

One JSON object a line, written with one `write` in append mode, so that processes may share the
file and a SIGKILL leaves whole lines; only a crash of the machine could lose one. `what` is
"start", "effect", "end", "error", "cancelled" or "violation"; an effect carries the idempotency key
under which it happened.
"""

import asyncio
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Entry", "Fault", "Ledger"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger; `at` is the monotonic clock of this machine, in seconds."""

    what: str
    place: str
    key: str
    subject: str
    at: float
    process: int
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """What a port is told to do instead of its work.

    `place` is "builder.proceed"; `do` is "transient", "permanent", "raise", "no_room" (the disk is
    full), "overloaded" (a port that says so), "hang", "hang_after"
    (the effect happened), "reject" (council), "unstorable", "working", "lost", "deaf" and "ask" (a
    question until the call brings its answer; builder), or "slow" (`seconds`). It happens to the
    first `times` calls (None: all) whose idempotency key contains `match`.
    """

    place: str
    do: str
    times: int | None = 1
    match: str = ""
    seconds: float = 0.0


class Ledger:
    """The file of effects, and beside it the file of faults to come."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "ledger.jsonl"
        self._faults = folder / "faults.json"
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, what: str, place: str, *, key: str, subject: str = "", **details: Any) -> None:  # noqa: ANN401 — any JSON
        """Append one entry; a SIGKILL after this leaves it there."""
        line = json.dumps(
            {
                "what": what,
                "place": place,
                "key": key,
                "subject": subject,
                "at": time.monotonic(),
                "process": os.getpid(),
                "details": details,
            }
        )
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)

    def text(self) -> str:
        """Return the whole file."""
        return self._file.read_text(encoding="utf-8") if self._file.exists() else ""

    def copy(self, entries: str) -> None:
        """Begin with what another ledger's `text` has said."""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(entries)

    def entries(self, what: str | None = None, place: str | None = None) -> list[Entry]:
        """Return the entries so far, oldest first."""
        if not self._file.exists():
            return []
        lines = self._file.read_text(encoding="utf-8").splitlines()
        found = [Entry(**json.loads(line)) for line in lines]
        return [
            entry
            for entry in found
            if (what is None or entry.what == what) and (place is None or entry.place == place)
        ]

    def effects(self, place: str | None = None) -> list[Entry]:
        """Return what really happened outside."""
        return self.entries("effect", place)

    def script(self, *faults: Fault) -> None:
        """Replace the faults to come."""
        documents = [
            {
                "place": fault.place,
                "do": fault.do,
                "times": fault.times,
                "match": fault.match,
                "seconds": fault.seconds,
            }
            for fault in faults
        ]
        scratch = self._faults.with_suffix(".new")
        scratch.write_text(json.dumps(documents), encoding="utf-8")
        scratch.replace(self._faults)

    def next_fault(self, place: str, key: str) -> Fault | None:
        """Return the fault that this call meets, and note that it was met."""
        if not self._faults.exists():
            return None
        met = self.entries("fault", place)
        for index, document in enumerate(json.loads(self._faults.read_text(encoding="utf-8"))):
            fault = Fault(**document)
            if fault.place != place or fault.match not in key:
                continue
            used = sum(1 for entry in met if entry.details["rule"] == index)
            if fault.times is None or used < fault.times:
                self.write("fault", place, key=key, rule=index, do=fault.do)
                return fault
        return None

    async def until(
        self, condition: Callable[["Ledger"], object], *, seconds: float = 30.0
    ) -> None:
        """Wait until `condition(self)` holds; the file has no other way to say so."""
        async with asyncio.timeout(seconds):
            while not condition(self):  # noqa: ASYNC110 — a file shared by processes has no event
                await asyncio.sleep(0.01)
