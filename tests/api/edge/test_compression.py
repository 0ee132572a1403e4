"""What is read and larger than 1 kB is compressed for those who ask; what holds a secret never."""

import gzip
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.support.workshop import Workshop, example_order

GZIP = {"Accept-Encoding": "gzip"}
PLAIN = {"Accept-Encoding": "identity"}
LARGE = ("/openapi.json", "/api/products/types/autopilot_whatsapp", "/static/tokens.css")


async def raw(http: httpx2.AsyncClient, path: str, **headers: str) -> tuple[httpx2.Response, bytes]:
    """Ask, and return the body as it came."""
    async with (
        httpx2.AsyncClient(base_url=http.base_url) as client,
        client.stream("GET", path, headers=headers) as answer,
    ):
        return answer, b"".join([piece async for piece in answer.aiter_raw()])


@pytest.mark.parametrize("path", LARGE)
async def test_a_large_answer_is_compressed(workshop: Workshop, path: str) -> None:
    answer, body = await raw(workshop.http, path, **GZIP)
    plain, whole = await raw(workshop.http, path, **PLAIN)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(body) == whole
    assert len(body) < len(whole) / 2
    assert int(answer.headers["Content-Length"]) == len(body)
    for each in (answer, plain):
        assert "Accept-Encoding" in each.headers["Vary"]
    assert answer.headers.get("ETag") == plain.headers.get("ETag")


@pytest.mark.parametrize(
    ("wish", "compressed"),
    [
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", True),
        ("GZip", True),
        ("x-gzip", True),
        ("*", True),
        ("gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("gzip;q=0, *", False),
        ("*;q=0", False),
        ("br", False),
        ("identity", False),
        ("notgzip", False),
        ("", False),
    ],
)
async def test_only_who_takes_gzip_gets_it(workshop: Workshop, wish: str, compressed: bool) -> None:
    answer, _ = await raw(workshop.http, LARGE[0], **{"Accept-Encoding": wish})
    assert ("Content-Encoding" in answer.headers) is compressed


async def test_a_small_answer_is_sent_as_it_is(workshop: Workshop) -> None:
    answer, body = await raw(workshop.http, "/health", **GZIP)
    assert "Content-Encoding" not in answer.headers
    assert len(body) < 1024


async def test_a_compressed_answer_is_validated_like_the_plain_one(workshop: Workshop) -> None:
    path = f"/api/orders/{await workshop.place()}"
    admin = dict(workshop.headers["admin"])
    answer, _ = await raw(workshop.http, path, **GZIP, **admin)
    assert answer.headers["Content-Encoding"] == "gzip"
    etag = answer.headers["ETag"]
    for wish in (GZIP, PLAIN):
        known, body = await raw(workshop.http, path, **wish, **admin, **{"If-None-Match": etag})
        assert (known.status_code, body) == (304, b"")
        assert known.headers["ETag"] == etag
        assert "Accept-Encoding" in known.headers["Vary"]
        assert "Content-Encoding" not in known.headers
    changed = await workshop.http.patch(
        path, json={"asignado_a": "X"}, headers={**admin, "If-Match": etag}
    )
    assert changed.status_code == 200


@pytest.mark.parametrize("wish", [GZIP, PLAIN], ids=["gzip", "plain"])
async def test_head_says_what_get_says(workshop: Workshop, wish: dict[str, str]) -> None:
    got, _ = await raw(workshop.http, LARGE[0], **wish)
    head = await workshop.http.head(LARGE[0], headers=wish)
    for name in ("Content-Length", "Content-Encoding", "Vary", "ETag"):
        assert head.headers.get(name) == got.headers.get(name)


async def test_secrets_and_live_streams_are_not_compressed(workshop: Workshop) -> None:
    admin = workshop.headers["admin"]
    tried = await workshop.http.post(
        "/api/orders?dry_run=true", json=example_order(), headers={**admin, **GZIP}
    )
    assert (tried.status_code, len(tried.content) > 1024) == (200, True)
    assert "Content-Encoding" not in tried.headers

    order_id = await workshop.place()
    path = urlsplit(workshop.container.portal_links.url(order_id)).path
    page, content = await raw(workshop.http, path, **GZIP)
    assert (page.status_code, len(content) > 1024) == (200, True)
    assert "Content-Encoding" not in page.headers

    stream = f"/api/orders/{order_id}/stream"
    async with workshop.http.stream("GET", stream, headers={**admin, **GZIP}) as live:
        assert live.headers["Content-Type"].startswith("text/event-stream")
        assert "Content-Encoding" not in live.headers
