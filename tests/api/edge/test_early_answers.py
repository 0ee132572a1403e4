"""An answer that is given before the request is whole arrives, in every client, within bounds."""

import asyncio
import json
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable
from time import monotonic
from urllib.parse import urlsplit

import httpx2
import pytest

from axon_factory.api.http_protocol import ServerLimits
from axon_factory.api.middleware import EdgeOptions
from tests.api.edge.conftest import NO_LIMITS, Edge
from tests.support.workshop import Workshop

BODY = b" " * (5 * 1024 * 1024)
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
GIT = {"Content-Type": "application/x-git-upload-pack-request"}
Answer = tuple[int, str]
Client = Callable[[str, dict[str, str]], Answer]


def by_urllib(url: str, headers: dict[str, str]) -> Answer:
    """It asks for the end of the connection, and sends everything before it reads anything."""
    request = urllib.request.Request(url, BODY, headers, method="POST")  # noqa: S310 — loopback
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 — loopback
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def by_httpx(url: str, headers: dict[str, str]) -> Answer:
    answer = httpx2.post(url, content=BODY, headers=headers, timeout=20)
    return answer.status_code, answer.text


def by_closing_httpx(url: str, headers: dict[str, str]) -> Answer:
    return by_httpx(url, {**headers, "Connection": "close"})


def by_curl(url: str, headers: dict[str, str]) -> Answer:
    fields = [part for pair in headers.items() for part in ("-H", ": ".join(pair))]
    run = subprocess.run(
        ["curl", "-sS", "--data-binary", "@-", "-w", "%{stderr}%{http_code}", *fields, url],
        input=BODY, capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return int(run.stderr), run.stdout.decode()


def by_hasty_curl(url: str, headers: dict[str, str]) -> Answer:
    """Without waiting for leave to send the body, on a connection that ends."""
    return by_curl(url, {**headers, "Expect": "", "Connection": "close"})


def by_socket(url: str, headers: dict[str, str]) -> Answer:
    """As a naive client does it: write all, then read all."""
    address = urlsplit(url)
    whole = {"Host": address.netloc, **headers}
    fields = "".join(f"{name}: {value}\r\n" for name, value in whole.items())
    head = f"POST {address.path} HTTP/1.0\r\n{fields}Content-Length: {len(BODY)}\r\n\r\n"
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(head.encode() + BODY)
        said = b""
        while piece := connection.recv(65536):
            said += piece
    return int(said.split()[1]), said.partition(b"\r\n\r\n")[2].decode()


CLIENTS = (by_urllib, by_httpx, by_closing_httpx, by_curl, by_hasty_curl, by_socket)
REFUSED = {
    "too large": ("/api/orders", JSON, 413),
    "compressed": ("/api/orders", {**JSON, "Content-Encoding": "gzip"}, 415),
    "another host": ("/api/orders", {**JSON, "Host": "evil.example"}, 421),
    "endless field": ("/api/orders", {**JSON, "X-A": "a" * 40_000}, 431),
    "unknown caller": ("/git/x.git/git-upload-pack", GIT, 401),
}


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_of_a_large_body_arrives(
    workshop: Workshop, client: Client, name: str
) -> None:
    path, headers, status = REFUSED[name]
    url = f"{workshop.http.base_url}".rstrip("/") + path
    told, body = await asyncio.to_thread(client, url, headers)
    assert (told, json.loads(body)["status"]) == (status, status)


async def test_what_is_no_http_is_told_so_however_much_of_it_comes(workshop: Workshop) -> None:
    address = urlsplit(str(workshop.http.base_url))

    def send() -> bytes:
        with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
            connection.sendall(b"\x16\x03\x01" + BODY)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    assert (await asyncio.to_thread(send)).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("connection", ["close", "keep-alive"])
@pytest.mark.parametrize("bound", ["bytes", "seconds"])
async def test_a_body_without_end_is_not_taken_without_end(
    edge: Edge, connection: str, bound: str
) -> None:
    limits = (
        ServerLimits(linger_bytes=1024 * 1024)
        if bound == "bytes"
        else ServerLimits(linger_seconds=0.5, request_timeout_seconds=0.7)
    )
    async with edge(EdgeOptions(quotas=NO_LIMITS), limits) as http:
        address = urlsplit(str(http.base_url))
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        head = f"POST /api/take HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\n"
        writer.write(head.encode() + b"Content-Length: 10000000000\r\n\r\n")
        assert b" 413 " in await reader.readuntil(b"\r\n")
        begun = monotonic()
        with pytest.raises(ConnectionError):
            await pour(writer, pause=0 if bound == "bytes" else 0.05)
        assert monotonic() - begun < 25  # and not the 50 that all of it takes
        writer.close()


async def pour(writer: asyncio.StreamWriter, *, pause: float) -> None:
    """Send more than the kernel takes of it by itself."""
    for _ in range(1000):
        writer.write(b" " * 65536)
        await writer.drain()
        await asyncio.sleep(pause)


async def test_an_answer_of_a_whole_request_ends_its_connection_at_once(edge: Edge) -> None:
    async with edge(EdgeOptions(quotas=NO_LIMITS), ServerLimits(linger_seconds=60)) as http:
        address = urlsplit(str(http.base_url))
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(b"GET /api/echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(20):
            assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        writer.close()


async def test_a_kept_connection_goes_on_after_an_early_answer(edge: Edge) -> None:
    async with edge(EdgeOptions(quotas=NO_LIMITS)) as http:
        for _ in range(2):
            assert (await http.post("/api/take", content=BODY, headers=TEXT)).status_code == 413
            assert (await http.get("/api/echo")).status_code == 200
