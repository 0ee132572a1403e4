"""The readers, as a process of their own: they note when each message came, and nothing else.

Standard input has the job, as JSON on one line. A line goes out when all have subscribed; the next
line in ends it, and then all that came goes out.
"""

import asyncio
import json
import os
import re
import sys
import time
from typing import Any

import uvloop

_MARK = re.compile(rb"marca-(\d+)")
_PATIENCE_SECONDS = 180
_AT_ONCE = 100
_LONG = 126
"""From this length on a frame says it in two bytes more."""


def _frame(message: object) -> bytes:
    """Return a message as a client's frame; a mask of zeros leaves it as it is."""
    data = json.dumps(message).encode()
    head = b"\x81" + (
        bytes([0x80 | len(data)]) if len(data) < _LONG else b"\xfe" + len(data).to_bytes(2, "big")
    )
    return head + bytes(4) + data


class _Reader(asyncio.Protocol):
    def __init__(self, port: int, messages: list[object], came: list[tuple[int, float]]) -> None:
        self._hello = (
            f"GET /ws/orders HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        ).encode()
        self._messages = b"".join(_frame(one) for one in messages)
        self._came = came
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._begun = b""

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 — a transport of the loop
        self._transport = transport
        transport.write(self._hello)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        if not self.subscribed.done():
            self._begin(data)
            return
        if data[-6:-4] == b"\x89\x04":  # a ping of uvicorn's; nothing follows it
            self._transport.write(b"\x8a\x84" + bytes(4) + data[-4:])
        self._came.extend((int(mark), now) for mark in _MARK.findall(data))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.subscribed.done():
            self.subscribed.set_exception(RuntimeError(f"closed: {exc} {self._begun[-300:]!r}"))

    def _begin(self, data: bytes) -> None:
        self._begun += data
        if self._messages and b"\r\n\r\n" in self._begun:
            self._transport.write(self._messages)
            self._messages = b""
        if b'"error"' in self._begun:
            self.subscribed.set_exception(RuntimeError(repr(self._begun[-300:])))
        elif b'"subscribed"' in self._begun:
            self.subscribed.set_result(None)


async def _read(job: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    came: list[tuple[int, float]] = []
    port = job["port"]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(messages: list[object]) -> None:
        async with gate:
            _, reader = await loop.create_connection(
                lambda: _Reader(port, messages, came), "127.0.0.1", port
            )
            await asyncio.wait_for(reader.subscribed, _PATIENCE_SECONDS)

    started = time.monotonic()
    await asyncio.gather(*(one(messages) for messages in job["readers"]))
    sys.stdout.write(json.dumps({"seconds": time.monotonic() - started}) + "\n")
    sys.stdout.flush()
    before = os.times()
    await loop.run_in_executor(None, sys.stdin.readline)
    after = os.times()
    cpu = after.user + after.system - before.user - before.system
    sys.stdout.write(json.dumps({"came": came, "cpu": cpu}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_read(json.loads(sys.stdin.readline())))
