"""POST /api/orders/bulk: one result per order, a count before, and never half an answer."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from axon_factory.domain.states import OrderState
from tests.support.copies import copy_orders, order_in
from tests.support.workshop import Workshop

nightly = partial(pytest.param, marks=pytest.mark.nightly)
NOBODYS = "00000000-0000-4000-8000-000000000000"
CANCEL = {"accion": "cancel", "motivo": "prueba"}
RETRY = {"accion": "retry"}
FIRST = {"accion": "prioridad", "prioridad": "urgente"}
TAG = {"accion": "tag", "agregar": ["nuevo"], "quitar": ["viejo"]}
STATES = {
    "cancel": set(OrderState) - {OrderState.ENTREGADO, OrderState.CANCELADO},
    "retry": {OrderState.FALLIDO},
    "prioridad": set(OrderState),
    "tag": set(OrderState),
}


async def act(
    workshop: Workshop, body: dict[str, Any], by: str = "admin", **headers: str
) -> httpx2.Response:
    return await workshop.http.post(
        "/api/orders/bulk", json=body, headers={**workshop.headers[by], **headers}
    )


async def done(workshop: Workshop, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    answer = await act(workshop, body, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def place(workshop: Workshop, number: int, **changes: Any) -> Sequence[str]:  # noqa: ANN401 — JSON
    return [str(await workshop.place(**changes)) for _ in range(number)]


@pytest.mark.parametrize("body", [CANCEL, RETRY, FIRST, TAG], ids=lambda body: body["accion"])
async def test_every_act_on_every_state(workshop: Workshop, body: dict[str, Any]) -> None:
    orders = {state: await order_in(workshop, state, tags=["viejo"]) for state in OrderState}
    ids = [str(order_id) for order_id in orders.values()]
    before = {state: (await workshop.order(order_id)) for state, order_id in orders.items()}
    counted = await done(workshop, {**body, "ids": ids, "preview": True})
    answer = await done(workshop, {**body, "ids": ids})
    assert [result["referencia"] for result in answer["results"]] == ids
    for (state, order_id), result in zip(orders.items(), answer["results"], strict=True):
        order = await workshop.order(order_id)
        assert (result["id"], result["order_number"]) == (str(order_id), order.order_number)
        assert (result["estado"], result["version"]) == (order.estado, order.version)
        if state in STATES[body["accion"]]:
            assert (result["status"], result["codigo"]) == ("ok", None)
            assert order.version > before[state].version
        else:
            assert (result["status"], result["codigo"]) == ("refused", "transicion_no_permitida")
            assert (order.estado, order.version) == (state, before[state].version)
    applied = len(STATES[body["accion"]])
    assert (answer["total"], answer["aplicadas"], answer["rechazadas"]) == (8, applied, 8 - applied)
    assert (counted["total"], counted["rechazadas"]) == (8, 8 - applied)
    assert counted["por_estado"] == dict.fromkeys(OrderState, 1)


async def test_what_each_act_does(workshop: Workshop) -> None:
    one, other = await place(workshop, 2, tags=["viejo", "queda"])
    await done(workshop, {**FIRST, "ids": [one]})
    await done(workshop, {**TAG, "ids": [one, other]})
    await done(workshop, {**CANCEL, "ids": [other]})
    shown = await workshop.show(UUID(one))
    assert (shown["prioridad"], shown["tags"]) == ("urgente", ["queda", "nuevo"])
    shown = await workshop.show(UUID(other))
    assert (shown["estado"], shown["tags"]) == ("cancelado", ["queda", "nuevo"])
    assert shown["logs"][-1]["mensaje"] == "Orden cancelada: prueba"


async def test_what_is_so_already_is_not_written(workshop: Workshop) -> None:
    ids = await place(workshop, 1, prioridad="urgente", tags=["nuevo"])
    version = (await workshop.show(UUID(ids[0])))["version"]
    for body in (FIRST, TAG):
        (result,) = (await done(workshop, {**body, "ids": ids}))["results"]
        assert (result["status"], result["version"]) == ("ok", version)


async def test_names_of_orders(workshop: Workshop) -> None:
    (order_id,) = await place(workshop, 1)
    number = (await workshop.show(UUID(order_id)))["order_number"]
    sent = [number, order_id, order_id.upper(), NOBODYS, "ORD-2001-001", "ni id ni número"]
    answer = await done(workshop, {**FIRST, "ids": sent})
    assert [(result["referencia"], result["codigo"]) for result in answer["results"]] == [
        (order_id, None),
        (NOBODYS, "orden_no_encontrada"),
        ("ORD-2001-001", "orden_no_encontrada"),
        ("ni id ni número", "orden_no_encontrada"),
    ]


async def test_too_many_tags_are_refused_for_that_order_alone(workshop: Workshop) -> None:
    (full,) = await place(workshop, 1, tags=[f"t{number}" for number in range(50)])
    (free,) = await place(workshop, 1)
    answer = await done(workshop, {**TAG, "ids": [full, free]})
    assert [result["codigo"] for result in answer["results"]] == ["validacion", None]
    assert answer["results"][0]["message"] == "tags: Admite como máximo 50 elementos"
    assert len((await workshop.show(UUID(full)))["tags"]) == 50


async def test_in_english(workshop: Workshop) -> None:
    ids = [*await place(workshop, 1), NOBODYS]
    answer = await act(workshop, {**CANCEL, "ids": ids}, **{"Accept-Language": "en"})
    messages = [result["message"] for result in answer.json()["results"]]
    assert messages == ["Order cancelled", f"No order exists with ID: {NOBODYS}"]


@pytest.mark.parametrize(
    "chosen",
    [
        {"tag": ["{tag}"]},
        {"tag": ["{tag}"], "cliente_id": ["cliente-dueño"], "creado_desde": "2020-01-01T00:00:00Z"},
        # What each filter finds is seen in the lists, whose filters these are.
        nightly({"tag": ["{tag}"], "estado": ["nuevo", "qa"], "prioridad": ["alta"]}),
        nightly({"tag": ["{tag}"], "tipo_producto": ["autopilot_whatsapp"], "q": "empresa xyz"}),
        nightly({"q": "{tag}"}),
    ],
)
async def test_a_filter_acts_on_what_was_counted(
    workshop: Workshop, chosen: dict[str, Any]
) -> None:
    tag = f"t{uuid4().hex[:12]}"
    changes: dict[str, Any] = {"tags": [tag], "nombre_producto": tag, "prioridad": "alta"}
    ids = await place(workshop, 3, **changes)
    await place(workshop, 1, tags=["ajeno"])
    criteria = {
        name: [item.format(tag=tag) for item in value]
        if isinstance(value, list)
        else value.format(tag=tag)
        for name, value in chosen.items()
    }
    counted = await done(workshop, {**CANCEL, "filtro": criteria, "preview": True})
    assert (counted["total"], counted["rechazadas"], counted["limite"]) == (3, 0, 100)
    assert {entry["id"] for entry in counted["muestra"]} == set(ids)
    assert {(await workshop.show(UUID(order_id)))["estado"] for order_id in ids} == {"nuevo"}

    changed = await place(workshop, 1, **changes)
    answer = await act(workshop, {**CANCEL, "filtro": criteria, "esperado": 3})
    assert (answer.status_code, answer.json()["codigo"]) == (409, "seleccion_cambiada")
    assert answer.json()["total"] == 4
    everything = [*ids, *changed]
    assert {(await workshop.show(UUID(item)))["estado"] for item in everything} == {"nuevo"}

    done_ = await done(workshop, {**CANCEL, "filtro": criteria, "esperado": 4})
    assert [result["id"] for result in done_["results"]] == sorted(everything)
    assert done_["aplicadas"] == 4


async def test_a_filter_of_too_many_is_refused(fresh_workshop: Workshop) -> None:
    (one,) = await place(fresh_workshop, 1)
    await copy_orders(fresh_workshop, UUID(one), 100)
    body = {**TAG, "filtro": {"estado": ["nuevo"]}}
    assert (await done(fresh_workshop, {**body, "preview": True}))["total"] == 101
    answer = await act(fresh_workshop, {**body, "esperado": 101})
    assert (answer.status_code, set(answer.json()["details"])) == (400, {"filtro"})
    await done(fresh_workshop, {**CANCEL, "ids": [one]})
    assert (await done(fresh_workshop, {**body, "esperado": 100}))["aplicadas"] == 100


async def test_a_repeated_key_is_answered_with_the_first_results(workshop: Workshop) -> None:
    ids = await place(workshop, 2)
    body, key = {**CANCEL, "ids": ids}, {"Idempotency-Key": uuid4().hex}
    first = await act(workshop, body, **key)
    again = await act(workshop, body, **key)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert again.content == first.content
    assert first.json()["aplicadas"] == 2
    assert (await done(workshop, body))["aplicadas"] == 0
    other = await act(workshop, {**CANCEL, "ids": ids[:1]}, **key)
    assert other.status_code == 422


@pytest.mark.parametrize(
    ("by", "status"),
    [
        ("admin", 200),
        ("key_admin", 200),
        ("operator", 403),
        ("owner", 403),
        ("key_escritura", 403),
        ("permanent", 403),
        ("none", 401),
    ],
)
async def test_who_may(workshop: Workshop, by: str, status: int) -> None:
    answer = await act(workshop, {**FIRST, "ids": await place(workshop, 1)}, by=by)
    assert answer.status_code == status


IDS = {"ids": [NOBODYS]}
FILTER = {"filtro": {"tag": ["x"]}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "accion"),
        ({"accion": "borrar", **IDS}, "accion"),
        ({"accion": "cancel", **IDS}, "motivo"),
        ({"accion": "prioridad", **IDS}, "prioridad"),
        ({"accion": "prioridad", "prioridad": "mañana", **IDS}, "prioridad"),
        ({"accion": "tag", **IDS}, "agregar"),
        ({"accion": "tag", "agregar": [], **IDS}, "agregar"),
        ({**RETRY, "motivo": "sobra", **IDS}, "motivo"),
        (RETRY, "ids"),
        ({**RETRY, **IDS, **FILTER, "esperado": 1}, "ids"),
        ({**RETRY, "ids": []}, "ids"),
        ({**RETRY, "ids": [NOBODYS] * 201}, "ids"),
        ({**RETRY, "ids": [7]}, "ids.0"),
        ({**RETRY, "ids": ["\x00"]}, "ids.0"),
        ({**RETRY, **FILTER}, "esperado"),
        ({**RETRY, **FILTER, "esperado": -1}, "esperado"),
        ({**RETRY, "filtro": {}, "esperado": 1}, "filtro"),
        ({**RETRY, "filtro": {"tag": []}, "esperado": 1}, "filtro.tag"),
        ({**RETRY, "filtro": {"estado": ["perdido"]}, "esperado": 1}, "filtro.estado.0"),
        ({**RETRY, "filtro": {"creado_desde": "ayer"}, "esperado": 1}, "filtro.creado_desde"),
        ({**RETRY, "filtro": {"sobra": 1}, "esperado": 1}, "filtro.sobra"),
        ([], "body"),
    ],
)
async def test_wrong_requests_name_the_field(workshop: Workshop, body: Any, field: str) -> None:  # noqa: ANN401 — JSON
    answer = await act(workshop, body)
    assert answer.status_code == 400, answer.text
    assert set(answer.json()["details"]) == {field}


async def test_if_match_is_about_one_order(workshop: Workshop) -> None:
    answer = await act(workshop, {**FIRST, **IDS}, **{"If-Match": '"1"'})
    assert (answer.status_code, set(answer.json()["details"])) == (400, {"If-Match"})
