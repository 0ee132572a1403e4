"""Stages with their times: every attempt, every state, the open one, and who led there."""

from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from axon_factory.accounts import users
from axon_factory.domain.permissions import Role
from axon_factory.domain.states import OrderState
from tests.support.workshop import OWNER_ID, PASSWORD, Headers, Workshop, example_order

_PERSON = "Zacarías Canario"
_AGE = text(
    """
    UPDATE order_stages
    SET entered_at = entered_at - make_interval(secs => 100 * (:last - ordinal)),
        left_at = left_at - make_interval(secs => 100 * (:last - ordinal - 1))
    WHERE order_id = :order_id
    """
)


async def history(workshop: Workshop, order_id: UUID, by: str = "admin") -> dict[str, Any]:
    answer = await workshop.http.get(
        f"/api/orders/{order_id}/history", headers=workshop.headers[by]
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_attempt_with_its_times(workshop: Workshop) -> None:
    order_id = await workshop.placed_in(OrderState.CONSTRUCCION)
    await workshop.patch(order_id, estado="fallido", motivo="prueba")
    await workshop.patch(order_id, estado="construccion")
    await workshop.patch(order_id, estado="qa")
    async with workshop.container.database.transaction("test") as session:
        await session.execute(_AGE, {"order_id": order_id, "last": 6})
    document = await history(workshop, order_id)

    stages = document["etapas"]
    states = ["nuevo", "planificacion", "construccion", "fallido", "construccion", "qa"]
    assert [stage["estado"] for stage in stages] == states
    assert [stage["ordinal"] for stage in stages] == [1, 2, 3, 4, 5, 6]
    assert [stage["intento"] for stage in stages] == [1, 1, 1, 1, 2, 2]
    assert [stage["abierta"] for stage in stages] == [False] * 5 + [True]
    assert all(one["salida_at"] == other["entrada_at"] for one, other in pairwise(stages))
    assert stages[-1]["salida_at"] is None
    seconds = [stage["duracion_segundos"] for stage in stages]
    assert seconds[:5] == pytest.approx([100] * 5, abs=5)
    assert 0 <= seconds[5] < 5

    totals = document["totales_segundos"]
    assert totals["construccion"] == pytest.approx(seconds[2] + seconds[4])
    assert sum(totals.values()) == pytest.approx(sum(seconds), abs=0.01)
    first, second = document["intentos"]
    assert (first["intento"], second["intento"]) == (1, 2)
    assert first["duracion_segundos"] == pytest.approx(sum(seconds[:4]), abs=0.01)
    assert set(second["totales_segundos"]) == {"construccion", "qa"}
    assert (first["salida_at"], second["salida_at"]) == (stages[3]["salida_at"], None)


async def test_an_order_at_its_end_is_in_no_stage(workshop: Workshop) -> None:
    order_id = await workshop.placed_in(OrderState.CANCELADO)
    document = await history(workshop, order_id)
    last = document["etapas"][-1]
    assert (last["estado"], last["duracion_segundos"], last["abierta"]) == (
        "cancelado",
        None,
        False,
    )
    assert set(document["totales_segundos"]) == {"nuevo"}


@pytest.fixture
async def person(workshop: Workshop) -> Headers:
    """An administrator with a name that nothing else has."""
    mail = f"zacarias-{uuid4().hex}@example.com"
    async with workshop.container.database.transaction("test") as session:
        await users.create(
            session,
            email=mail,
            name=_PERSON,
            role=Role.ADMIN,
            password_hash=await workshop.container.passwords.hash(PASSWORD),
            client_id=None,
        )
    answer = await workshop.http.post("/api/auth/login", json={"email": mail, "password": PASSWORD})
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


async def test_people_of_the_factory_have_a_name_for_it_alone(
    workshop: Workshop, person: Headers
) -> None:
    """The same rule in every room that tells who acted."""
    placed = await workshop.http.post(
        "/api/orders", json=example_order(tags=["nombres"], cliente_id=OWNER_ID), headers=person
    )
    order = placed.json()["id"]
    path = f"/api/orders/{order}"
    for change in (
        {"estado": "planificacion", "asignado_a": _PERSON, "logs": [{"mensaje": "Hecho"}]},
        {"estado": "cancelado"},
    ):
        assert (await workshop.http.patch(path, json=change, headers=person)).status_code == 200

    rooms = ["", "/history", "/events", "/logs", "/stream"]
    readers = {"owner": False, "admin": True, "key_lectura": True}
    for reader, knows in readers.items():
        for room in rooms:
            answer = await workshop.http.get(path + room, headers=workshop.headers[reader])
            assert answer.status_code == 200, room
            assert (_PERSON in answer.content.decode()) == knows, (reader, room)
            assert knows or "user:" not in answer.text, (reader, room)
        for accept in ("application/json", "text/csv"):
            headers = {**workshop.headers[reader], "Accept": accept}
            answer = await workshop.http.get("/api/orders?tag=nombres", headers=headers)
            assert answer.status_code == 200
            assert (_PERSON in answer.content.decode()) == knows, (reader, accept)

    document = await history(workshop, UUID(order), by="owner")
    assert {stage["actor"] for stage in document["etapas"]} == {"Equipo Axon"}


async def test_an_agent_reads_no_names_of_people(workshop: Workshop, person: Headers) -> None:
    placed = await workshop.http.post("/api/orders", json=example_order(), headers=person)
    order_id = UUID(placed.json()["id"])
    path = f"/api/orders/{order_id}"
    await workshop.http.patch(path, json={"asignado_a": _PERSON}, headers=person)
    token = await workshop.attempt_token(order_id)
    for room in ("", "/history", "/events", "/logs"):
        assert _PERSON not in (await workshop.http.get(path + room, headers=token)).text, room
    patched = await workshop.http.patch(path, json={}, headers=token)
    assert patched.json()["asignado_a"] == "Equipo Axon"
