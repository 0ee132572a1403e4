"""A factory served both ways: with its hot paths in front, and by the application alone."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple

import httpx2

from axon_factory.api.http_protocol import ServerLimits, uvicorn_config
from axon_factory.bootstrap.application import application_of
from axon_factory.failpoints import arm, disarm
from tests.support.server import listening
from tests.support.workshop import Headers, Workshop

__all__ = ["CALLERS", "WISHES", "Shown", "asked_application", "both_ways", "shown"]

EACH = ("date", "x-request-id", "ratelimit")
"""Fields that differ from answer to answer."""
CALLERS = (
    "admin",
    "operator",
    "owner",
    "other",
    "key_lectura",
    "key_escritura",
    "key_admin",
    "permanent",
    "council",
    "ops",
    "none",
)
WISHES: tuple[dict[str, str], ...] = (
    {},
    {"Accept-Language": "en"},
    {"Accept-Encoding": "gzip"},
    {"Accept-Encoding": "gzip", "If-None-Match": "*"},
    {"If-None-Match": '"1", W/"2"'},
    {"X-Request-Id": "0123456789abcdef"},
    {"X-Request-Id": "corto"},
    {"Axon-Version": "2025-11-14"},
    {"Axon-Version": "1999-01-01"},
    {"Accept": "application/problem+json"},
    {"Origin": "https://otra.example"},
)


class Shown(NamedTuple):
    """What two answers must have in common."""

    status: int
    fields: list[tuple[str, str]]
    body: bytes


@asynccontextmanager
async def both_ways(
    workshop: Workshop,
) -> AsyncGenerator[tuple[httpx2.AsyncClient, httpx2.AsyncClient]]:
    """Serve the factory with its hot paths in front, and without them."""
    whole, plain = application_of(workshop.container), application_of(workshop.container)
    plain.state.front = plain
    async with (
        listening(uvicorn_config(whole, ServerLimits())) as front,
        listening(uvicorn_config(plain, ServerLimits())) as behind,
        httpx2.AsyncClient(base_url=front) as hot,
        httpx2.AsyncClient(base_url=behind) as slow,
    ):
        yield hot, slow


async def shown(client: httpx2.AsyncClient, path: str, headers: Headers) -> Shown:
    """Ask, and return the answer as it came."""
    async with client.stream("GET", path, headers=dict(headers)) as answer:
        body = b"".join([piece async for piece in answer.aiter_raw()])
    compressed = "content-encoding" in answer.headers
    fields = [
        (name, value)
        for name, value in answer.headers.multi_items()
        if name not in EACH and not (compressed and name == "content-length")
    ]
    return Shown(answer.status_code, sorted(fields), b"" if compressed else body)


async def asked_application(client: httpx2.AsyncClient, path: str, headers: Headers) -> bool:
    """Return whether the application was asked: it authenticates in a transaction of its own."""
    crossed: list[str] = []
    arm(crossed.append)
    try:
        answer = await client.get(path, headers=dict(headers))
    finally:
        disarm()
    assert answer.status_code == 200, answer.text
    return any(crossing.startswith("commit:authenticate") for crossing in crossed)
