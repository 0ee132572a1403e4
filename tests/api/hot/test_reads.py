"""A hot path answers as the application does, byte for byte, and refuses nothing itself."""

import asyncio
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.hot import CALLERS, WISHES, asked_application, both_ways, shown
from tests.support.workshop import Headers, Workshop


@pytest.mark.parametrize("state", OrderState)
async def test_both_ways_show_an_order_alike(workshop: Workshop, state: OrderState) -> None:
    order = await order_in(workshop, state)
    number = (await workshop.show(order))["order_number"]
    callers = {name: workshop.headers[name] for name in CALLERS}
    if state in {OrderState.PLANIFICACION, OrderState.CONSTRUCCION, OrderState.QA}:
        callers["attempt"] = await workshop.attempt_token(order)
    async with both_ways(workshop) as (hot, slow):
        for caller, credential in callers.items():
            every = state is OrderState.CONSTRUCCION and caller in {"admin", "owner"}
            for wish in WISHES if every else WISHES[:1]:
                path = f"/api/orders/{number if caller == 'operator' else order}"
                headers = {"Accept-Encoding": "identity", **credential, **wish}
                expected = await shown(slow, path, headers)
                # The second time it may come from what was kept.
                for _ in range(2):
                    assert await shown(hot, path, headers) == expected, (caller, wish)


@pytest.mark.parametrize("state", [OrderState.CONSTRUCCION, OrderState.LISTO, OrderState.FALLIDO])
async def test_both_ways_show_what_belongs_to_an_order_alike(
    workshop: Workshop, state: OrderState
) -> None:
    order = await order_in(workshop, state)
    pages = ("", "?after=1", "?limit=2", "?after=1&limit=2", "?limit=2&after=1", "?after=99")
    refused = ("?after=-1", "?limit=0", "?limit=201", "?after=x", "?otro=1", "?after=9999999999")
    callers = {
        name: workshop.headers[name] for name in ("admin", "owner", "other", "key_escritura")
    }
    async with both_ways(workshop) as (hot, slow):
        for caller, credential in callers.items():
            queries = (*pages, *refused) if caller == "admin" else pages[3:4]
            paths = [f"{place}{query}" for place in ("logs", "events") for query in queries]
            for path in (*paths, "result"):
                address = f"/api/orders/{order}/{path}"
                expected = await shown(slow, address, credential)
                assert await shown(hot, address, credential) == expected, (caller, path)
                etag = dict(expected.fields).get("etag")
                if etag is not None:
                    wish = {**credential, "If-None-Match": etag}
                    assert await shown(hot, address, wish) == await shown(slow, address, wish)


async def test_what_belongs_to_an_order_never_reaches_the_application(workshop: Workshop) -> None:
    order = await order_in(workshop, OrderState.LISTO)
    async with both_ways(workshop) as (hot, slow):
        for path in ("logs", "events?limit=3", "result"):
            address, headers = f"/api/orders/{order}/{path}", workshop.headers["admin"]
            assert not await asked_application(hot, address, headers), path
            assert await asked_application(slow, address, headers), path


async def test_what_is_plain_never_reaches_the_application(workshop: Workshop) -> None:
    path = f"/api/orders/{await workshop.place()}"
    async with both_ways(workshop) as (hot, slow):
        for caller in ("admin", "operator", "owner", "key_lectura", "key_admin"):
            headers = workshop.headers[caller]
            await hot.get(path, headers=dict(headers))  # the first use of a key is noted
            assert not await asked_application(hot, path, headers), caller
            assert await asked_application(slow, path, headers), caller


@pytest.mark.parametrize(
    "path",
    [
        f"/api/orders/{UUID(int=7)}",
        "/api/orders/ORD-1999-001",
        "/api/orders/ORD-1999-01",
        "/api/orders/nada",
        "/api/orders/%00",
    ],
)
async def test_what_is_not_there_is_refused_by_the_application(
    workshop: Workshop, path: str
) -> None:
    async with both_ways(workshop) as (hot, slow):
        for caller in CALLERS:
            headers = workshop.headers[caller]
            expected, given = await shown(slow, path, headers), await shown(hot, path, headers)
            assert given == expected


async def test_every_change_is_seen_by_the_next_read(workshop: Workshop) -> None:
    order = await order_in(workshop, OrderState.CONSTRUCCION)
    path, headers = f"/api/orders/{order}", workshop.headers["admin"]
    async with both_ways(workshop) as (hot, slow):
        for changes in (
            {"logs": [{"mensaje": "uno"}]},
            {"progreso": 10},
            {"tags": ["a"], "notas_internas": "b"},
            {"nombre_producto": "Otro nombre"},
            {"asignado_a": "Developer Agent"},
        ):
            await shown(hot, path, headers)
            await workshop.patch(order, **changes)
            assert await shown(hot, path, headers) == await shown(slow, path, headers)


async def ask_until_refused(
    client: httpx2.AsyncClient, path: str, headers: Headers, ended: asyncio.Event
) -> int:
    """Ask until the credential is refused; return how often it served after it had ended."""
    late = 0
    async with asyncio.timeout(20):
        while True:
            is_late = ended.is_set()
            answer = await client.get(path, headers=dict(headers))
            if answer.status_code == 401:
                return late
            late += is_late


@pytest.mark.parametrize("name", ["key_lectura", "operator", "permanent"])
async def test_what_was_revoked_is_refused_by_the_next_request_under_load(
    workshop: Workshop, name: str
) -> None:
    path = f"/api/orders/{await workshop.place()}"
    container = workshop.container
    headers = await workshop.new_principal(name)
    [credential] = headers.values()
    async with both_ways(workshop) as (hot, _), both_ways(workshop) as (other, _):
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            asking = [
                group.create_task(ask_until_refused(client, path, headers, ended))
                for client in (hot, other)
                for _ in range(6)
            ]
            async with container.database.transaction("test") as session:
                match name:
                    case "key_lectura":
                        await container.api_keys.revoke(session, credential.split("_")[2])
                    case "permanent":
                        await container.system_tokens.revoke(session, credential.split("_")[2])
                    case _:
                        await session.execute(
                            text("UPDATE users SET active = false WHERE email LIKE 'operator-%'")
                        )
            ended.set()
    assert [task.result() for task in asking] == [0] * len(asking)


async def test_callers_never_share_an_answer(workshop: Workshop) -> None:
    """Read together, each caller has the fields that are theirs."""
    order = await order_in(workshop, OrderState.CONSTRUCCION)
    path = f"/api/orders/{order}"
    callers = ("admin", "owner", "key_lectura", "other", "operator")
    async with both_ways(workshop) as (hot, slow):
        expected = {name: await shown(slow, path, workshop.headers[name]) for name in callers}
        together = [name for _ in range(12) for name in callers]
        given = await asyncio.gather(
            *(shown(hot, path, workshop.headers[name]) for name in together)
        )
    for name, answer in zip(together, given, strict=True):
        assert answer == expected[name], name


async def test_a_caller_who_gives_up_does_not_harm_the_others(workshop: Workshop) -> None:
    path = f"/api/orders/{await workshop.place()}"
    headers = dict(workshop.headers["admin"])
    async with both_ways(workshop) as (hot, _):
        asking = [asyncio.create_task(hot.get(path, headers=headers)) for _ in range(24)]
        await asyncio.sleep(0.001)
        for task in asking[::3]:
            task.cancel()
        answers = await asyncio.gather(*asking, return_exceptions=True)
    kept = [answer for number, answer in enumerate(answers) if number % 3]
    assert all(isinstance(one, httpx2.Response) and one.status_code == 200 for one in kept)


async def test_ids_of_another_spelling_find_the_order(workshop: Workshop) -> None:
    order = await workshop.place()
    headers = workshop.headers["admin"]
    async with both_ways(workshop) as (hot, slow):
        for spelling in (str(order).upper(), order.hex, f"urn:uuid:{order}", f"{{{order}}}"):
            path = f"/api/orders/{spelling}"
            assert await shown(hot, path, headers) == await shown(slow, path, headers)
        assert (await hot.get(f"/api/orders/{uuid4()}", headers=dict(headers))).status_code == 404
