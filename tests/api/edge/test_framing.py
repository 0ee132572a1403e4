"""HTTP that contradicts itself, or is too much, on raw sockets and as an endless stream."""

import json
from collections.abc import AsyncIterator, Awaitable
from typing import Any, NamedTuple

import httpx2
import pytest
from starlette.types import Message

from axon_factory.bootstrap.application import application_of
from tests.api.edge.wire import RawAnswer, assert_refusal, send_raw
from tests.support.workshop import Workshop

BODY = b'{"email": "a@example.com"}'


def post(*fields: str, body: bytes = BODY, target: str = "/api/auth/login") -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    return "\r\n".join([*lines, *fields, "", ""]).encode() + body


class Framed(NamedTuple):
    request: bytes
    status: int = 400
    codigo: str = "solicitud_malformada"


LENGTH = f"Content-Length: {len(BODY)}"
MALFORMED = {
    "two equal lengths": Framed(post(LENGTH, LENGTH)),
    "two lengths": Framed(post("Content-Length: 2", LENGTH)),
    "a list of lengths": Framed(post(f"Content-Length: {len(BODY)}, {len(BODY)}")),
    "negative length": Framed(post("Content-Length: -1")),
    "signed length": Framed(post(f"Content-Length: +{len(BODY)}")),
    "hexadecimal length": Framed(post("Content-Length: 0x10")),
    "length of 30 digits": Framed(post("Content-Length: " + "9" * 30)),
    "length that is a word": Framed(post("Content-Length: mucho")),
    "length and chunks": Framed(post(LENGTH, "Transfer-Encoding: chunked", body=b"0\r\n\r\n")),
    "unknown transfer coding": Framed(post("Transfer-Encoding: gzip")),
    "gzip before chunks": Framed(
        post("Transfer-Encoding: gzip, chunked", body=b"2\r\n{}\r\n0\r\n\r\n")
    ),
    "chunks in the wrong order": Framed(post("Transfer-Encoding: chunked, gzip")),
    "a chunk without a size": Framed(post("Transfer-Encoding: chunked", body=b"x\r\n{}\r\n")),
    "a chunk longer than it says": Framed(
        post("Transfer-Encoding: chunked", body=b"1\r\n{}\r\n0\r\n\r\n")
    ),
    "no host": Framed(b"GET /health HTTP/1.1\r\n\r\n"),
    "two hosts": Framed(b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    "two media types": Framed(post(LENGTH, "Content-Type: text/plain")),
    "blank before a colon": Framed(post("Content-Length : 2")),
    "NUL in a field": Framed(post(LENGTH, "X-A: a\x00b")),
    "folded field": Framed(post(LENGTH, "X-A: a\r\n b\x00")),
    "unknown method": Framed(b"FOO /health HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "no HTTP at all": Framed(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    "HTTP/3.7": Framed(b"GET /health HTTP/3.7\r\nHost: localhost\r\n\r\n"),
    "bytes beyond ASCII in a path": Framed(b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "GET with a body": Framed(
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
    ),
    "DELETE with a body": Framed(
        b"DELETE /api/orders/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
    ),
    "endless field": Framed(post("X-A: " + "a" * 40_000), 431, "cabeceras_demasiado_grandes"),
    "101 fields": Framed(
        post(LENGTH, *[f"X-{n}: 1" for n in range(101)]), 431, "cabeceras_demasiado_grandes"
    ),
    "head that never ends": Framed(
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 400_000,
        431,
        "cabeceras_demasiado_grandes",
    ),
    "long path": Framed(
        f"GET /{'a' * 9000} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
        414,
        "direccion_demasiado_larga",
    ),
    "long query": Framed(
        f"GET /?{'a' * 9000} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
        414,
        "direccion_demasiado_larga",
    ),
    "another host": Framed(
        b"GET /api/orders HTTP/1.1\r\nHost: evil.example\r\n\r\n", 421, "host_desconocido"
    ),
    "100 MB announced": Framed(post("Content-Length: 104857600"), 413, "cuerpo_demasiado_grande"),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_malformed_request_is_a_documented_refusal(workshop: Workshop, name: str) -> None:
    request, status, codigo = MALFORMED[name]
    assert_refusal(await send_raw(workshop.http, request), status, codigo)


async def test_body_longer_than_its_length_ends_the_connection(workshop: Workshop) -> None:
    """What follows the body is not read as a request, or one could be smuggled in."""
    smuggled = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = await send_raw(workshop.http, post("Content-Length: 2", body=b"{}xyz" + smuggled))
    assert answer is not None
    assert answer.status == 400
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    "target",
    ["/api/orders/%00", "/api/orders/%ff", "/%00", "/%c0%80", "/portal/%00", "/git/%00.git/HEAD"],
)
async def test_odd_octets_in_a_path_find_nothing(workshop: Workshop, target: str) -> None:
    admin = "".join(f"{name}: {value}\r\n" for name, value in workshop.headers["admin"].items())
    request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{admin}\r\n"
    answer = await send_raw(workshop.http, request.encode())
    assert answer is not None
    assert answer.status == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("tag=%00", "tag"),
        ("a%00b=1", "query"),
        ("%3Cscript%3E=%00", "query"),
        ("tag=%ff", "query"),
        ("tag=%ed%a0%80", "query"),
        ("tag=%c0%80", "query"),
        ("&".join(f"a{n}=1" for n in range(101)), "query"),
    ],
)
async def test_odd_octets_in_a_query_are_named(workshop: Workshop, query: str, field: str) -> None:
    for path in ("/api/orders", "/api/products/types", "/"):
        request = f"GET {path}?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer = await send_raw(workshop.http, request.encode())
        document = assert_refusal(answer, 400, "validacion")
        assert list(document["details"]) == [field]


async def test_100_megabytes_are_refused_after_the_first_few(workshop: Workshop) -> None:
    chunk, taken = b" " * 65_536, 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": chunk, "more_body": True}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    app = application_of(workshop.container)
    await app(_scope((b"transfer-encoding", b"chunked")), receive, send)
    assert sent[0]["status"] == 413
    assert json.loads(sent[1]["body"])["codigo"] == "cuerpo_demasiado_grande"
    assert taken <= 256 * 1024 / len(chunk) + 1


async def test_announced_100_megabytes_are_refused_unread(workshop: Workshop) -> None:
    async def receive() -> Message:
        raise AssertionError("the body was read")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    app = application_of(workshop.container)
    await app(_scope((b"content-length", b"104857600")), receive, send)
    assert sent[0]["status"] == 413


def _scope(length: tuple[bytes, bytes]) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/api/orders",
        "raw_path": b"/api/orders",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json"), length],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }


async def test_streamed_body_over_the_limit_is_413(workshop: Workshop) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b" " * 65_536

    answer = await workshop.http.post(
        "/api/orders", content=pieces(), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 413
    assert isinstance(answer, httpx2.Response)


async def test_probes_are_answered_under_every_name(workshop: Workshop) -> None:
    answer: RawAnswer | None = await send_raw(
        workshop.http, b"GET /health HTTP/1.1\r\nHost: 10.1.2.3\r\n\r\n"
    )
    assert answer is not None
    assert answer.status == 200


async def test_answer_under_way_is_sent_before_garbage_ends_the_connection(
    workshop: Workshop,
) -> None:
    request = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n\x00\x01garbage\r\n\r\n"
    answer = await send_raw(workshop.http, request)
    assert answer is not None
    assert answer.status == 200
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "path", "fields", "status"),
    [
        ("POST", "/api/auth/login", {"Content-Type": "text/plain"}, 415),
        ("GET", "/api/orders?tag=%00", {}, 400),
        ("GET", "/api/nada", {}, 404),
        ("PUT", "/api/orders", {}, 405),
        ("GET", "/api/orders", {"Host": "evil.example"}, 421),
        ("GET", "/" + "a" * 9000, {}, 414),
        ("GET", "/api/orders", {"X-A": "a" * 40_000}, 431),
    ],
)
async def test_refusals_speak_english_and_are_problems_when_asked(
    workshop: Workshop, method: str, path: str, fields: dict[str, str], status: int
) -> None:
    def ask(**more: str) -> Awaitable[httpx2.Response]:
        content = b"{}" if method == "POST" else None
        return workshop.http.request(method, path, content=content, headers={**fields, **more})

    spanish = await ask()
    english = await ask(**{"Accept-Language": "en", "Accept": "application/problem+json"})
    assert spanish.status_code == english.status_code == status
    assert english.headers["Content-Language"] == "en"
    assert spanish.headers["Content-Language"] == "es"
    assert english.headers["Content-Type"] == "application/problem+json"
    assert english.headers["Vary"] == "Accept, Accept-Language"
    told, said = spanish.json(), english.json()
    assert told["codigo"] == said["codigo"]
    assert (told.get("message"), told.get("details")) != (said.get("message"), said.get("details"))
