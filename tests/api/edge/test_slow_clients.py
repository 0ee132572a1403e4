"""Clients that are slow on purpose are cut in time, while others are served."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from time import monotonic
from urllib.parse import urlsplit

import httpx2

from axon_factory.api.http_protocol import ServerLimits
from axon_factory.api.middleware import EdgeOptions
from tests.api.edge.conftest import NO_LIMITS, Edge
from tests.api.edge.wire import RawAnswer, assert_refusal, read_answer

DEADLINE = 0.6
SLACK = 9.0
"""A busy machine takes its time; without a deadline nobody would be cut at all."""
GET = b"GET /api/echo HTTP/1.1\r\nHost: localhost\r\n"
POST = b"POST /api/take HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
LONG = POST + b"Content-Length: 200000\r\n\r\n"


async def silence() -> AsyncIterator[bytes]:
    return
    yield b""


async def once(piece: bytes) -> AsyncIterator[bytes]:
    yield piece


async def dripped(begin: bytes, drop: bytes) -> AsyncIterator[bytes]:
    yield begin
    while True:
        await asyncio.sleep(DEADLINE / 20)
        yield drop


SHAPES = {
    "silent": (silence, False),
    "partial head": (lambda: once(GET), True),
    "dripped head": (lambda: dripped(GET, b"X-A: 1\r\n"), True),
    "dripped line": (lambda: dripped(b"GET /", b"a"), True),
    "line feeds": (lambda: dripped(b"", b"\r\n"), False),
    "no body": (lambda: once(LONG), True),
    "slow body": (lambda: dripped(LONG, b" "), True),
    "slow chunks": (
        lambda: dripped(POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        True,
    ),
}


async def test_slow_clients_are_cut_and_others_are_served(edge: Edge) -> None:
    async with serving(edge) as http:
        begun = monotonic()
        slow = {
            name: [asyncio.create_task(converse(http, shape())) for _ in range(5)]
            for name, (shape, _) in SHAPES.items()
        }
        served = 0
        while not all(task.done() for tasks in slow.values() for task in tasks):
            answer = await http.get("/api/echo")
            assert answer.status_code == 200
            served += 1
            await asyncio.sleep(0.01)
        assert DEADLINE * 0.8 < monotonic() - begun < DEADLINE + SLACK
        assert served > 5
    for name, (_, is_told) in SHAPES.items():
        for task in slow[name]:
            if is_told:
                assert_refusal(task.result(), 408, "solicitud_lenta")
            else:
                assert task.result() is None, name


async def test_second_request_of_a_connection_has_a_deadline_of_its_own(edge: Edge) -> None:
    async with serving(edge) as http, connected(http) as (reader, writer):
        for _ in range(5):
            await asyncio.sleep(DEADLINE * 0.25)
            writer.write(GET + b"\r\n")
            answer = await read_answer(reader)
            assert answer is not None
            assert answer.status == 200
        begun = monotonic()
        writer.write(GET)
        assert_refusal(await read_answer(reader), 408, "solicitud_lenta")
        assert DEADLINE * 0.8 < monotonic() - begun < DEADLINE + SLACK


async def test_idle_connection_is_closed(edge: Edge) -> None:
    async with serving(edge) as http, connected(http) as (reader, writer):
        writer.write(GET + b"\r\n")
        assert await read_answer(reader) is not None
        async with asyncio.timeout(1 + SLACK):
            assert await reader.read() == b""


async def test_large_body_in_time_is_served(edge: Edge) -> None:
    async with serving(edge) as http:
        body = b"[" + b" " * 200_000 + b"]"
        headers = {"Content-Type": "application/json"}
        answer = await http.post("/api/take", content=body, headers=headers)
        assert answer.json() == len(body)


@contextlib.asynccontextmanager
async def serving(edge: Edge) -> AsyncGenerator[httpx2.AsyncClient]:
    limits = ServerLimits(request_timeout_seconds=DEADLINE, keep_alive_seconds=1)
    async with edge(EdgeOptions(quotas=NO_LIMITS), limits) as http:
        yield http


@contextlib.asynccontextmanager
async def connected(
    http: httpx2.AsyncClient,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    address = urlsplit(str(http.base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def converse(http: httpx2.AsyncClient, pieces: AsyncIterator[bytes]) -> RawAnswer | None:
    """Send `pieces` until the server answers or closes; return its answer."""
    async with connected(http) as (reader, writer):

        async def send() -> None:
            with contextlib.suppress(ConnectionError):
                async for piece in pieces:
                    writer.write(piece)
                    await writer.drain()

        sending = asyncio.create_task(send())
        try:
            async with asyncio.timeout(10):
                return await read_answer(reader)
        except ConnectionError:
            return None
        finally:
            sending.cancel()
