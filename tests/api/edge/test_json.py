"""Hostile JSON on every writing route is a documented 400 before anybody is asked who they are."""

import re
from functools import cache
from time import thread_time

import httpx2
import pytest

from axon_factory.api.json_text import JsonLimits, check_json
from axon_factory.api.routes import declared_routes
from axon_factory.bootstrap import Container
from axon_factory.bootstrap.application import application_of
from axon_factory.domain.errors import ValidationFailed
from tests.api.edge.hostile_json import HOSTILE
from tests.api.edge.wire import RFC_9457
from tests.support.workshop import Workshop

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_body_is_refused_by_every_writing_route(
    workshop: Workshop, name: str
) -> None:
    body, field = HOSTILE[name]
    routes = _writing_routes(workshop.container)
    assert ("POST", "/api/auth/login") in routes
    assert ("PATCH", "/api/orders/x") in routes
    for method, path in routes:
        answer = await workshop.http.request(method, path, content=body, headers=JSON)
        where = f"{method} {path}"
        assert answer.status_code == 400, f"{where}: {answer.text}"
        if path.startswith("/mcp"):
            _assert_told_as_json_rpc(answer, where)
        else:
            _assert_documented(answer, field, where)


@cache
def _writing_routes(container: Container) -> list[tuple[str, str]]:
    """Every method and path that takes JSON, with the path's parameters filled in.

    Pages take forms: `tests/web` sends them what is none. git sends its own.
    """
    return [
        (method, re.sub(r"\{[^}]+\}", "x", route.path))
        for route in declared_routes(application_of(container).routes)
        if route.path.startswith(("/api/", "/mcp"))
        for method in sorted(route.methods & {"POST", "PUT", "PATCH"})
    ]


def _assert_documented(answer: httpx2.Response, field: str, where: str) -> None:
    document = answer.json()
    assert {"error", "codigo", "details"} | RFC_9457 <= set(document), where
    assert document["codigo"] == "validacion", where
    assert list(document["details"]) == [field], where
    assert "script" not in answer.text, where
    assert answer.headers["Content-Language"] == "es", where


def _assert_told_as_json_rpc(answer: httpx2.Response, where: str) -> None:
    document = answer.json()
    assert (document["jsonrpc"], document["id"]) == ("2.0", None), where
    assert document["error"]["code"] in {-32700, -32600}, where
    assert "script" not in answer.text, where


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'  {"a": [1, -2.5, 1e10, true, null, ""]}\n',
        b'{"a": "\\ud83d\\ude00", "b": "\xf0\x9f\x98\x80"}',
        b'{"a": %d, "b": %d}' % (2**63 - 1, -(2**63)),
        b'{"": 1, " ": 2}',
        b"[" * 32 + b"]" * 32,
        b'{"a": [' + b"1," * 1997 + b"1]}",
        b'{"a": 1e-999}',
    ],
)
def test_what_is_json_passes(body: bytes) -> None:
    check_json(body, JsonLimits())


def test_every_refusal_speaks_english_too() -> None:
    for name, (body, _) in HOSTILE.items():
        with pytest.raises(ValidationFailed) as refusal:
            check_json(body, JsonLimits())
        for field, sentence in refusal.value.details.items():
            assert refusal.value.details_en[field] != sentence, name


def test_no_body_of_the_default_size_holds_the_loop_for_long() -> None:
    limit = 256 * 1024
    bodies = [body for body, _ in HOSTILE.values()]
    bodies += [(b"[" + b"[]," * limit)[:limit], (b'{"a":"' + b"\\u0061" * limit)[:limit]]
    for body in bodies:
        begun = thread_time()
        with pytest.raises(ValidationFailed):
            check_json(body, JsonLimits())
        assert thread_time() - begun < 0.5


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "application/json; charset=latin-1",
        "application/json; charset=utf-16",
        "application/jsonx",
        "json",
        "application/json, text/plain",
    ],
)
async def test_body_of_another_type_is_415(workshop: Workshop, content_type: str) -> None:
    answer = await workshop.http.post(
        "/api/auth/login", content=b"{}", headers={"Content-Type": content_type}
    )
    assert answer.status_code == 415, answer.text
    assert answer.json()["codigo"] == "contenido_no_admitido"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "Application/JSON;charset=UTF-8",
        'application/json; charset="utf-8"',
        "application/merge-patch+json",
        "application/json; profile=x",
    ],
)
async def test_json_by_any_of_its_names_passes(workshop: Workshop, content_type: str) -> None:
    answer = await workshop.http.post(
        "/api/auth/login", content=b"{}", headers={"Content-Type": content_type}
    )
    assert answer.status_code == 400, answer.text
    assert set(answer.json()["details"]) == {"email", "password"}


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
async def test_compressed_body_is_415(workshop: Workshop, coding: str) -> None:
    answer = await workshop.http.post(
        "/api/auth/login", content=b"{}", headers={**JSON, "Content-Encoding": coding}
    )
    assert answer.status_code == 415, answer.text
