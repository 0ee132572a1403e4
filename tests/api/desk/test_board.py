"""GET /api/board: counts are the list's, what waits for people stands apart, cards are whole."""

import random
from datetime import UTC, datetime, timedelta
from time import process_time
from uuid import UUID

import pytest
from sqlalchemy import text, update
from sqlmodel import col

from axon_factory.db.tables import Order
from axon_factory.domain.states import OrderState
from axon_factory.orders.budget import ask_for_budget
from axon_factory.orders.desk.board import BoardQuery, read_board
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.reviewing import ask_person
from tests.api.desk.conftest import Json, Pages
from tests.support.copies import copy_orders, order_in
from tests.support.workshop import ADMIN

OPEN = ("nuevo", "planificacion", "construccion", "qa", "listo", "fallido")
FOLDED = ("entregado", "cancelado")


def column(board: Json, state: str) -> Json:
    return next(one for one in board["columnas"] if one["estado"] == state)


def card(lane: Json, order_id: UUID) -> Json:
    return next(one for one in lane["tarjetas"] if one["id"] == str(order_id))


async def _some_orders(pages: Pages, tag: str, seed: int) -> list[UUID]:
    """Orders in random states, some of them waiting, all with a tag of their own."""
    chance = random.Random(seed)  # noqa: S311 — repeatable, not secret
    made = list[UUID]()
    for _ in range(14):
        order_id = await order_in(pages.workshop, chance.choice(list(OrderState)))
        await pages.workshop.patch(order_id, tags=[tag], prioridad=chance.choice(["baja", "alta"]))
        state = (await pages.workshop.order(order_id)).estado
        if state == "qa" and chance.random() < 0.5:
            await pages.apply(order_id, lambda change: ask_person(change, reasons=["x"]))
        if state == "construccion" and chance.random() < 0.5:
            await pages.apply(order_id, ask_for_budget)
        made.append(order_id)
    return made


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_its_counts_are_those_of_the_list(pages: Pages, seed: int) -> None:
    tag = f"tablero-{seed}"
    made = await _some_orders(pages, tag, seed)
    board = await pages.get("/api/board", tag=tag, limit=200)
    seen = list[str]()
    for state in (*OPEN, *FOLDED):
        listed = await pages.get("/api/orders", tag=tag, estado=state, limit=200)
        found = column(board, state)
        assert found["total"] == listed["total"], state
        assert found["recientes"] + found["en_te_necesita"] == found["total"]
        assert found["count"] == len(found["tarjetas"]) == found["recientes"]
        seen += [one["id"] for one in found["tarjetas"]]
    needed = await pages.get("/api/orders", tag=tag, necesita="persona", limit=200)
    lane = board["te_necesita"]
    assert lane["total"] == needed["total"]
    assert {one["id"] for one in lane["tarjetas"]} == {one["id"] for one in needed["orders"]}
    seen += [one["id"] for one in lane["tarjetas"]]
    assert sorted(seen) == sorted(map(str, made))
    assert board["abiertas"] == len(made) - sum(column(board, one)["total"] for one in FOLDED)
    worth = sum(float(one["precio"]) for one in lane["tarjetas"])
    assert [float(one["monto"]) for one in lane["valor"]] == ([worth] if worth else [])


async def test_a_card_says_how_its_order_stands(pages: Pages) -> None:
    tag = "tarjeta"
    made = {state: await order_in(pages.workshop, state) for state in list(OrderState)[:5]}
    for order_id in made.values():
        await pages.workshop.patch(order_id, tags=[tag])
    await pages.workshop.patch(made[OrderState.LISTO], prioridad="urgente")
    board = await pages.get("/api/board", tag=tag)
    plan = card(board["te_necesita"], made[OrderState.PLANIFICACION])
    assert (plan["razon"], plan["actos"][0], plan["promesa"]) == (
        "Aprueba el plan v1",
        "aprobar",
        None,
    )
    assert column(board, "planificacion")["en_te_necesita"] == 1
    building = card(column(board, "construccion"), made[OrderState.CONSTRUCCION])
    planned = (await pages.workshop.show(made[OrderState.CONSTRUCCION]))["plan"]["milestones"]
    assert [one["id"] for one in building["hitos"]] == [one["id"] for one in planned]
    states = [one["estado"] for one in building["hitos"]]
    assert (states[0], set(states[1:])) == ("en_curso", {"pendiente"})
    assert building["promesa"]["tarde"] is False
    # At no progress the estimate is the promise, if the order goes on at once.
    estimated, promised = (building[name]["hasta"] for name in ("estimado", "promesa"))
    apart = datetime.fromisoformat(estimated) - datetime.fromisoformat(promised)
    assert timedelta(minutes=-1) < apart < timedelta(minutes=20)
    assert building["en_riesgo"] is False
    reviewed = card(column(board, "qa"), made[OrderState.QA])
    assert {one["estado"] for one in reviewed["hitos"]} == {"verificado"}
    ready = card(column(board, "listo"), made[OrderState.LISTO])
    assert (ready["prioridad"], ready["tags"], ready["razon"]) == ("urgente", [tag], None)
    seen = await pages.get("/api/board", "operator", tag=tag)
    told = card(seen["te_necesita"], made[OrderState.PLANIFICACION])
    assert (told["razon"], told["actos"]) == ("El plan v1 espera aprobación", [])
    english = await pages.get("/api/board", language="en", tag=tag)
    assert english["te_necesita"]["nombre"] == "Needs you"
    assert card(english["te_necesita"], made[OrderState.PLANIFICACION])["razon"] == (
        "Approve plan v1"
    )


async def test_a_failed_milestone_and_a_late_promise_show(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.CONSTRUCCION)
    await pages.workshop.patch(order_id, tags=["tarde"])
    then = datetime.now(UTC) - timedelta(hours=4)
    await _set(pages, order_id, promised_from=then, promised_until=then)
    late = card(column(await pages.get("/api/board", tag="tarde"), "construccion"), order_id)
    assert (late["promesa"]["tarde"], late["en_riesgo"]) == (True, True)
    await pages.workshop.patch(order_id, estado="fallido")
    failed = card((await pages.get("/api/board", tag="tarde"))["te_necesita"], order_id)
    assert failed["razon"] == "Falló la construcción: lo decidió una persona"
    assert failed["hitos"][0]["estado"] == "fallo"
    assert "reintentar" in failed["actos"]


async def test_a_promise_that_no_good_pace_keeps_is_at_risk(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.CONSTRUCCION)
    await pages.workshop.patch(order_id, tags=["riesgo"])
    soon = datetime.now(UTC) + timedelta(hours=1)
    await _set(pages, order_id, promised_from=soon, promised_until=soon)
    board = await pages.get("/api/board", tag="riesgo")
    found = card(column(board, "construccion"), order_id)
    assert (found["promesa"]["tarde"], found["en_riesgo"]) == (False, True)
    assert found["estimado"]["hasta"] > found["promesa"]["hasta"]
    told = await pages.get(f"/api/orders/{order_id}/timeline")
    assert told["en_riesgo"] is True
    assert told["estimado"]["hasta"] > found["promesa"]["hasta"]


async def _set(pages: Pages, order_id: UUID, **times: datetime) -> None:
    async with pages.workshop.container.database.transaction("test") as session:
        await session.execute(update(Order).where(col(Order.id) == order_id).values(**times))


async def test_ended_orders_are_folded(pages: Pages) -> None:
    made = [await order_in(pages.workshop, OrderState.CANCELADO) for _ in range(12)]
    for order_id in made:
        await pages.workshop.patch(order_id, tags=["plegada"])
    await _set(pages, made[0], cancelado_at=datetime.now(UTC) - timedelta(days=8))
    board = await pages.get("/api/board", tag="plegada")
    found = column(board, "cancelado")
    assert (found["plegada"], found["total"], found["recientes"]) == (True, 12, 11)
    assert found["count"] == 10
    assert str(made[0]) not in {one["id"] for one in found["tarjetas"]}
    longer = await pages.get("/api/board", tag="plegada", dias=30)
    assert column(longer, "cancelado")["recientes"] == 12


async def test_the_order_of_cards_is_urgency_then_time_in_the_state(pages: Pages) -> None:
    original = await order_in(pages.workshop, OrderState.QA)
    copies = await copy_orders(pages.workshop, original, 6)
    for place, order_id in enumerate(copies):
        priority = ("baja", "urgente", "normal")[place % 3]
        await pages.workshop.patch(order_id, tags=["orden"], prioridad=priority)
    found = column(await pages.get("/api/board", tag="orden", limit=4), "qa")
    assert (found["total"], found["count"], len(found["tarjetas"])) == (6, 4, 4)
    assert [one["prioridad"] for one in found["tarjetas"]] == ["urgente"] * 2 + ["normal"] * 2
    again = column(await pages.get("/api/board", tag="orden", limit=4), "qa")
    assert again["tarjetas"] == found["tarjetas"]


async def test_filters_are_those_of_the_list(pages: Pages) -> None:
    order_id = await pages.workshop.place(nombre_producto="Zanahoria de pruebas", prioridad="alta")
    for query in ({"q": "zanahor"}, {"prioridad": "alta"}, {"tipo_producto": "autopilot_whatsapp"}):
        board = await pages.get("/api/board", limit=200, **query)
        assert card(column(board, "nuevo"), order_id)["nombre_producto"] == "Zanahoria de pruebas"
        assert (
            column(board, "nuevo")["total"]
            == (await pages.get("/api/orders", estado="nuevo", **query))["total"]
        )
    assert (await pages.get("/api/board", q="ninguna-asi"))["abiertas"] == 0
    refused = await pages.workshop.http.get(
        "/api/board", params={"q": "%%"}, headers=pages.workshop.headers["admin"]
    )
    assert refused.status_code == 400


async def test_five_hundred_orders_take_less_than_a_tenth_of_a_second(pages: Pages) -> None:
    for state in list(OrderState)[:5]:
        original = await order_in(pages.workshop, state)
        await copy_orders(pages.workshop, original, 100)
    async with pages.workshop.container.database.transaction("test") as session:
        await session.execute(text("ANALYZE orders, order_stages, order_milestones"))
    taken = list[float]()
    query, policy = BoardQuery(ListQuery(), limit=200), pages.workshop.container.policy
    for _ in range(5):
        async with pages.workshop.container.database.reading() as session:
            # Of this process: others use the machine too.
            begun = process_time()
            found = await read_board(session, query, ADMIN, policy, datetime.now(UTC))
            taken.append(process_time() - begun)
    assert found["abiertas"] >= 500
    assert min(taken) < 0.1, taken


async def test_cards_of_named_orders_come_as_they_are_named(pages: Pages) -> None:
    found = [await order_in(pages.workshop, OrderState.CONSTRUCCION) for _ in range(2)]
    numbers = [(await pages.workshop.order(order_id)).order_number for order_id in found]
    asked = ",".join([numbers[1], "ORD-1999-001", numbers[0], numbers[1]])
    cards = (await pages.get("/api/board/cards", order_number=asked))["tarjetas"]
    assert [card["order_number"] for card in cards] == [numbers[1], numbers[0]]
    board = await pages.get("/api/board", limit=200)
    beside = [
        card
        for column in board["columnas"]
        for card in column["tarjetas"]
        if card["order_number"] in numbers
    ]
    moving = {"estimado"}
    for card in beside:
        named = next(one for one in cards if one["id"] == card["id"])
        assert {k: v for k, v in named.items() if k not in moving} == {
            k: v for k, v in card.items() if k not in moving
        }
