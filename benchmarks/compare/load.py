"""The load: one process that keeps connections busy and counts answers (standard input: a job).

It writes requests that were made before, and reads no more of an answer than its status and length,
so that it costs a fraction of what it measures. Any answer that is not 2xx ends it.
"""

import asyncio
import json
import random
import re
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import uvloop

import axon_factory.cli
from benchmarks.compare.data import LISTED_STATES, order_id

__all__ = ["OPERATIONS", "Job", "Load", "request_of"]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_EXAMPLE = Path(axon_factory.cli.__file__).with_name("example_order.json").read_bytes()
_PAGES = 35


@dataclass(frozen=True, slots=True)
class Job:
    """What to send where. `fields` are header fields of every request."""

    port: int
    operation: str
    seconds: float
    connections: int
    orders: int
    fields: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True)
class Load:
    """What came back."""

    requests: int
    seconds: float


def request_of(job: Job, method: str, path: str, body: bytes | None = None, **more: str) -> bytes:
    """Return the bytes of a request."""
    fields = {"Host": "127.0.0.1", **job.fields, **more}
    if body is not None:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b"")


def _get(job: Job) -> Callable[[], bytes]:
    chance = random.Random(7)  # noqa: S311 — which order is no secret
    return lambda: request_of(job, "GET", f"/api/orders/{order_id(chance.randint(1, job.orders))}")


def _list(job: Job) -> Callable[[], bytes]:
    request = request_of(job, "GET", f"/api/orders?estado={LISTED_STATES[0]}&limit=20")
    return lambda: request


def _lists(job: Job) -> Callable[[], bytes]:
    paths = [
        f"/api/orders?estado={state}&limit=20&offset={20 * page}"
        for page in range(_PAGES)
        for state in LISTED_STATES
    ]
    chance = random.Random(7)  # noqa: S311 — see above
    return lambda: request_of(job, "GET", chance.choice(paths))


def _post(job: Job) -> Callable[[], bytes]:
    request = request_of(job, "POST", "/api/orders", _EXAMPLE)
    return lambda: request


def _post_with_key(job: Job) -> Callable[[], bytes]:
    return lambda: request_of(
        job, "POST", "/api/orders", _EXAMPLE, **{"Idempotency-Key": uuid4().hex}
    )


def _patch(job: Job) -> Callable[[], bytes]:
    chance = random.Random()  # noqa: S311 — see above

    def make() -> bytes:
        entry = {"agente": "Builder Agent", "mensaje": f"avance {uuid4().hex}", "tipo": "info"}
        body = json.dumps({"progreso": 50, "logs": [entry]}).encode()
        # Every fourth order is in construction.
        number = 4 * chance.randint(1, job.orders // 4)
        return request_of(job, "PATCH", f"/api/orders/{order_id(number)}", body)

    return make


OPERATIONS: dict[str, Callable[[Job], Callable[[], bytes]]] = {
    "get": _get,
    "list": _list,
    "lists": _lists,
    "post": _post,
    "post-key": _post_with_key,
    "patch": _patch,
}
"""By name: what makes the requests of a job."""


class _Connection(asyncio.Protocol):
    def __init__(self, run: "_Run") -> None:
        self._run = run
        self._buffer = b""
        self._end: int | None = None

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 — a transport of the loop
        self._transport = transport
        transport.write(self._run.make())

    def connection_lost(self, exc: Exception | None) -> None:
        self._run.fail(f"a connection was closed: {exc}")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._end is None:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            if self._buffer[9:10] != b"2":
                self._run.fail(self._buffer[:600].decode("latin-1"))
                return
            length = _LENGTH.search(self._buffer, 0, head + 2)
            self._end = head + 4 + (int(length[1]) if length else 0)
        if len(self._buffer) < self._end:
            return
        self._buffer, self._end = b"", None
        if self._run.answered():
            self._transport.write(self._run.make())


class _Run:
    def __init__(self, make: Callable[[], bytes], seconds: float) -> None:
        self.make = make
        self.requests = 0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._deadline = time.perf_counter() + seconds

    def answered(self) -> bool:
        self.requests += 1
        if time.perf_counter() < self._deadline:
            return True
        if not self.ended.done():
            self.ended.set_result(None)
        return False

    def fail(self, why: str) -> None:
        if not self.ended.done():
            self.ended.set_exception(RuntimeError(why))


async def _load(job: Job) -> Load:
    loop = asyncio.get_running_loop()
    run = _Run(OPERATIONS[job.operation](job), job.seconds)
    started = time.perf_counter()
    for _ in range(job.connections):
        await loop.create_connection(lambda: _Connection(run), "127.0.0.1", job.port)
    await run.ended
    return Load(run.requests, time.perf_counter() - started)


def main() -> None:
    """Do the job of standard input; write what came back as JSON."""
    job = Job(**json.load(sys.stdin))
    sys.stdout.write(json.dumps(asdict(uvloop.run(_load(job)))))


if __name__ == "__main__":
    main()
