"""HTTP as bytes: what a well-behaved client library refuses to send."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

__all__ = ["RFC_9457", "RawAnswer", "assert_refusal", "send_raw"]

RFC_9457 = {"type", "title", "status", "detail", "instance"}


@dataclass(frozen=True, slots=True)
class RawAnswer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


async def send_raw(http: httpx2.AsyncClient, *pieces: bytes) -> RawAnswer | None:
    """Send `pieces` on a connection of their own; return the first answer, None without one."""
    address = urlsplit(str(http.base_url))
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        async with asyncio.timeout(10):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await read_answer(reader)
    except ConnectionError:
        return None
    finally:
        writer.close()


async def read_answer(reader: asyncio.StreamReader) -> RawAnswer | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    status_line, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return RawAnswer(int(status_line.split()[1]), headers, body)


def assert_refusal(answer: RawAnswer | None, status: int, codigo: str) -> dict[str, Any]:
    assert answer is not None, "no answer"
    assert answer.status == status, answer
    document = answer.json()
    assert {"error", "codigo"} | RFC_9457 <= set(document)
    assert document["codigo"] == codigo
    assert document["status"] == status
    assert document["type"] == f"urn:axon-factory:error:{codigo}"
    assert answer.headers["content-language"] == "es"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers
    return document
