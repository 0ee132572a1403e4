"""Orders that are placed in batches are those that the application places one by one."""

import asyncio
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.api.hot import creating
from axon_factory.db.audit import cut, verify_audit
from axon_factory.db.tables import NotificationDestination
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.failpoints import arm, disarm
from axon_factory.orders import create_many
from tests.support.workshop import Headers, Workshop, example_order, open_workshop
from tests.support.written import alike, written_of

Json = Any
ORDERS = "/api/orders"
BY_APPLICATION = {"Axon-Version": "2025-11-14"}
"""A field that hot paths leave to the application; its value is the version of every answer."""
WRITERS = ("admin", "operator", "key_escritura", "key_admin")
PASSING = frozenset({"date", "x-request-id", "location", "etag", "ratelimit"})
TEXTS = ("Empresa XYZ S.A.", "Ñandú & <Hijos>", 'Comillas "dobles"', "Ünïcode €", "X" * 200)


def documents() -> Iterator[Json]:
    """Yield valid orders of every type: the catalogue's examples with random members beside."""
    chance = random.Random(20261201)  # noqa: S311 — orders, no secrets
    for product in PRODUCT_TYPES.values():
        for configuration in ({}, *product.configuracion_schema["examples"]):
            client = {
                "nombre": chance.choice(TEXTS),
                "email": "contacto@empresa.com",
                "configuracion": configuration,
            }
            if chance.random() < 0.7:
                client |= {"telefono": "+5215512345678", "industria": "retail", "pais": "México"}
            if chance.random() < 0.5:
                client |= {"otros": [1, 2.5, None, {"a": True}], "sin_valor": None}
            order = {
                "tipo_producto": product.id,
                "nombre_producto": chance.choice(TEXTS),
                "datos_cliente": client,
                "prioridad": chance.choice(["baja", "normal", "alta", "urgente"]),
                "tags": chance.sample(["vip", "a", "a b", "ñ", "vip"], 3),
            }
            if chance.random() < 0.5:
                order |= {"cliente_id": "cliente-7", "notas_internas": " notas\n "}
            yield order


async def post(workshop: Workshop, by: str, order: Json, **fields: str) -> httpx2.Response:
    headers = {**workshop.headers[by], **fields}
    return await workshop.http.post(ORDERS, json=order, headers=headers)


def seen(answer: httpx2.Response) -> Json:
    """Return an answer without what differs between any two."""
    fields = {name: value for name, value in answer.headers.items() if name not in PASSING}
    return answer.status_code, alike(answer.text), fields, answer.headers.get("etag")


async def listen(workshop: Workshop, **changes: Json) -> None:
    async with workshop.container.database.transaction("test") as session:
        session.add(
            NotificationDestination(
                id=uuid4(),
                kind="webhook",
                name=uuid4().hex,
                host="crm.example",
                sealed={},
                created_at=datetime.now(UTC),
                created_by="test",
                **changes,
            )
        )


async def require_same(workshop: Workshop, batches: list[int]) -> None:
    orders = list(documents())
    keys = [{"Idempotency-Key": uuid4().hex} if place % 2 else {} for place in range(len(orders))]
    language = [{"Accept-Language": "en"} if place % 3 else {} for place in range(len(orders))]
    by = [WRITERS[place % len(WRITERS)] for place in range(len(orders))]
    alone = [
        await post(workshop, *given, **BY_APPLICATION, **key, **preferred)
        for *given, key, preferred in zip(by, orders, keys, language, strict=True)
    ]
    fresh = [{name: uuid4().hex for name in key} for key in keys]
    assert batches == []
    together = await asyncio.gather(
        *(
            post(workshop, *given, **key, **preferred)
            for *given, key, preferred in zip(by, orders, fresh, language, strict=True)
        )
    )
    assert sum(batches) == len(orders)
    assert max(batches) > 1
    for one, other in zip(alone, together, strict=True):
        assert one.status_code == 201, one.text
        assert seen(other) == seen(one)
        rows = [await written_of(workshop, UUID(answer.json()["id"])) for answer in (one, other)]
        assert without_key(rows[1]) == without_key(rows[0])
    again = [
        await post(workshop, *given, **key, **preferred)
        for *given, key, preferred in zip(by, orders, fresh, language, strict=True)
        if key
    ]
    first = [answer for answer, key in zip(together, fresh, strict=True) if key]
    assert [answer.text for answer in again] == [answer.text for answer in first]
    assert all(answer.headers["idempotency-replayed"] == "true" for answer in again)
    await require_audit(workshop)


def without_key(rows: dict[str, list[Json]]) -> dict[str, list[Json]]:
    """Return the rows without the key's digest, which is new for each request."""
    for entry in rows["audit_entries"]:
        if "clave_idempotencia_sha256" in entry["detalles" if "detalles" in entry else "details"]:
            entry["details"]["clave_idempotencia_sha256"] = "<sha256>"
        entry["request_id"] = "<solicitud>"
    return rows


async def require_audit(workshop: Workshop) -> None:
    database = workshop.container.database
    async with database.transaction("test") as session:
        position = await cut(session)
    async with database.reading() as session:
        assert (await verify_audit(session, position)).breaks == []


async def numbers(workshop: Workshop) -> list[int]:
    async with workshop.container.database.reading() as session:
        found = await session.scalars(text("SELECT order_number FROM orders"))
        return sorted(int(number.rpartition("-")[2]) for number in found)


@pytest.fixture
async def batches(wiped_workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Sizes of the batches that took numbers."""
    return await watched(wiped_workshop, monkeypatch)


async def watched(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    sizes: list[int] = []
    take = creating.take_numbers

    async def spy(connection: Json, entries: Json, *more: Json) -> Json:
        sizes.append(len(entries))
        return await take(connection, entries, *more)

    for by in WRITERS:
        assert (await post(workshop, by, example_order())).status_code == 201
    monkeypatch.setattr(creating, "take_numbers", spy)
    return sizes


async def test_both_ways_answer_and_write_the_same(
    wiped_workshop: Workshop, batches: list[int]
) -> None:
    await listen(wiped_workshop)
    await listen(wiped_workshop, events=["orden.creada"], client_ids=["cliente-7"], tags=["vip"])
    await require_same(wiped_workshop, batches)


async def test_both_ways_are_the_same_without_mails(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    off: Json = {"client_mails_off": "recibida,aprobada"}
    async with open_workshop(database_url, tmp_path, **off) as workshop:
        await require_same(workshop, await watched(workshop, monkeypatch))


async def test_what_the_application_refuses_it_still_refuses(
    wiped_workshop: Workshop, batches: list[int]
) -> None:
    refusals: list[tuple[str, Json, dict[str, str]]] = [
        ("key_lectura", example_order(), {}),
        ("owner", example_order(), {}),
        ("permanent", example_order(), {}),
        ("none", example_order(), {}),
        ("admin", example_order(construye="a2a"), {}),
        ("admin", example_order(nombre_producto=" "), {}),
        ("admin", example_order(extra=1), {}),
        ("admin", example_order(datos_cliente={"nombre": "A", "email": "a@b"}), {}),
        ("admin", [], {}),
        ("admin", example_order(), {"Idempotency-Key": "ñ"}),
    ]
    before = await numbers(wiped_workshop)
    for by, order, fields in refusals:
        try:
            hot = await post(wiped_workshop, by, order, **fields)
            cold = await post(wiped_workshop, by, order, **BY_APPLICATION, **fields)
        except UnicodeEncodeError:
            continue
        assert (hot.status_code, alike(hot.text)) == (cold.status_code, alike(cold.text))
        assert hot.status_code in {400, 401, 403, 422}, hot.text
    assert batches == []
    assert await numbers(wiped_workshop) == before


async def test_two_hundred_at_once_are_numbered_without_a_gap(
    wiped_workshop: Workshop, batches: list[int]
) -> None:
    answers = await asyncio.gather(
        *(
            post(wiped_workshop, WRITERS[place % 4], example_order(), **way)
            for place in range(200)
            for way in [BY_APPLICATION if place % 20 == 0 else {}]
        )
    )
    assert {answer.status_code for answer in answers} == {201}
    found = await numbers(wiped_workshop)
    assert found == list(range(1, len(found) + 1))
    assert len(batches) < sum(batches) / 4
    await require_audit(wiped_workshop)


async def test_a_member_that_fails_harms_no_neighbour(
    wiped_workshop: Workshop, batches: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = create_many.order_row

    def row(request: Json, *more: Json) -> Json:
        made = whole(request, *more)
        return {**made, "slug": "No"} if request.nombre_producto == "Mala" else made

    monkeypatch.setattr(create_many, "order_row", row)
    names = ["Mala" if place == 7 else "Buena" for place in range(16)]
    answers = await asyncio.gather(
        *(post(wiped_workshop, "admin", example_order(nombre_producto=name)) for name in names)
    )
    assert {answer.status_code for answer in answers} == {201}
    assert max(batches) > 1
    found = await numbers(wiped_workshop)
    assert found == list(range(1, len(found) + 1))
    await require_audit(wiped_workshop)


@pytest.mark.parametrize("place", ["before", "after"])
async def test_a_commit_whose_end_is_unknown_is_not_repeated(
    wiped_workshop: Workshop, batches: list[int], place: str
) -> None:
    before = await numbers(wiped_workshop)

    def fail(crossing: str) -> None:
        if crossing == f"commit:create:{place}#1":
            raise ConnectionResetError(crossing)

    keys = [uuid4().hex for _ in range(8)]
    arm(fail)
    try:
        lost = await asyncio.gather(
            *(post(wiped_workshop, "admin", example_order()) for _ in range(4)),
            *(
                post(wiped_workshop, "admin", example_order(), **{"Idempotency-Key": key})
                for key in keys
            ),
        )
    finally:
        disarm()
    failed = [answer for answer in lost if answer.status_code != 201]
    assert {answer.json()["codigo"] for answer in failed} == {"no_disponible"}
    written = sum(batches) if place == "after" else sum(batches) - len(failed)
    found = await numbers(wiped_workshop)
    assert found == list(range(1, len(before) + written + 1))
    again = [
        await post(wiped_workshop, "admin", example_order(), **{"Idempotency-Key": key})
        for key in keys
    ]
    assert {answer.status_code for answer in again} == {201}
    assert len({answer.json()["id"] for answer in again}) == len(keys)
    new = sum(answer.headers.get("idempotency-replayed") is None for answer in again)
    lost_keys = sum(answer.status_code != 201 for answer in lost[4:])
    assert new == (0 if place == "after" else lost_keys)
    assert len(await numbers(wiped_workshop)) == len(found) + new


async def test_one_key_places_one_order_however_often_it_is_sent_at_once(
    wiped_workshop: Workshop, batches: list[int]
) -> None:
    before = await numbers(wiped_workshop)
    answers = await asyncio.gather(
        *(
            post(wiped_workshop, by, example_order(), **{"Idempotency-Key": "una"})
            for by in ("admin",) * 10 + ("key_admin",)
        )
    )
    done = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["id"] for answer in done}) == 2
    assert len(await numbers(wiped_workshop)) == len(before) + 2


async def test_a_key_that_is_revoked_under_load_is_refused_from_the_next_request_on(
    wiped_workshop: Workshop, batches: list[int]
) -> None:
    key = await wiped_workshop.new_principal("key_escritura")
    order, revoked = example_order(), asyncio.Event()

    async def load() -> list[tuple[bool, int]]:
        told: list[tuple[bool, int]] = []
        while not told or told[-1][1] == 201:
            was_revoked = revoked.is_set()
            answer = await wiped_workshop.http.post(ORDERS, json=order, headers=key)
            told.append((was_revoked, answer.status_code))
        return told

    loads = [asyncio.create_task(load()) for _ in range(8)]
    while max(batches, default=0) < len(loads) // 2:
        await post(wiped_workshop, "admin", order)
    await revoke(wiped_workshop, key)
    revoked.set()
    told = [one for load in loads for one in await load]
    assert {status for was_revoked, status in told if was_revoked} <= {401}
    assert [status for _, status in told].count(401) == len(loads)


@pytest.mark.parametrize("stale", ["NULL", "now() - interval '61 seconds'"])
async def test_a_batch_notes_the_use_of_its_key_once_a_minute(
    wiped_workshop: Workshop, batches: list[int], stale: str
) -> None:
    database = wiped_workshop.container.database
    key = await wiped_workshop.new_principal("key_escritura")
    at = text("SELECT max(last_used_at) FROM api_keys WHERE last_used_at > now() - interval '9 s'")
    async with database.transaction("test") as session:
        await session.execute(text(f"UPDATE api_keys SET last_used_at = {stale}"))  # noqa: S608 — see above
    noted: list[Json] = []
    for _ in range(2):
        answers = await asyncio.gather(
            *(wiped_workshop.http.post(ORDERS, json=example_order(), headers=key) for _ in range(9))
        )
        assert {answer.status_code for answer in answers} == {201}
        async with database.reading() as session:
            noted.append(await session.scalar(at))
    assert sum(batches) == 18, "the application was asked"
    assert noted[0] is not None
    assert noted == [noted[0]] * 2


async def revoke(workshop: Workshop, key: Headers) -> None:
    answer = await workshop.http.get("/api/auth/me", headers=key)
    assert answer.status_code == 200, answer.text
    async with workshop.container.database.transaction("test") as session:
        statement = text("UPDATE api_keys SET revoked_at = now() WHERE 'key:' || id = :id")
        await session.execute(statement, {"id": json.loads(answer.text)["id"]})
