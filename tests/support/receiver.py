"""A real HTTP receiver on loopback that keeps what it got and misbehaves on demand."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

__all__ = ["Receiver", "Request", "receiving"]

HUGE_HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """One request, as it came over the wire."""

    line: str
    headers: dict[str, str]
    body: bytes
    server_name: str | None


@dataclass
class Receiver:
    """Answers with what `answers` holds, one a request; the last one stays.

    An answer is raw HTTP, or "stall" (nothing comes), "close" (the connection ends), "endless".
    """

    port: int = 0
    connections: int = 0
    requests: list[Request] = field(default_factory=list[Request])
    answers: list[bytes | str] = field(default_factory=lambda: [says(204)])
    server_names: list[str | None] = field(default_factory=list[str | None])
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/avisos?a=1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = dict(line.split(": ", 1) for line in head[1:] if line)
        headers = {name.lower(): value for name, value in fields.items()}
        body = await reader.readexactly(int(headers["content-length"]))
        name = self.server_names[-1] if self.server_names else None
        self.requests.append(Request(head[0], headers, body, name))
        self.arrived.set()
        await self._answer(writer)

    async def _answer(self, writer: asyncio.StreamWriter) -> None:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        match answer:
            case "stall":
                await asyncio.Event().wait()
            case "close":
                return
            case "endless":
                writer.write(HUGE_HEAD)
                while True:
                    writer.write(b"x" * 65536)
                    await writer.drain()
            case bytes():
                writer.write(answer)
                await writer.drain()
            case _:
                raise ValueError(answer)


def says(status: int, *fields: str, body: bytes = b"") -> bytes:
    """An answer with this status."""
    lines = [f"HTTP/1.1 {status} X", *fields, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


@contextlib.asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncGenerator[Receiver]:
    """Serve until the block ends."""
    receiver = Receiver()
    if tls is not None:
        tls.sni_callback = lambda _socket, name, _context: receiver.server_names.append(name)
    handlers = set[asyncio.Task[None]]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(receiver.handle(reader, writer))
        handlers.add(task)
        task.add_done_callback(handlers.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
