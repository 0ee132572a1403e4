"""Every JSON example of design sections 3 and 4.2 is a request to the real API, or its answer.

An example's ids, numbers and times are the design's, so those of the order under test stand in for
them; everything else must be equal unless a case says that the value is the factory's to choose.
"""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from axon_factory.domain.events import EventKind, LogLevel, NewEvent
from axon_factory.domain.names import line_actor
from axon_factory.domain.states import OrderState
from axon_factory.orders.credentials import open_credentials
from axon_factory.orders.events import append_event
from axon_factory.orders.read import lock_order_by_id
from tests.support.workshop import Workshop

Json = Any
EXAMPLES = Path(__file__).parent / "examples"
EXAMPLE_ID = "550e8400-e29b-41d4-a716-446655440000"
EXAMPLE_NUMBER = "ORD-2025-001"
UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NUMBER = re.compile(r"ORD-\d{4}-\d{3,}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
URL = re.compile(r"https?://\S+")
FORMATS = (UUID_TEXT, NUMBER, TIME, URL)


def example(name: str) -> Json:
    return json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Played:
    """An answer, and the order that it is about."""

    answer: httpx2.Response
    order_id: UUID | None = None
    number: str = EXAMPLE_NUMBER


@dataclass(frozen=True)
class Case:
    """How an example comes about; `chosen` are the paths whose values the factory chooses."""

    play: Callable[[Workshop], Awaitable[Played]]
    status: int
    headers: dict[str, str] = field(default_factory=dict[str, str])
    chosen: frozenset[str] = frozenset()


async def _get(workshop: Workshop, order_id: UUID, suffix: str = "", by: str = "admin") -> Played:
    answer = await workshop.http.get(
        f"/api/orders/{order_id}{suffix}", headers=workshop.headers[by]
    )
    return Played(answer, order_id, (await workshop.order(order_id)).order_number)


async def create(workshop: Workshop) -> Played:
    answer = await workshop.http.post(
        "/api/orders",
        json=example("3.1-create.request"),
        headers=workshop.headers["key_escritura"],
    )
    document = answer.json()
    assert answer.headers["Location"] == f"/api/orders/{document['id']}"
    return Played(answer, UUID(document["id"]), document["order_number"])


async def create_unknown_product(workshop: Workshop) -> Played:
    request = example("3.1-create.request") | {"tipo_producto": "autopilot_marte"}
    return Played(
        await workshop.http.post("/api/orders", json=request, headers=workshop.headers["admin"])
    )


async def create_anonymously(workshop: Workshop) -> Played:
    return Played(
        await workshop.http.post("/api/orders", json=example("3.1-create.request"), headers={})
    )


async def _in_construction(workshop: Workshop) -> UUID:
    """The order of §3.2: half built, with what its agents have reported."""
    shown = example("3.2-show.200")
    order_id = await workshop.placed_in(
        OrderState.CONSTRUCCION,
        **{key: shown[key] for key in ("nombre_producto", "datos_cliente", "tags")},
    )
    await workshop.patch(
        order_id, by="permanent", **{key: shown[key] for key in ("progreso", "asignado_a")}
    )
    async with workshop.container.database.transaction("test") as session:
        order = await lock_order_by_id(session, order_id)
        for entry in shown["logs"]:  # some are the line's own, and no token speaks in its name
            told = NewEvent(
                EventKind.REGISTRO,
                entry["agente"],
                entry["mensaje"],
                LogLevel(entry["tipo"]),
                occurred_at=datetime.fromisoformat(entry["timestamp"]),
            )
            await append_event(
                session, order, told, actor=line_actor(entry["agente"]), now=order.updated_at
            )
    return order_id


async def show(workshop: Workshop) -> Played:
    return await _get(workshop, await _in_construction(workshop), by="owner")


async def show_missing(workshop: Workshop) -> Played:
    answer = await workshop.http.get(
        f"/api/orders/{EXAMPLE_ID}", headers=workshop.headers["key_lectura"]
    )
    return Played(answer, UUID(EXAMPLE_ID))


async def result(workshop: Workshop) -> Played:
    order_id = await workshop.placed_in(
        OrderState.LISTO, nombre_producto="WhatsApp Bot Ventas - Empresa XYZ"
    )
    return await _get(workshop, order_id, "/result", by="owner")


async def result_too_early(workshop: Workshop) -> Played:
    return await _get(workshop, await _in_construction(workshop), "/result", by="owner")


async def result_missing(workshop: Workshop) -> Played:
    answer = await workshop.http.get(
        f"/api/orders/{EXAMPLE_ID}/result", headers=workshop.headers["admin"]
    )
    return Played(answer)


async def listing(workshop: Workshop) -> Played:
    shown = example("3.4-list.200")["orders"]
    order_id: UUID | None = None
    for entry in shown[::-1]:  # newest first is what the example asks for
        order_id = await workshop.placed_in(
            OrderState.CONSTRUCCION,
            **{key: entry[key] for key in ("tipo_producto", "nombre_producto", "prioridad")},
        )
        await workshop.patch(order_id, progreso=entry["progreso"], asignado_a=entry["asignado_a"])
    assert order_id is not None
    answer = await workshop.http.get(
        "/api/orders?estado=construccion&limit=20&offset=0&sort_by=created_at&sort_order=desc",
        headers=workshop.headers["operator"],
    )
    document = answer.json()
    assert document["count"] == len(document["orders"]) <= document["total"]
    return Played(answer, order_id, (await workshop.order(order_id)).order_number)


async def update(workshop: Workshop) -> Played:
    # An agent may say so once every milestone has its commit, and the progress is 95 by then.
    order_id = await _in_construction(workshop)
    answer = await workshop.attempt_patch(order_id, by="admin", **example("3.5-update.request"))
    return Played(answer, order_id, (await workshop.order(order_id)).order_number)


async def update_as_client(workshop: Workshop) -> Played:
    order_id = await workshop.place()
    return Played(
        await workshop.attempt_patch(order_id, by="owner", **example("3.5-update.request"))
    )


async def _delete(workshop: Workshop, order_id: UUID) -> Played:
    number = (await workshop.order(order_id)).order_number
    answer = await workshop.http.delete(
        f"/api/orders/{order_id}", headers=workshop.headers["admin"]
    )
    return Played(answer, order_id, number)


async def cancel(workshop: Workshop) -> Played:
    return await _delete(workshop, await workshop.place())


async def cancel_too_late(workshop: Workshop) -> Played:
    return await _delete(workshop, await workshop.placed_in(OrderState.CONSTRUCCION))


async def products(workshop: Workshop) -> Played:
    return Played(await workshop.http.get("/api/products/types"))


CHALLENGE = {"WWW-Authenticate": 'Bearer realm="axon-factory"'}
CREDENTIALS = ("admin_email", "admin_password_temporal", "api_key", "webhook_secret")
CASES = {
    "3.1-create.201": Case(create, 201),
    "3.1-create.400": Case(create_unknown_product, 400),
    "3.1-create.401": Case(create_anonymously, 401, headers=CHALLENGE),
    "3.2-show.200": Case(show, 200),
    "3.2-show.404": Case(show_missing, 404),
    "3.3-result.200": Case(
        result,
        200,
        chosen=frozenset(
            {
                "resultado.portal_url",  # resolutions: the portal is the factory's own page
                "entregado_at",  # the example is `listo`: not handed over yet
                *(f"resultado.credentials.{name}" for name in CREDENTIALS),  # masked
            }
        ),
    ),
    "3.3-result.400": Case(result_too_early, 400),
    "3.3-result.404": Case(result_missing, 404),
    "3.4-list.200": Case(
        listing, 200, chosen=frozenset({"total", "count", "orders.1.id", "orders.1.order_number"})
    ),
    "3.5-update.200": Case(update, 200),
    "3.5-update.403": Case(update_as_client, 403),
    "3.6-cancel.200": Case(cancel, 200),
    "3.6-cancel.400": Case(cancel_too_late, 400),
    "4.2-products.200": Case(products, 200),
}


def of_order(document: Json, played: Played) -> Json:
    """Return the example with the order's own id and number in place of the design's."""
    text = json.dumps(document, ensure_ascii=False).replace(EXAMPLE_NUMBER, played.number)
    return json.loads(text.replace(EXAMPLE_ID, str(played.order_id or EXAMPLE_ID)))


def differences(expected: Json, actual: Json, chosen: frozenset[str], path: str = "") -> list[str]:
    """Return where `actual` lacks what the example documents; more keys are welcome."""
    if path == "logs":
        return [f"logs: {entry}" for entry in expected if not _logged(entry, actual)]
    if _are(dict, expected, actual):
        missing = [f"{path}.{key} is missing" for key in expected if key not in actual]
        shared = [(key, value, actual[key]) for key, value in expected.items() if key in actual]
    elif _are(list, expected, actual):
        complete = len(actual) == len(expected) or path == "orders"
        missing = [] if complete else [f"{path}: {actual!r}"]
        pairs = enumerate(zip(expected, actual, strict=False))
        shared = [(str(index), one, other) for index, (one, other) in pairs]
    elif type(expected) is not type(actual) and path != "entregado_at":
        return [f"{path}: {actual!r} is no {type(expected).__name__}"]
    else:
        return [] if _fits(expected, actual, chosen=path in chosen) else [f"{path}: {actual!r}"]
    return missing + [
        difference
        for key, one, other in shared
        for difference in differences(one, other, chosen, f"{path}.{key}".lstrip("."))
    ]


def _are(kind: type, *values: Json) -> bool:
    return all(isinstance(value, kind) for value in values)


def _logged(entry: dict[str, Any], logs: list[dict[str, Any]]) -> bool:
    return any(entry.items() <= log.items() for log in logs)


def _fits(expected: Json, actual: Json, *, chosen: bool) -> bool:
    if isinstance(expected, str) and TIME.fullmatch(expected):
        return actual is None if chosen else bool(TIME.fullmatch(actual))
    if not chosen:
        return bool(expected == actual)
    known = [form for form in FORMATS if isinstance(expected, str) and form.fullmatch(expected)]
    return all(form.fullmatch(actual) for form in known)


@pytest.mark.parametrize("name", sorted(CASES))
async def test_example_is_what_the_api_answers(workshop: Workshop, name: str) -> None:
    case = CASES[name]
    played = await case.play(workshop)
    assert played.answer.status_code == case.status, played.answer.text
    expected = of_order(example(name), played)
    assert differences(expected, played.answer.json(), case.chosen) == []
    assert played.answer.headers["Content-Type"] == "application/json"
    for header, value in case.headers.items():
        assert played.answer.headers[header] == value
    if name != "4.2-products.200":
        assert played.answer.headers["Cache-Control"] == "no-store"


def test_every_example_is_played() -> None:
    answers = {path.stem for path in EXAMPLES.glob("3.*.json")} | {"4.2-products.200"}
    assert answers - {"3.1-create.request", "3.5-update.request"} == set(CASES)


async def test_public_catalogue_is_exactly_the_example(workshop: Workshop) -> None:
    answer = await workshop.http.get("/api/products/types")
    assert answer.json() == example("4.2-products.200")


async def test_product_type_shows_all_of_the_catalogue(workshop: Workshop) -> None:
    for identifier, product in example("4.1-catalogue").items():
        answer = await workshop.http.get(f"/api/products/types/{identifier}")
        assert answer.status_code == 200
        document = answer.json()
        assert {"version", "configuracion_schema"} <= set(document)
        assert {key: document[key] for key in ("id", *product)} == {"id": identifier, **product}


async def test_credentials_of_a_result_are_masked(workshop: Workshop) -> None:
    played = await result(workshop)
    async with workshop.container.database.reading() as session:
        order = await workshop.order(UUID(played.answer.json()["order_id"]))
        secrets = await open_credentials(session, order, workshop.container.secret_box)
    masked = played.answer.json()["resultado"]["credentials"]
    assert set(masked) == set(CREDENTIALS) == set(secrets)
    assert masked["admin_email"] == "contacto@empresa.com"
    for name in set(CREDENTIALS) - {"admin_email"}:
        assert secrets[name] not in played.answer.text
