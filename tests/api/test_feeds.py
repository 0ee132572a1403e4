"""The whole log in pages, and the same events as CloudEvents 1.0."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx2
import pytest

from axon_factory.domain.events import EventKind, NewEvent, Visibility
from axon_factory.domain.states import OrderState
from axon_factory.orders.events import append_event
from axon_factory.orders.read import lock_order_by_id
from tests.support.copies import order_in
from tests.support.workshop import ADMIN, Workshop

BATCH = "application/cloudevents-batch+json"
FEEDS = {"logs": lambda entry: entry["seq"], "events": lambda entry: entry["data"]["seq"]}


async def get(
    workshop: Workshop, order_id: UUID, feed: str, by: str = "admin", accept: str = "*/*"
) -> httpx2.Response:
    headers = {**workshop.headers[by], "Accept": accept}
    return await workshop.http.get(f"/api/orders/{order_id}/{feed}", headers=headers)


async def page(workshop: Workshop, order_id: UUID, feed: str, by: str = "admin") -> dict[str, Any]:
    answer = await get(workshop, order_id, feed, by)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def read_all(
    workshop: Workshop, order_id: UUID, feed: str, limit: int, by: str = "admin"
) -> Sequence[int]:
    seen: list[int] = []
    after = 0
    while True:
        document = await page(workshop, order_id, f"{feed}?after={after}&limit={limit}", by)
        entries = document[feed]
        assert document["count"] == len(entries) <= limit
        sequences = [FEEDS[feed](entry) for entry in entries]
        assert all(sequence > after for sequence in sequences)
        if not entries:
            assert document["next_after"] == after
            return seen
        seen += sequences
        after = document["next_after"]
        assert after == sequences[-1]


async def fill(workshop: Workshop, order_id: UUID, until: int, *, hidden: bool = False) -> None:
    """Append entries until the order has `until`; every third is internal if `hidden`."""
    async with workshop.container.database.transaction("test") as session:
        order = await lock_order_by_id(session, order_id)
        for number in range(order.event_seq + 1, until + 1):
            internal = hidden and number % 3 == 0
            event = NewEvent(
                kind=EventKind.ACTUALIZACION,
                agent="QA Agent",
                message=f"Entrada {number}",
                visibility=Visibility.INTERNO if internal else Visibility.CLIENTE,
            )
            await append_event(session, order, event, actor=ADMIN.actor, now=order.created_at)


@pytest.mark.parametrize(
    "total", [200, 201, *(pytest.param(n, marks=pytest.mark.nightly) for n in (199, 401))]
)
async def test_the_newest_200_and_the_rest_are_the_whole(workshop: Workshop, total: int) -> None:
    order_id = await workshop.place()
    await fill(workshop, order_id, total)
    newest = [entry["seq"] for entry in (await workshop.show(order_id))["logs"]]
    assert newest == list(range(max(1, total - 199), total + 1))
    assert (await page(workshop, order_id, "logs"))["count"] == min(total, 200)
    assert await read_all(workshop, order_id, "logs", 200) == list(range(1, total + 1))


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("limit", [1, 7, 200])
async def test_pages_have_no_gap_and_no_double(workshop: Workshop, feed: str, limit: int) -> None:
    order_id = await workshop.place()
    await fill(workshop, order_id, 21, hidden=True)
    everything = list(range(1, 22))
    visible = [number for number in everything if number == 1 or number % 3]
    assert await read_all(workshop, order_id, feed, limit) == everything
    assert await read_all(workshop, order_id, feed, limit, by="owner") == visible


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "after=2147483648", "limit=0", "limit=201", "limit="]
)
async def test_a_wrong_place_is_refused(workshop: Workshop, feed: str, query: str) -> None:
    order_id = await workshop.place()
    answer = await get(workshop, order_id, f"{feed}?{query}")
    assert answer.status_code == 400
    assert set(answer.json()["details"]) == {query.partition("=")[0]}


async def test_events_are_cloudevents(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    agent = {"mensaje": "Mío", "metadata": {"estado_nuevo": "entregado", "x": 1}}
    await workshop.patch(order_id, by="permanent", logs=[agent])
    number = (await workshop.order(order_id)).order_number
    document = await page(workshop, order_id, "events")
    events = document["events"]
    logs = (await page(workshop, order_id, "logs"))["logs"]
    assert document["next_after"] == logs[-1]["seq"]
    assert len({(event["source"], event["id"]) for event in events}) == len(events)
    assert [event["sequence"] for event in events] == sorted(event["sequence"] for event in events)
    for event, entry in zip(events, logs, strict=True):
        assert event["specversion"] == "1.0"
        assert event["type"].removeprefix("axon.") in set(EventKind)
        assert (event["subject"], event["time"]) == (number, entry["timestamp"])
        assert event["datacontenttype"] == "application/json"
        assert {key: event["data"][key] for key in entry} == entry
    claimed = events[1]
    assert claimed["type"] == "axon.orden.estado_cambiado"
    assert (claimed["data"]["estado_anterior"], claimed["data"]["estado_nuevo"]) == (
        "nuevo",
        "planificacion",
    )
    assert events[-1]["type"] == "axon.agente.registro"
    assert "estado_nuevo" not in events[-1]["data"]
    assert events[-1]["data"]["metadata"] == agent["metadata"]


async def test_the_batch_is_the_same_events_alone(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    batch = await get(workshop, order_id, "events?limit=2", accept=BATCH)
    assert batch.headers["content-type"].startswith(BATCH)
    assert "Accept" in batch.headers["vary"]
    assert batch.json() == (await page(workshop, order_id, "events?limit=2"))["events"]
    assert len(batch.json()) == 2
    following = batch.links["next"]["url"]
    rest = await workshop.http.get(following, headers=workshop.headers["admin"])
    assert rest.json()["events"][0]["data"]["seq"] == 3


@pytest.mark.parametrize("feed", ["logs", "events"])
async def test_unchanged_feeds_are_not_sent_twice(workshop: Workshop, feed: str) -> None:
    order_id = await workshop.place()
    first = await get(workshop, order_id, feed)
    headers = {**workshop.headers["admin"], "If-None-Match": first.headers["etag"]}
    path = f"/api/orders/{order_id}/{feed}"
    assert (await workshop.http.get(path, headers=headers)).status_code == 304
    await workshop.patch(order_id, logs=[{"mensaje": "Nuevo"}])
    assert (await workshop.http.get(path, headers=headers)).status_code == 200


ESTIMATES = {
    OrderState.NUEVO: "14-22 horas",
    OrderState.PLANIFICACION: "14-22 horas",
    OrderState.CONSTRUCCION: "14-22 horas",
    OrderState.QA: "1 hora",
}


async def test_the_estimate_in_every_state_that_has_one(fresh_workshop: Workshop) -> None:
    """No other order is under way meanwhile: each is cancelled before the next one."""
    for state, estimate in ESTIMATES.items():
        order_id = await fresh_workshop.placed_in(state)
        answer = await get(fresh_workshop, order_id, "result")
        assert answer.status_code == 400
        assert answer.json()["estimacion_tiempo_restante"] == estimate, state
        await fresh_workshop.patch(order_id, estado="cancelado", motivo="El siguiente")


@pytest.mark.parametrize("state", sorted(set(OrderState) - ESTIMATES.keys()))
async def test_an_order_that_is_not_under_way_has_no_estimate(
    workshop: Workshop, state: OrderState
) -> None:
    answer = await get(workshop, await order_in(workshop, state), "result")
    ready = state in {OrderState.LISTO, OrderState.ENTREGADO}
    assert answer.status_code == (200 if ready else 400)
    assert ("estimacion_tiempo_restante" in answer.json()) != ready
    assert answer.json().get("estimacion_tiempo_restante") is None
