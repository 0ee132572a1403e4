"""A server of language models on loopback: it speaks three protocols and misbehaves on demand.

Which behaviour answers is said for each model by name, so one server is several models at once. A
behaviour is a function of the request; it writes whatever bytes it likes.
"""

import asyncio
import contextlib
import json
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Behaviour", "Exchange", "ModelServer", "answering", "serving", "status"]

Json = Any
_USAGE = {"prompt_tokens": 900, "completion_tokens": 300, "total_tokens": 1200}


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request: what was asked, and where the answer goes."""

    path: str
    headers: dict[str, str]
    body: dict[str, Json]
    writer: asyncio.StreamWriter
    at: float
    """When it came, in seconds since the epoch."""

    async def send(self, content: bytes, code: int = 200, **headers: str) -> None:
        """Answer as servers should."""
        lines = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.writer.write(
            f"HTTP/1.1 {code} X\r\n{head}Connection: close\r\n\r\n".encode() + content
        )
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()


Behaviour = Callable[[Exchange], Awaitable[None]]


@dataclass
class ModelServer:
    """The running server. Behaviours of a model are played in turn; the last one stays."""

    url: str
    plays: dict[str, list[Behaviour]] = field(default_factory=dict[str, list[Behaviour]])
    asked: dict[str, list[Exchange]] = field(default_factory=lambda: defaultdict(list))

    def play(self, model: str, *behaviours: Behaviour) -> None:
        """Let a model behave so."""
        self.plays[model] = list(behaviours)

    async def answer(self, exchange: Exchange) -> None:
        """Play the next behaviour of the model that is asked."""
        model = exchange.body["model"]
        plays, before = self.plays[model], len(self.asked[model])
        self.asked[model].append(exchange)
        await plays[min(before, len(plays) - 1)](exchange)

    def messages(self, model: str, number: int = 0) -> list[dict[str, Json]]:
        """The messages of one request, as chat completions has them."""
        return self.asked[model][number].body["messages"]


@contextlib.asynccontextmanager
async def serving() -> AsyncGenerator[ModelServer]:
    """Run a server beside the block."""
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await models.answer(await _read(reader, writer))
        except asyncio.CancelledError:
            pass  # the end of the test; a task that asyncio started must not end as cancelled
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(connection, "127.0.0.1", 0, limit=2**24)
    port = server.sockets[0].getsockname()[1]
    models = ModelServer(f"http://127.0.0.1:{port}/v1")
    try:
        yield models
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(list(tasks))


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Exchange:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    request, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Exchange(request.split()[1], headers, json.loads(body), writer, time.time())


def status(code: int, error: dict[str, Json] | None = None, **headers: str) -> Behaviour:
    """Refuse with an HTTP status."""

    async def refuse(exchange: Exchange) -> None:
        content = json.dumps({"error": error or {"message": "no", "type": "x", "code": "a_code"}})
        await exchange.send(content.encode(), code, **headers)

    return refuse


def answering(
    arguments: Json = None,
    *,
    tool: str | None = "entregar_plan",
    calls: int = 1,
    finish: str | None = None,
    usage: Json = ...,
    **message: Json,
) -> Behaviour:
    """Answer a chat completion: with a tool call, or without one and with members of `message`.

    `arguments` are JSON, or already a text.
    """
    said = arguments if isinstance(arguments, str) else json.dumps(arguments)

    async def answer(exchange: Exchange) -> None:
        spoken: dict[str, Json] = {"role": "assistant", "content": None, **message}
        if arguments is not None and tool is not None:
            spoken["tool_calls"] = [
                {"id": f"c{n}", "type": "function", "function": {"name": tool, "arguments": said}}
                for n in range(calls)
            ]
        content = {
            "id": "r1",
            "object": "chat.completion",
            "created": 1,
            "model": exchange.body["model"],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": finish or ("tool_calls" if tool else "stop"),
                    "message": spoken,
                }
            ],
        }
        if usage is ...:
            content["usage"] = _USAGE
        elif usage is not None:
            content["usage"] = usage
        await exchange.send(json.dumps(content).encode())

    return answer
