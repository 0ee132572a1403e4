"""The feed of all orders over HTTP: whose it is, where it goes on, and waiting for news."""

import asyncio
from typing import Any

import httpx2
import pytest

from axon_factory.domain.permissions import KeyScope
from axon_factory.domain.states import OrderState
from tests.support.workshop import OWNER_ID, Workshop

FEED = "/api/events"
BATCH = "application/cloudevents-batch+json"


async def ask(
    workshop: Workshop, query: str = "", by: str = "admin", **headers: str
) -> httpx2.Response:
    return await workshop.http.get(
        f"{FEED}?{query}", headers={**workshop.headers[by], **headers}, timeout=40
    )


async def read(workshop: Workshop, query: str = "", by: str = "admin") -> dict[str, Any]:
    answer = await ask(workshop, query, by)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["count"] == len(document["events"])
    return document


async def end_of(workshop: Workshop) -> str:
    page = await read(workshop, "after=ahora")
    assert (page["events"], page["hay_mas"]) == ([], False)
    return page["next_after"]


async def test_it_goes_through_all_orders_and_on(workshop: Workshop) -> None:
    first = await workshop.place()
    after = await end_of(workshop)
    second = await workshop.place()
    await workshop.patch(first, estado="cancelado")
    seen: list[str] = []
    while True:
        page = await read(workshop, f"limit=1&after={after}")
        seen += [f"{event['data']['order_id']} {event['type']}" for event in page["events"]]
        after = page["next_after"]
        if not page["hay_mas"]:
            break
    assert seen == [f"{second} axon.orden.creada", f"{first} axon.orden.estado_cambiado"]
    assert (await read(workshop, f"after={after}"))["next_after"] == after
    # The events of one order are the same, wherever they are read.
    own = await workshop.http.get(f"/api/orders/{first}/events", headers=workshop.headers["admin"])
    assert (await read(workshop, f"orden={first}"))["events"] == own.json()["events"]


async def test_each_caller_reads_what_is_theirs(fresh_workshop: Workshop) -> None:
    workshop = fresh_workshop
    owned = await workshop.placed_in(OrderState.PLANIFICACION)
    foreign = await workshop.place(cliente_id="cliente-ajeno")
    plan = {"motivo": "Mal", **await _plan(workshop, owned)}
    rejected = await workshop.http.post(
        f"/api/orders/{owned}/reject", json=plan, headers=workshop.headers["admin"]
    )
    assert rejected.status_code == 200  # its reason is for staff

    async def subjects(query: str = "", by: str = "admin") -> set[str]:
        events = (await read(workshop, query, by))["events"]
        return {event["data"]["order_id"] for event in events}

    assert await subjects() == await subjects(by="key_lectura") == {str(owned), str(foreign)}
    assert await subjects(by="owner") == {str(owned)}
    assert (
        await subjects(by="other") == await subjects("cliente_id=cliente-ajeno") == {str(foreign)}
    )
    assert await subjects(f"cliente_id={OWNER_ID}", by="other") == set()
    hidden = await ask(workshop, f"orden={owned}", by="other")
    assert hidden.status_code == 404
    every = (await read(workshop, f"orden={owned}"))["events"]
    shown = (await read(workshop, by="owner"))["events"]
    assert [event["id"] for event in every if event["type"] == "axon.plan.rechazado"]
    assert not [event["id"] for event in shown if event["type"] == "axon.plan.rechazado"]
    assert len(shown) == len(every) - 1
    for kinds in ("tipo=orden.creada", "tipo=axon.orden.creada&tipo=entrega.entregado"):
        events = (await read(workshop, kinds))["events"]
        assert {event["type"] for event in events} == {"axon.orden.creada"}
        assert len(events) == 2


async def _plan(workshop: Workshop, order_id: object) -> dict[str, Any]:
    order = await workshop.order(order_id)  # pyright: ignore[reportArgumentType] — a UUID
    return {"plan_version": order.plan_version, "plan_hash": order.plan_hash}


@pytest.mark.parametrize(
    ("by", "status"),
    [("key_escritura", 403), ("permanent", 403), ("none", 401), ("key_admin", 200)],
)
async def test_only_who_reads_orders_reads_it(workshop: Workshop, by: str, status: int) -> None:
    assert (await ask(workshop, by=by)).status_code == status


@pytest.mark.parametrize(
    "query",
    ["after=x", "after=", "limit=0", "limit=201", "wait=31", "wait=-1", "tipo=orden.inventada"],
)
async def test_what_it_cannot_answer_is_refused(workshop: Workshop, query: str) -> None:
    answer = await ask(workshop, query)
    assert answer.status_code == 400
    named = {name.partition(".")[0] for name in answer.json()["details"]}
    assert named == {query.partition("=")[0]}


async def test_it_waits_for_news_and_no_longer(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axon_factory.api.routers.events._LOOK_AGAIN_SECONDS", 60)
    order_id, after = await workshop.place(), await end_of(workshop)
    clock = asyncio.get_running_loop().time
    empty = await read(workshop, f"after={after}&wait=1")
    assert (empty["events"], empty["next_after"]) == ([], after)
    waiting = asyncio.create_task(read(workshop, f"after={after}&wait=30&tipo=orden.creada"))
    await asyncio.sleep(0.2)  # until it waits; were it late, it would find the news at once
    await workshop.patch(order_id, logs=[{"mensaje": "otro tipo"}])
    started = clock()
    placed = await workshop.place()
    page = await waiting
    assert clock() - started < 25  # woken, neither polled nor at the end of its wait
    assert [event["data"]["order_id"] for event in page["events"]] == [str(placed)]


async def test_a_revoked_credential_waits_in_vain(workshop: Workshop) -> None:
    order_id, after = await workshop.place(), await end_of(workshop)
    container = workshop.container
    async with container.database.transaction("test") as session:
        key = await container.api_keys.create(
            session, name="revocada", scope=KeyScope.LECTURA, created_by="t"
        )
    headers = {"X-API-Key": key.plaintext}
    waiting = asyncio.create_task(
        workshop.http.get(f"{FEED}?after={after}&wait=30", headers=headers, timeout=40)
    )
    await asyncio.sleep(0.3)  # until it waits
    async with container.database.transaction("test") as session:
        await container.api_keys.revoke(session, key.key.id)
    await workshop.patch(order_id, logs=[{"mensaje": "ya no"}])
    assert (await waiting).status_code == 401


async def test_the_batch_and_the_link_go_on_with_the_same_filters(workshop: Workshop) -> None:
    order_id = await workshop.place()
    await workshop.patch(order_id, logs=[{"mensaje": "uno"}, {"mensaje": "dos"}])
    first = await ask(workshop, f"orden={order_id}&limit=2", Accept=BATCH)
    assert first.headers["content-type"].startswith(BATCH)
    assert len(first.json()) == 2
    rest = await workshop.http.get(first.links["next"]["url"], headers=workshop.headers["admin"])
    assert [event["data"]["seq"] for event in rest.json()["events"]] == [3]
    again = await workshop.http.get(
        first.links["next"]["url"],
        headers={**workshop.headers["admin"], "If-None-Match": rest.headers["etag"]},
    )
    assert again.status_code == 304
