"""What every answer says beside its body: fields, methods, ids, CORS."""

import logging

import httpx2
import pytest
import structlog

from axon_factory.api.middleware import EdgeOptions
from tests.api.edge.conftest import NO_LIMITS, Edge
from tests.support.workshop import Workshop

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/health", 200),
        ("GET", "/api/products/types", 200),
        ("GET", "/api/orders", 401),
        ("GET", "/api/nada", 404),
        ("PUT", "/api/orders", 405),
        ("POST", "/api/auth/login", 400),
        ("GET", "/portal/x", 404),
        ("OPTIONS", "/api/orders", 204),
    ],
)
async def test_security_fields_on_every_answer(
    workshop: Workshop, method: str, path: str, status: int
) -> None:
    answer = await workshop.http.request(method, path)
    assert answer.status_code == status
    assert (
        ALWAYS.items() <= dict(answer.headers.items()).items()
        or {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    )
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "geolocation=()" in answer.headers["Permissions-Policy"]
    assert "Server" not in answer.headers
    assert "Cache-Control" in answer.headers


async def test_authenticated_answers_are_kept_by_no_cache(workshop: Workshop) -> None:
    for path in ("/api/orders", "/api/auth/me"):
        answer = await workshop.http.get(path, headers=workshop.headers["admin"])
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/orders", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/api/orders/x", {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH"}),
        ("/api/auth/login", {"OPTIONS", "POST"}),
    ],
)
async def test_allow_names_every_method_of_a_path(
    workshop: Workshop, path: str, allow: set[str]
) -> None:
    refused = await workshop.http.put(path)
    assert refused.status_code == 405
    assert refused.json()["codigo"] == "metodo_no_permitido"
    asked = await workshop.http.options(path)
    assert (asked.status_code, asked.content) == (204, b"")
    for answer in (refused, asked):
        assert set(answer.headers["Allow"].split(", ")) == allow


async def test_options_of_nothing_is_404(workshop: Workshop) -> None:
    assert (await workshop.http.options("/api/nada")).status_code == 404


@pytest.mark.parametrize("path", ["/api/products/types", "/health", "/api/orders", "/api/nada"])
async def test_head_is_get_without_the_body(workshop: Workshop, path: str) -> None:
    headers = workshop.headers["admin"]
    got = await workshop.http.get(path, headers=headers)
    head = await workshop.http.head(path, headers=headers)
    assert head.status_code == got.status_code
    assert head.content == b""
    for name in ("Content-Length", "Content-Type", "ETag"):
        assert head.headers.get(name) == got.headers.get(name)


async def test_head_of_a_live_stream_ends(workshop: Workshop) -> None:
    order_id = await workshop.place()
    answer = await workshop.http.head(
        f"/api/orders/{order_id}/stream", headers=workshop.headers["admin"], timeout=5
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "given", ["0190c2f4-7c1e-7cc3-a5a4-1d2d3c4b5a69", "trace.1_a-b", "A" * 128]
)
async def test_well_formed_request_id_is_kept(workshop: Workshop, given: str) -> None:
    answer = await workshop.http.get("/health", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given


@pytest.mark.parametrize(
    "given", ["", "corto", "A" * 129, "con espacios en medio", "<script>12345", "é" * 8]
)
async def test_other_request_ids_are_replaced(workshop: Workshop, given: str) -> None:
    answer = await workshop.http.get(
        "/health", headers=[(b"X-Request-Id", given.encode("latin-1"))]
    )
    assert answer.headers["X-Request-Id"] != given
    assert len(answer.headers["X-Request-Id"]) == 32


async def test_unforeseen_error_says_its_id_and_nothing_of_the_inside(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        structlog.testing.capture_logs(
            processors=[structlog.contextvars.merge_contextvars]
        ) as logged,
        caplog.at_level(logging.ERROR),
    ):
        async with edge(EdgeOptions(quotas=NO_LIMITS)) as http:
            answer = await http.get("/api/fault", headers={"Accept-Language": "en"})
    assert answer.status_code == 500
    document = answer.json()
    assert document["codigo"] == "error_interno"
    assert document["message"] == "Internal error"
    assert document["request_id"] == answer.headers["X-Request-Id"]
    assert "secret" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert [line["request_id"] for line in logged] == [document["request_id"]]
    assert caplog.records == [], "uvicorn must not log it a second time"


ORIGIN = "https://panel.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization,if-match,idempotency-key,content-type",
}


async def test_cors_is_closed_by_default(workshop: Workshop) -> None:
    for answer in (
        await workshop.http.options("/api/orders", headers={"Origin": ORIGIN, **PREFLIGHT}),
        await workshop.http.get("/api/products/types", headers={"Origin": ORIGIN}),
    ):
        assert not _cors_fields(answer)


async def test_cors_opens_to_the_named_origins_only(edge: Edge) -> None:
    async with edge(EdgeOptions(quotas=NO_LIMITS, origins=(ORIGIN,))) as http:
        preflight = await http.options("/api/echo", headers={"Origin": ORIGIN, **PREFLIGHT})
        assert (preflight.status_code, preflight.content) == (204, b"")
        assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
        allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
        assert all(name in allowed for name in ("authorization", "if-match", "idempotency-key"))

        for path in ("/api/echo", "/api/nada", "/api/fault"):
            answer = await http.get(path, headers={"Origin": ORIGIN})
            assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert "Origin" in answer.headers["Vary"]
            exposed = answer.headers["Access-Control-Expose-Headers"]
            for name in ("ETag", "Link", "Location", "RateLimit", "X-Request-Id"):
                assert name in exposed

        for origin in ("https://panel.example.evil", "http://panel.example", "null", "*"):
            answer = await http.get("/api/echo", headers={"Origin": origin})
            refused = await http.options("/api/echo", headers={"Origin": origin, **PREFLIGHT})
            assert "Access-Control-Allow-Origin" not in answer.headers
            assert "Access-Control-Allow-Origin" not in refused.headers
            assert "Access-Control-Allow-Credentials" not in answer.headers


def _cors_fields(answer: httpx2.Response) -> list[str]:
    return [name for name in answer.headers if name.lower().startswith("access-control")]


async def test_requests_over_the_cap_are_503(edge: Edge) -> None:
    async with edge(EdgeOptions(quotas=NO_LIMITS, max_requests_at_once=0)) as http:
        answer = await http.get("/api/echo")
    assert answer.status_code == 503
    assert answer.json()["codigo"] == "servicio_saturado"
    assert int(answer.headers["Retry-After"]) > 0
