"""Webhooks of orders over the API: who keeps which, what a key may name, and filters."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from axon_factory.bootstrap.options import key_outbound_rules, outbound_rules
from axon_factory.domain.addresses import UrlRefused
from axon_factory.domain.notifications import ORDER_KINDS
from axon_factory.orders.notifications import destinations
from axon_factory.settings import load_settings
from tests.support.destinations import family_in
from tests.support.workshop import SECRET_KEY, Headers, Workshop

DESTINATIONS = "/api/notifications/destinations"
DELIVERIES = "/api/notifications/deliveries"

Json = Any


def new(**changes: Json) -> dict[str, Json]:
    name = f"crm-{uuid4().hex[:8]}"
    return {"canal": "webhook", "nombre": name, "url": "https://crm.example/avisos", **changes}


async def ask(
    workshop: Workshop, method: str, path: str, by: Headers, body: Json = None
) -> httpx2.Response:
    return await workshop.http.request(method, path, json=body, headers=by)


async def created(workshop: Workshop, by: Headers, **changes: Json) -> Json:
    answer = await ask(workshop, "POST", DESTINATIONS, by, new(**changes))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def told(workshop: Workshop, destination: Json, by: Headers) -> list[tuple[str, str]]:
    path = f"{DELIVERIES}?destino={destination['id']}&limit=200"
    answer = await ask(workshop, "GET", path, by)
    assert answer.status_code == 200, answer.text
    return sorted((one["order_id"], one["evento"]) for one in answer.json()["deliveries"])


@pytest.mark.parametrize("kind", ["key_lectura", "key_admin"])
async def test_a_key_keeps_its_own_and_sees_no_other(workshop: Workshop, kind: str) -> None:
    key, other = await workshop.new_principal(kind), await workshop.new_principal(kind)
    admin = workshop.headers["admin"]
    name = f"mío, {kind}"  # names are taken among those of one owner only
    mine = await created(workshop, key, nombre=name)
    assert mine["clave"] == family_in(key)
    foreign = [await created(workshop, who, nombre=name) for who in (other, admin)]
    listed = (await ask(workshop, "GET", DESTINATIONS, key)).json()
    assert [one["id"] for one in listed["destinations"]] == [mine["id"]]
    everything = (await ask(workshop, "GET", DESTINATIONS, admin)).json()["destinations"]
    assert {mine["id"], *(one["id"] for one in foreign)} <= {one["id"] for one in everything}

    order_id = str(await workshop.place())
    assert await told(workshop, mine, key) == [(order_id, "orden.creada")]
    log = (await ask(workshop, "GET", f"{DELIVERIES}?limit=200", key)).json()["deliveries"]
    assert {one["destino"]["id"] for one in log} == {mine["id"]}
    for one in foreign:
        assert await told(workshop, one, key) == []
        (delivery, *_) = (
            await ask(workshop, "GET", f"{DELIVERIES}?destino={one['id']}", admin)
        ).json()["deliveries"]
        for method, path, body in (
            ("GET", f"{DESTINATIONS}/{one['id']}", None),
            ("PATCH", f"{DESTINATIONS}/{one['id']}", {"activo": False}),
            ("DELETE", f"{DESTINATIONS}/{one['id']}", None),
            ("POST", f"{DESTINATIONS}/{one['id']}/rotate", None),
            ("POST", f"{DESTINATIONS}/{one['id']}/test", None),
            ("GET", f"{DELIVERIES}/{delivery['id']}", None),
            ("POST", f"{DELIVERIES}/{delivery['id']}/redeliver", None),
        ):
            answer = await ask(workshop, method, path, key, body)
            assert answer.status_code == 404, (method, path)

    path = f"{DESTINATIONS}/{mine['id']}"
    steps = [
        await ask(workshop, "POST", f"{path}/rotate", key),
        await ask(workshop, "POST", f"{DELIVERIES}/{log[0]['id']}/redeliver", key),
        await ask(workshop, "GET", f"{DELIVERIES}/{log[0]['id']}", key),
        await ask(workshop, "PATCH", path, key, {"eventos": ["orden.lista"], "tags": ["x"]}),
        await ask(workshop, "DELETE", path, key),
    ]
    assert [answer.status_code for answer in steps] == [200] * 5, [one.text for one in steps]
    assert (await ask(workshop, "GET", path, key)).status_code == 404


@pytest.mark.parametrize(
    ("by", "status"),
    [("key_escritura", 403), ("operator", 403), ("owner", 403), ("permanent", 403), ("none", 401)],
)
async def test_who_does_not_read_orders_as_a_program_registers_nothing(
    workshop: Workshop, by: str, status: int
) -> None:
    answer = await ask(workshop, "POST", DESTINATIONS, workshop.headers[by], new())
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"canal": "slack"}, "canal"),
        ({"eventos": ["plan.pendiente"]}, "eventos"),
        ({"eventos": ["orden.creada", "linea.detenida"]}, "eventos"),
        ({"url": "http://crm.example/"}, "url"),
        ({"url": "https://10.1.2.3/"}, "url"),
        ({"url": "https://[::1]/"}, "url"),
        ({"clientes": [""]}, "clientes"),
        ({"tags": ["a\u0000b"]}, "tags"),
    ],
)
async def test_what_a_key_may_not_have_is_refused(
    workshop: Workshop, changes: dict[str, Json], field: str
) -> None:
    key = workshop.headers["key_lectura"]
    answer = await ask(workshop, "POST", DESTINATIONS, key, new(**changes))
    assert answer.status_code == 400, answer.text
    details = answer.json()["details"]
    assert {name.partition(".")[0] for name in details} == {field}
    assert field != "url" or "AXON_KEY_WEBHOOK_NETWORKS" in details["url"]


async def test_a_key_cannot_change_into_what_it_may_not_have(workshop: Workshop) -> None:
    key = await workshop.new_principal("key_lectura")
    path = f"{DESTINATIONS}/{(await created(workshop, key))['id']}"
    for by in (key, workshop.headers["admin"]):
        answer = await ask(workshop, "PATCH", path, by, {"eventos": ["plan.pendiente"]})
        assert (answer.status_code, set(answer.json()["details"])) == (400, {"eventos"})


async def test_a_key_has_room_for_so_many(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destinations, "_MOST_OF_A_KEY", 2)
    key = await workshop.new_principal("key_lectura")
    made = [await created(workshop, key) for _ in range(2)]
    full = await ask(workshop, "POST", DESTINATIONS, key, new())
    assert (full.status_code, full.json()["codigo"]) == (409, "demasiados_destinos")
    assert (
        await ask(workshop, "DELETE", f"{DESTINATIONS}/{made[0]['id']}", key)
    ).status_code == 200
    await created(workshop, key)


def test_networks_inside_are_for_administrators(tmp_path: Path) -> None:
    """The setting that lets an administrator name a receiver inside lets no key do so."""
    settings = load_settings(
        data_dir=tmp_path, secret_key=SECRET_KEY, webhook_networks="127.0.0.0/8"
    )
    assert outbound_rules(settings).check("http://127.0.0.1:9/").port == 9
    with pytest.raises(UrlRefused):
        key_outbound_rules(settings).check("http://127.0.0.1:9/")


async def test_filters_choose_clients_and_tags(workshop: Workshop) -> None:
    admin = workshop.headers["admin"]
    filters: dict[str, dict[str, Json]] = {
        "all": {},
        "ana": {"clientes": ["ana"]},
        "ana or berta": {"clientes": ["ana", "berta"]},
        "crm": {"tags": ["crm"]},
        "crm and vip": {"tags": ["crm", "vip"]},
        "ana, crm": {"clientes": ["ana"], "tags": ["crm"]},
        "cancelled": {"eventos": ["orden.cancelada"], "clientes": ["ana"]},
    }
    made = {
        name: await created(workshop, admin, **{"eventos": ["orden.creada"], **change})
        for name, change in filters.items()
    }
    assert made["crm and vip"]["tags"] == ["crm", "vip"]
    orders = {
        str(await workshop.place(cliente_id="ana", tags=["crm", "vip"])): "ana crm vip",
        str(await workshop.place(cliente_id="berta", tags=["crm"])): "berta crm",
        str(await workshop.place(cliente_id="ana")): "ana",
        str(await workshop.place(cliente_id=None, tags=["vip"])): "nobody vip",
    }
    first = next(iter(orders))
    await ask(workshop, "POST", f"/api/orders/{first}/cancel", admin, {"motivo": "Ya no"})
    seen = {
        name: {orders[order_id] for order_id, _ in await told(workshop, one, admin)}
        for name, one in made.items()
    }
    assert seen == {
        "all": set(orders.values()),
        "ana": {"ana crm vip", "ana"},
        "ana or berta": {"ana crm vip", "berta crm", "ana"},
        "crm": {"ana crm vip", "berta crm"},
        "crm and vip": {"ana crm vip"},
        "ana, crm": {"ana crm vip"},
        "cancelled": {"ana crm vip"},
    }
    assert await told(workshop, made["cancelled"], admin) == [(first, "orden.cancelada")]


async def test_a_filter_keeps_away_what_is_about_no_order(workshop: Workshop) -> None:
    admin = workshop.headers["admin"]
    narrow = await created(workshop, admin, clientes=["ana"])
    wide = await created(workshop, admin)
    for verb, body in (("pause", {"motivo": "Porque sí"}), ("resume", None)):
        assert (await ask(workshop, "POST", f"/api/line/{verb}", admin, body)).is_success
    log = (await ask(workshop, "GET", f"{DELIVERIES}?destino={wide['id']}", admin)).json()
    assert [one["evento"] for one in log["deliveries"]] == ["linea.reanudada", "linea.pausada"]
    log = (await ask(workshop, "GET", f"{DELIVERIES}?destino={narrow['id']}", admin)).json()
    assert log["deliveries"] == []


async def test_a_key_that_listens_to_all_hears_of_orders_only(workshop: Workshop) -> None:
    key, admin = await workshop.new_principal("key_lectura"), workshop.headers["admin"]
    made = await created(workshop, key)
    order_id = await workshop.place()
    await ask(workshop, "POST", f"/api/orders/{order_id}/cancel", admin, {"motivo": "Ya no"})
    for verb, body in (("pause", {"motivo": "Porque sí"}), ("resume", None)):
        assert (await ask(workshop, "POST", f"/api/line/{verb}", admin, body)).is_success
    kinds = {kind for _, kind in await told(workshop, made, key)}
    assert kinds == {"orden.creada", "orden.estado_cambiado", "orden.cancelada"} <= ORDER_KINDS
