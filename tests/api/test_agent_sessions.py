"""What the agent of an attempt does: signs of life, a fresh token, and what it is told too late."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlmodel import col

from axon_factory.db.tables import AuditRow, OrderEvent
from axon_factory.domain.building import Silence
from axon_factory.domain.names import SUPER_AXON
from axon_factory.domain.states import OrderState
from axon_factory.orders.change import Change
from axon_factory.orders.read import lock_order_by_id
from axon_factory.orders.runs.liveness import mark_silent
from tests.support.copies import order_in
from tests.support.workshop import Headers, Json, Workshop


@pytest.fixture
async def building(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.CONSTRUCCION)


@pytest.fixture
async def agent(workshop: Workshop, building: UUID) -> Headers:
    return await workshop.attempt_token(building)


async def post(workshop: Workshop, order_id: UUID, name: str, by: Headers, status: int) -> Json:
    answer = await workshop.http.post(f"/api/orders/{order_id}/{name}", headers=by)
    assert answer.status_code == status, answer.text
    return answer.json()


async def events(workshop: Workshop, order_id: UUID, kind: str) -> list[OrderEvent]:
    query = select(OrderEvent).where(
        col(OrderEvent.order_id) == order_id, col(OrderEvent.kind) == kind
    )
    async with workshop.container.database.reading() as session:
        return list(await session.scalars(query.order_by(col(OrderEvent.seq))))


async def fall_silent(workshop: Workshop, order_id: UUID) -> None:
    """Let the session's newest sign of life be an hour old, and noticed."""
    async with workshop.container.database.transaction("test") as session:
        order = await lock_order_by_id(session, order_id)
        now = order.updated_at + timedelta(seconds=1)
        order.session_id, order.session_open = "sesion-1", True
        order.heartbeat_at = now - timedelta(hours=1)
        policy = workshop.container.policy
        await mark_silent(Change(session, order, SUPER_AXON, policy, now), Silence.ESTANCADO)


async def test_a_beat_is_one_row_and_no_new_version(
    workshop: Workshop, building: UUID, agent: Headers
) -> None:
    before = await workshop.order(building)
    audited = select(func.count()).where(col(AuditRow.chain) == str(building))
    async with workshop.container.database.reading() as session:
        entries = await session.scalar(audited)
    told = await post(workshop, building, "latido", agent, 200)
    after = await workshop.order(building)
    assert after.heartbeat_at is not None
    assert told["latido_at"] == (await workshop.show(building))["latido_at"]
    assert (after.version, after.event_seq) == (before.version, before.event_seq)
    async with workshop.container.database.reading() as session:
        assert await session.scalar(audited) == entries
    assert "latido_at" not in await workshop.show(building, by="owner")


@pytest.mark.parametrize("sign", ["latido", "PATCH", "preguntas"])
async def test_every_sign_of_life_ends_the_silence(
    workshop: Workshop, building: UUID, agent: Headers, sign: str
) -> None:
    await fall_silent(workshop, building)
    assert (await workshop.show(building))["silencio"] == "estancado"
    path = f"/api/orders/{building}"
    body: Json = {"pregunta": "¿?", "destinatario": "operador"} if sign == "preguntas" else {}
    answer = await workshop.http.request(
        "PATCH" if sign == "PATCH" else "POST",
        path if sign == "PATCH" else f"{path}/{sign}",
        json=body or ({} if sign == "PATCH" else None),
        headers=agent,
    )
    assert answer.is_success, answer.text
    assert (await workshop.show(building))["silencio"] is None
    fallen, risen = await events(workshop, building, "construccion.sesion_en_silencio")
    assert [event.details["silencio"] for event in (fallen, risen)] == ["estancado", None]
    assert {event.visibilidad for event in (fallen, risen)} == {"interno"}


async def test_a_persons_patch_is_no_sign_of_life(workshop: Workshop, building: UUID) -> None:
    await fall_silent(workshop, building)
    await workshop.patch(building, by="operator", prioridad="alta")
    await workshop.patch(building, by="permanent", progreso=10)
    assert (await workshop.show(building))["silencio"] == "estancado"


async def test_a_beat_after_the_construction_says_that_it_is_over(
    workshop: Workshop, building: UUID, agent: Headers
) -> None:
    await workshop.patch(building, estado="qa")
    told = await post(workshop, building, "latido", agent, 409)
    assert "qa" in told["message"]


async def test_an_agents_number_is_shown_as_its_word(
    workshop: Workshop, building: UUID, agent: Headers
) -> None:
    before = await workshop.show(building)
    answer = await workshop.http.patch(
        f"/api/orders/{building}", json={"progreso": 60}, headers=agent
    )
    assert answer.json()["progreso"] == 60
    shown = await workshop.show(building, by="owner")
    detail = shown["progreso_detalle"]
    assert (shown["progreso"], detail["verificado"]) == (60, before["progreso"])
    assert detail["reportado"]["progreso"] == 60
    assert "El agente reporta 60 %" in detail["explicacion"]
    await workshop.patch(building, by="operator", progreso=65)
    shown = await workshop.show(building)
    assert (shown["progreso"], shown["progreso_detalle"]["reportado"]["progreso"]) == (65, 60)


async def test_milestones_show_their_commit_to_staff_alone(
    workshop: Workshop, building: UUID
) -> None:
    while (await workshop.order(building)).progreso == 0:
        await workshop.line.advance(building)
    for reader in ("admin", "owner"):
        detail = (await workshop.show(building, by=reader))["progreso_detalle"]
        states = [item["estado"] for item in detail["hitos"]]
        assert states == ["verificado"] + ["pendiente"] * (len(states) - 1)
        assert [("commit" in item) for item in detail["hitos"]] == [reader == "admin"] * len(states)
        assert detail["verificado"] == (await workshop.order(building)).progreso > 0
    english = await workshop.http.get(
        f"/api/orders/{building}", headers={**workshop.headers["owner"], "Accept-Language": "en"}
    )
    assert english.json()["progreso_detalle"]["explicacion"].startswith(f"1 of {len(states)}")


async def test_a_token_is_exchanged_for_one_of_the_same_attempt(
    workshop: Workshop, building: UUID, agent: Headers
) -> None:
    fresh = await post(workshop, building, "token", agent, 201)
    headers = {"X-System-Token": fresh["system_token"]}
    assert headers != agent
    for token in (agent, headers):
        await post(workshop, building, "latido", token, 200)
    again = await post(workshop, building, "token", headers, 201)
    assert again["intento"] == fresh["intento"] == 1
    await workshop.patch(building, estado="fallido")
    await post(workshop, building, "token", headers, 409)
    await workshop.patch(building, estado="construccion")
    await post(workshop, building, "latido", {"X-System-Token": again["system_token"]}, 401)


async def test_a_late_update_is_refused_and_noted_once_a_minute(
    workshop: Workshop, building: UUID, agent: Headers
) -> None:
    await workshop.patch(building, estado="fallido")
    await workshop.patch(building, estado="construccion")
    before = await workshop.order(building)
    for _ in range(3):
        answer = await workshop.http.patch(
            f"/api/orders/{building}", json={"progreso": 90}, headers=agent
        )
        assert (answer.status_code, answer.json()["codigo"]) == (401, "intento_terminado")
        assert "WWW-Authenticate" in answer.headers
    noted = await events(workshop, building, "construccion.intento_anterior")
    assert 1 <= len(noted) <= 2  # the minute may have ended meanwhile
    assert (noted[0].visibilidad, noted[0].agente) == ("interno", "QA Agent")
    assert noted[0].details["intento_del_agente"] == 1
    order = await workshop.order(building)
    assert (order.progreso, order.version) == (before.progreso, before.version)


async def test_a_report_on_an_order_that_ended_is_noted_too(
    workshop: Workshop, building: UUID, agent: Headers
) -> None:
    await workshop.patch(building, estado="cancelado")
    told = await post(workshop, building, "latido", agent, 401)
    assert told["codigo"] == "intento_terminado"
    assert await events(workshop, building, "construccion.intento_anterior")


async def test_a_forged_token_is_told_nothing(
    workshop: Workshop, building: UUID, agent: Headers
) -> None:
    """The same answer while the attempt lives and afterwards: there is nothing to try out."""
    genuine = agent["X-System-Token"]
    forged = genuine[:-12] + genuine[-12:].swapcase()
    for state in ("construccion", "cancelado"):
        if state == "cancelado":
            await workshop.patch(building, estado="cancelado")
        told = await post(workshop, building, "latido", {"X-System-Token": forged}, 401)
        assert told["codigo"] == "autenticacion_requerida"
    assert await events(workshop, building, "construccion.intento_anterior") == []
