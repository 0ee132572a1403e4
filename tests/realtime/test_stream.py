"""Follow an order live: what is there, what comes, resuming, and whose it is."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx2
import pytest

from axon_factory.domain.events import EventKind, NewEvent, Visibility
from axon_factory.domain.permissions import KeyScope
from axon_factory.orders.events import append_event
from axon_factory.orders.read import lock_order_by_id
from tests.support.workshop import ADMIN, Workshop


async def _updates(answer: httpx2.Response) -> AsyncIterator[tuple[int, dict[str, Any]]]:
    sequence = 0
    async for line in answer.aiter_lines():
        if line.startswith("id: "):
            sequence = int(line.removeprefix("id: "))
        if line.startswith("data: "):
            yield sequence, json.loads(line.removeprefix("data: "))


async def _follow_to_the_end(
    workshop: Workshop, order_id: UUID, **headers: str
) -> list[tuple[int, dict[str, Any]]]:
    async with workshop.http.stream(
        "GET",
        f"/api/orders/{order_id}/stream",
        headers={**workshop.headers["admin"], **headers},
    ) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        return [update async for update in _updates(answer)]


async def test_past_and_coming_events_arrive_in_order_until_the_end(workshop: Workshop) -> None:
    order_id = await workshop.place()
    async with workshop.http.stream(
        "GET", f"/api/orders/{order_id}/stream", headers=workshop.headers["admin"]
    ) as answer:
        updates = _updates(answer)
        sequence, first = await anext(updates)
        assert (sequence, first["estado"]) == (1, "nuevo")
        started = asyncio.get_running_loop().time()
        await workshop.patch(order_id, estado="cancelado", motivo="prueba")
        sequence, last = await anext(updates)
        assert asyncio.get_running_loop().time() - started < 5  # woken, not polled
        assert (sequence, last["estado"]) == (2, "cancelado")
        assert last["last_log"]["mensaje"] == "Orden cancelada: prueba"
        assert [update async for update in updates] == []


async def test_a_reader_resumes_after_what_it_has_seen(workshop: Workshop) -> None:
    order_id = await workshop.place()
    await workshop.patch(order_id, logs=[{"mensaje": "uno"}, {"mensaje": "dos"}])
    await workshop.patch(order_id, estado="cancelado")
    whole = await _follow_to_the_end(workshop, order_id)
    rest = await _follow_to_the_end(workshop, order_id, **{"Last-Event-ID": "2"})
    assert rest == whole[2:]
    assert [sequence for sequence, _ in whole] == list(range(1, len(whole) + 1))


@pytest.mark.parametrize("by", ["admin", "owner"])
async def test_who_comes_back_to_an_order_that_is_over_is_sent_away(
    workshop: Workshop, by: str
) -> None:
    """As EventSource does: it comes back with the last id until it is answered 204."""
    order_id = await workshop.place()
    await workshop.patch(order_id, estado="cancelado")
    async with workshop.container.database.transaction("test") as session:
        order = await lock_order_by_id(session, order_id)
        hidden = NewEvent(
            EventKind.RECURSOS_LIBERADOS, "Ops Agent", "Libre", visibility=Visibility.INTERNO
        )
        await append_event(session, order, hidden, actor=ADMIN.actor, now=order.updated_at)
    seen: list[str] = []
    while True:
        last = {"Last-Event-ID": seen[-1]} if seen else {}
        answer = await workshop.http.get(
            f"/api/orders/{order_id}/stream", headers={**workshop.headers[by], **last}
        )
        if answer.status_code == 204:
            break
        assert answer.status_code == 200
        ids = [line[4:] for line in answer.text.splitlines() if line.startswith("id: ")]
        assert ids, "it would come back for ever"
        seen += ids
    assert answer.content == b""
    assert seen == (["1", "2", "3"] if by == "admin" else ["1", "2"])


async def test_an_order_that_goes_on_keeps_who_comes_back(workshop: Workshop) -> None:
    order_id = await workshop.place()
    async with workshop.http.stream(
        "GET",
        f"/api/orders/{order_id}/stream",
        headers={**workshop.headers["admin"], "Last-Event-ID": "1"},
    ) as answer:
        assert answer.status_code == 200
        await workshop.patch(order_id, logs=[{"mensaje": "sigue"}])
        assert (await anext(_updates(answer)))[0] == 2


@pytest.mark.parametrize(
    ("principal", "status"), [("owner", 200), ("other", 404), ("permanent", 403), (None, 401)]
)
async def test_only_readers_of_the_order_may_follow(
    workshop: Workshop, principal: str | None, status: int
) -> None:
    order_id = await workshop.place()
    await workshop.patch(order_id, estado="cancelado")
    headers = workshop.headers[principal or "none"]
    answer = await workshop.http.get(f"/api/orders/{order_id}/stream", headers=headers)
    assert answer.status_code == status


async def test_a_wrong_position_is_a_documented_error(workshop: Workshop) -> None:
    order_id = await workshop.place()
    answer = await workshop.http.get(
        f"/api/orders/{order_id}/stream",
        headers={**workshop.headers["admin"], "Last-Event-ID": "x"},
    )
    assert answer.status_code == 400
    assert answer.json()["codigo"] == "validacion"


async def test_a_revoked_credential_reads_no_further_after_five_seconds(
    workshop: Workshop,
) -> None:
    order_id = await workshop.place()
    async with workshop.container.database.transaction("test") as session:
        key = await workshop.container.api_keys.create(
            session, name="para-revocar", scope=KeyScope.LECTURA, created_by="t"
        )
    async with workshop.http.stream(
        "GET", f"/api/orders/{order_id}/stream", headers={"X-API-Key": key.plaintext}
    ) as answer:
        updates = _updates(answer)
        assert (await anext(updates))[0] == 1
        async with workshop.container.database.transaction("test") as session:
            await workshop.container.api_keys.revoke(session, key.key.id)
        async with asyncio.timeout(5):  # nothing has to happen for it
            assert [update async for update in updates] == []


async def test_news_between_looking_and_waiting_is_not_lost(workshop: Workshop) -> None:
    order_id = await workshop.place()
    signals = workshop.container.signals
    with signals.watch(str(order_id)) as first, signals.watch(str(order_id)) as second:
        await second.wait(1)  # until it is listened, if nobody was before
        first.look()
        second.look()
        await workshop.patch(order_id, logs=[{"mensaje": "entre medio"}])
        await second.wait(5)
        async with asyncio.timeout(1):
            await first.wait(5)
