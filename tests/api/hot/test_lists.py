"""Lists: a hot path answers as the application does, whoever asks and whatever for."""

import asyncio

import pytest
from sqlalchemy import text

from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.hot import CALLERS, asked_application, both_ways, shown
from tests.support.workshop import OWNER_ID, Workshop

QUERIES = (
    "",
    "limit=3",
    "limit=2&offset=3",
    "limit=200&sort_order=asc",
    "limit=2&sort_by=prioridad",
    "limit=2&sort_by=prioridad&sort_order=asc&offset=1",
    "limit=3&sort_by=updated_at",
    "estado=nuevo",
    "estado=nuevo,qa&estado=construccion",
    "estado=entregado&offset=5000",
    "tipo_producto=autopilot_whatsapp&prioridad=normal,urgente",
    "tag=caliente",
    "tag=caliente&tag=vip",
    f"cliente_id={OWNER_ID}",
    "cliente_id=nadie",
    "asignado_a=Builder Agent,Aprobador",
    "asignado_a=admin",
    "creado_desde=2025-01-01&creado_hasta=2999-01-01",
    "creado_hasta=2025-01-01",
    "actualizado_desde=2025-01-01T00:00:00Z&entregado_hasta=2999-12-31",
    "entregado_desde=2025-01-01",
    "plan_estado=pendiente_aprobacion",
    "necesita=persona",
    "necesita=cliente,nadie",
    "espera=persona",
    "order_number=ORD-2026-001",
    "fields=id,estado,tags,version",
    "fields=id,notas_internas",
    "fields=nada",
    "q=bot",
    "q=!!!",
    "limit=0",
    "limit=x",
    "offset=-1",
    "estado=inventado",
    "creado_desde=ayer",
    "cursor=nada",
    "sort_by=precio",
    "limit=1&limit=2",
    "otra=1",
    "limit=%32",
    "tag=%00",
    "tag=%ff",
    "q=",
    "tag=",
    "estado=",
    "bom=true",
    "separador=;",
)


async def fill(workshop: Workshop) -> None:
    """Have orders in every state, with tags and priorities."""
    for state in OrderState:
        await order_in(workshop, state)
    for priority in ("urgente", "baja", "normal"):
        await workshop.place(prioridad=priority, tags=["caliente", "vip"])
    await workshop.place(tags=["caliente"], cliente_id="otro-cliente")


async def test_both_ways_list_alike(workshop: Workshop) -> None:
    await fill(workshop)
    async with both_ways(workshop) as (hot, slow):
        for caller in CALLERS:
            queries = QUERIES if caller in {"admin", "owner"} else QUERIES[:4]
            for query in queries:
                path, headers = f"/api/orders?{query}".rstrip("?"), workshop.headers[caller]
                expected = await shown(slow, path, headers)
                assert await shown(hot, path, headers) == expected, (caller, query)


async def test_pages_follow_one_another_on_both_ways(workshop: Workshop) -> None:
    await fill(workshop)
    headers = workshop.headers["admin"]
    async with both_ways(workshop) as (hot, slow):
        for order in ("sort_by=created_at", "sort_by=updated_at", "sort_by=prioridad"):
            path = f"/api/orders?limit=3&{order}"
            for direction in ("next", "next", "next", "prev", "prev"):
                expected = await shown(slow, path, headers)
                assert await shown(hot, path, headers) == expected, path
                page = (await hot.get(path, headers=dict(headers))).json()
                if page[direction] is None:
                    break
                path = f"/api/orders?limit=3&{order}&cursor={page[direction]}"


@pytest.mark.parametrize(
    "wish",
    [
        {"Accept": "text/csv"},
        {"Accept": "application/json"},
        {"Accept": "text/csv;q=0.1, application/json"},
        {"Accept-Encoding": "gzip"},
        {"If-None-Match": "*"},
        {"Accept-Language": "en"},
    ],
)
async def test_both_ways_hear_the_same_wishes(workshop: Workshop, wish: dict[str, str]) -> None:
    await workshop.place()
    headers = {"Accept-Encoding": "identity", **workshop.headers["admin"], **wish}
    async with both_ways(workshop) as (hot, slow):
        for path in ("/api/orders?limit=20", "/api/orders?estado=cancelado&limit=1"):
            expected, given = await shown(slow, path, headers), await shown(hot, path, headers)
            # The name of a file has the time in it.
            name = "content-disposition"
            assert given.status == expected.status
            assert given.body == expected.body
            assert [one for one in given.fields if one[0] != name] == [
                one for one in expected.fields if one[0] != name
            ]


async def test_equal_lists_at_once_have_each_caller_their_own(workshop: Workshop) -> None:
    await fill(workshop)
    callers, path = ("admin", "owner", "other", "operator", "key_lectura"), "/api/orders?limit=5"
    async with both_ways(workshop) as (hot, slow):
        expected = {name: await shown(slow, path, workshop.headers[name]) for name in callers}
        together = [name for _ in range(10) for name in callers]
        given = await asyncio.gather(
            *(shown(hot, path, workshop.headers[name]) for name in together)
        )
    for name, answer in zip(together, given, strict=True):
        assert answer == expected[name], name


async def test_a_written_order_is_in_the_next_list(workshop: Workshop) -> None:
    headers, path = workshop.headers["admin"], "/api/orders?limit=1&fields=id"
    async with both_ways(workshop) as (hot, _):
        for _ in range(5):
            order = await workshop.place()
            page = (await hot.get(path, headers=dict(headers))).json()
            assert page["orders"] == [{"id": str(order)}]


async def test_a_plain_list_never_reaches_the_application(workshop: Workshop) -> None:
    async with both_ways(workshop) as (hot, slow):
        for caller in ("admin", "owner", "key_lectura"):
            path, headers = "/api/orders?estado=nuevo&limit=20", workshop.headers[caller]
            await hot.get(path, headers=dict(headers))
            assert not await asked_application(hot, path, headers), caller
            assert await asked_application(slow, path, headers), caller


async def test_a_caller_whose_role_changes_sees_what_the_new_one_sees(workshop: Workshop) -> None:
    path = "/api/orders?limit=2"
    headers = await workshop.new_principal("operator")
    async with both_ways(workshop) as (hot, slow):
        assert (await hot.get(path, headers=dict(headers))).status_code == 200
        async with workshop.container.database.transaction("test") as session:
            await session.execute(
                text(
                    "UPDATE users SET role = 'client', cliente_id = 'cliente-nuevo'"
                    " WHERE email LIKE 'operator-%'"
                )
            )
        expected = await shown(slow, path, headers)
        assert await shown(hot, path, headers) == expected
