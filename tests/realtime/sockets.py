"""A client of `/ws/orders`, over the real socket; each message is held against the document."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode
from websockets.typing import Origin

from axon_factory.realtime.asyncapi import asyncapi_document
from tests.support.workshop import Headers

__all__ = ["Socket", "deaf", "frame", "handshake", "opened", "token_of"]

_PATIENCE_SECONDS = 10


@cache
def _validators(operation: str) -> Mapping[str, Draft202012Validator]:
    document = asyncapi_document("https://fabrica.example")
    names = [
        one["$ref"].rpartition("/")[2] for one in document["operations"][operation]["messages"]
    ]
    return {
        name: Draft202012Validator(
            {
                "$ref": document["components"]["messages"][name]["payload"]["$ref"],
                "components": document["components"],
            }
        )
        for name in names
    }


class Socket:
    """One connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def send(self, *messages: Mapping[str, Any]) -> None:
        """Send messages that the document has."""
        for message in messages:
            _validators("enviar")[message["type"]].validate(message)  # pyright: ignore[reportUnknownMemberType] — the library is not typed
            await self.connection.send(json.dumps(message))

    async def send_raw(self, message: str | bytes) -> None:
        await self.connection.send(message)

    async def next(self) -> dict[str, Any]:
        """Return the next message, which the document must have."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            message = json.loads(await self.connection.recv())
        _validators("recibir")[message["type"]].validate(message)  # pyright: ignore[reportUnknownMemberType] — the library is not typed
        return message

    async def authenticate(self, token: str) -> dict[str, Any]:
        await self.send({"type": "auth", "token": token})
        answer = await self.next()
        assert answer["type"] == "auth_ok", answer
        return answer

    async def subscribe(self, order_id: object = None, **more: object) -> dict[str, Any]:
        """Subscribe to an order, or by filters; return the answer."""
        target = {} if order_id is None else {"order_id": str(order_id)}
        await self.send({"type": "subscribe", **target, **more})
        return await self.next()

    async def until(self, is_it: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Return the messages up to the one that is it."""
        seen = [await self.next()]
        while not is_it(seen[-1]):
            seen.append(await self.next())
        return seen

    async def quiet(self) -> None:
        """Hold that nothing has come: what comes next is the answer to a ping."""
        await self.send({"type": "ping"})
        assert await self.next() == {"type": "pong"}

    async def closed(self) -> tuple[int | None, str | None]:
        """Return the close code and the reason."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self.connection.wait_closed()
        return self.connection.close_code, self.connection.close_reason


@contextlib.asynccontextmanager
async def opened(
    url: object,
    token: str | None = None,
    *,
    origin: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[Socket]:
    """Connect to the factory at `url`, and authenticate if there is a token."""
    address = str(url).replace("http", "ws", 1).rstrip("/") + "/ws/orders"
    async with connect(
        address,
        compression=None,
        proxy=None,
        origin=None if origin is None else Origin(origin),
        additional_headers=headers,
    ) as connection:
        socket = Socket(connection)
        if token is not None:
            await socket.authenticate(token)
        yield socket


def _hello(host: str, port: str) -> bytes:
    return (
        f"GET /ws/orders HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()


async def handshake(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect with no library between: what is written and read are the bytes of the protocol."""
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(_hello(host, port))
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101"), head
    return reader, writer


async def deaf(url: str) -> socket.socket:
    """Connect, and read nothing after the handshake but what the test reads itself."""
    host, _, port = url.removeprefix("http://").rstrip("/").partition(":")
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)

    def shake() -> None:
        connection.connect((host, int(port)))
        connection.sendall(_hello(host, port))
        head = connection.recv(4096)
        assert head.startswith(b"HTTP/1.1 101"), head

    await asyncio.to_thread(shake)
    return connection


def frame(message: object) -> bytes:
    """Return a message as a client's frame."""
    return Frame(Opcode.TEXT, json.dumps(message).encode()).serialize(mask=True)


def token_of(headers: Headers) -> str:
    """Return the credential of a request's header fields as `auth` takes it."""
    [value] = headers.values()
    return value.removeprefix("Bearer ")
