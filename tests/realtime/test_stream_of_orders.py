"""`GET /api/orders/stream`: the twin of the WebSocket's filters."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.support.workshop import Workshop


async def _events(answer: httpx2.Response) -> AsyncIterator[tuple[str, str, dict[str, Any]]]:
    """Yield name, id and data of each event."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        name, _, value = line.partition(": ")
        if name in {"id", "event", "data"}:
            fields[name] = value
        elif not line and "data" in fields:
            yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
            fields = {}


async def test_what_happens_comes_and_resumes_with_the_last_id(workshop: Workshop) -> None:
    mark = uuid4().hex
    order_id = await workshop.place(tags=[mark])
    path = f"/api/orders/stream?tag={mark}&estado=nuevo,cancelado&prioridad=normal"
    headers = workshop.headers["key_lectura"]
    async with workshop.http.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = _events(answer)
        await workshop.patch(order_id, logs=[{"mensaje": "uno"}])
        name, last, update = await anext(lines)
        assert (name, update["seq"], update["cursor"]) == ("order_update", 2, last)
        assert update["last_log"]["mensaje"] == "uno"
    await workshop.patch(order_id, logs=[{"mensaje": "dos"}])
    await workshop.place()  # none of these
    async with workshop.http.stream(
        "GET", path, headers={**headers, "Last-Event-ID": last}
    ) as answer:
        lines = _events(answer)
        assert (await anext(lines))[2]["last_log"]["mensaje"] == "dos"
        await workshop.patch(order_id, estado="cancelado")
        assert (await anext(lines))[2]["estado"] == "cancelado"


async def test_a_client_is_told_of_their_own_orders(workshop: Workshop) -> None:
    mark = uuid4().hex
    theirs = await workshop.place(tags=[mark], cliente_id="cliente-ajeno")
    own = await workshop.place(tags=[mark])
    async with workshop.http.stream(
        "GET", f"/api/orders/stream?tag={mark}", headers=workshop.headers["owner"]
    ) as answer:
        for order_id in (theirs, own):
            await workshop.patch(order_id, logs=[{"mensaje": "algo"}])
        _, _, update = await anext(_events(answer))
        assert update["order_id"] == str(own)
        assert "actor" not in update["last_log"]


async def test_a_cursor_that_is_not_known_says_read_again(workshop: Workshop) -> None:
    async with workshop.http.stream(
        "GET",
        "/api/orders/stream",
        headers={**workshop.headers["admin"], "Last-Event-ID": "AAAAAAAAACqV2nXo1vT3Ew"},
    ) as answer:
        name, cursor, data = await anext(_events(answer))
        assert (name, data["type"]) == ("resync", "resync")
        assert cursor


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("estado=volando", {}, 400),
        ("color=rojo", {}, 400),
        ("", {"Last-Event-ID": "no es"}, 400),
    ],
)
async def test_what_is_wrong_is_named(
    workshop: Workshop, query: str, headers: dict[str, str], status: int
) -> None:
    answer = await workshop.http.get(
        f"/api/orders/stream?{query}", headers={**workshop.headers["admin"], **headers}
    )
    assert answer.status_code == status, answer.text
    assert answer.json()["codigo"] == "validacion"


@pytest.mark.parametrize(
    ("name", "status"), [("key_escritura", 403), ("permanent", 403), ("none", 401)]
)
async def test_who_reads_no_feed_is_refused(workshop: Workshop, name: str, status: int) -> None:
    answer = await workshop.http.get("/api/orders/stream", headers=workshop.headers[name])
    assert answer.status_code == status
