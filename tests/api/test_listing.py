"""GET /api/orders over HTTP: parameters, pages and their links, fields, CSV (design §3.4)."""

import csv
import io
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from axon_factory.domain.permissions import Grant
from axon_factory.orders.answers.order import READERS
from axon_factory.orders.lists.fields import SUMMARY
from tests.support.workshop import OWNER_ID, Workshop


@pytest.fixture
def tag() -> str:
    """Makes the orders of a test a list of their own."""
    return f"lista-{uuid4().hex[:12]}"


async def get(workshop: Workshop, query: str, by: str = "admin", **headers: str) -> httpx2.Response:
    return await workshop.http.get(
        f"/api/orders?{query}", headers={**workshop.headers[by], **headers}
    )


async def listed(workshop: Workshop, query: str, by: str = "admin") -> dict[str, Any]:
    answer = await get(workshop, query, by)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def placed(workshop: Workshop, tag: str, *changes: dict[str, Any]) -> list[str]:
    return [str(await workshop.place(tags=[tag], **change)) for change in changes]


def ids(page: dict[str, Any]) -> list[str]:
    return [order["id"] for order in page["orders"]]


async def test_the_documented_keys_come_first(workshop: Workshop, tag: str) -> None:
    await placed(workshop, tag, {})
    page = await listed(workshop, f"tag={tag}")
    assert list(page) == ["total", "limit", "offset", "count", "orders", "next", "prev"]
    assert list(page["orders"][0]) == list(SUMMARY)
    assert page == page | {"total": 1, "limit": 50, "offset": 0, "count": 1, "next": None}


async def test_several_values_come_repeated_or_with_commas(workshop: Workshop, tag: str) -> None:
    low, high, urgent = await placed(
        workshop, tag, {"prioridad": "baja"}, {"prioridad": "alta"}, {"prioridad": "urgente"}
    )
    for values in ("prioridad=urgente&prioridad=baja", "prioridad=urgente,baja"):
        page = await listed(workshop, f"tag={tag}&{values}&sort_by=prioridad")
        assert ids(page) == [urgent, low]
    page = await listed(workshop, f"tag={tag}&sort_by=prioridad&sort_order=asc&estado=nuevo,qa")
    assert ids(page) == [low, high, urgent]


async def test_all_tags_must_be_there(workshop: Workshop, tag: str) -> None:
    both = str(await workshop.place(tags=[tag, "otra"]))
    await placed(workshop, tag, {})
    assert ids(await listed(workshop, f"tag={tag}&tag=otra")) == [both]


async def test_words_are_found_by_their_beginning_without_accents(
    workshop: Workshop, tag: str
) -> None:
    client = {"nombre": "Óscar Ibáñez", "email": "oi@panaderia.example"}
    (order,) = await placed(
        workshop, tag, {"nombre_producto": "Peluquería Ñandú", "datos_cliente": client}
    )
    number = (await workshop.show(UUID(order)))["order_number"]
    for words in ("nandu peluq", "PELUQUERÍA", "ibanez oscar", "@panaderia", number, number[4:]):
        page = await workshop.http.get(
            "/api/orders", params={"tag": tag, "q": words}, headers=workshop.headers["admin"]
        )
        assert page.json()["total"] == 1, words
    assert (await listed(workshop, f"tag={tag}&q=luqueria"))["total"] == 0


async def test_a_date_is_a_day_of_the_factory(workshop: Workshop, tag: str) -> None:
    (order,) = await placed(workshop, tag, {})
    created = (await workshop.order(UUID(order))).created_at
    zone = workshop.container.policy.zone
    day = created.astimezone(zone).date().isoformat()
    instant = created.isoformat().replace("+00:00", "Z")
    found = {
        f"creado_desde={day}&creado_hasta={day}": 1,
        f"creado_desde={instant}": 1,
        f"creado_hasta={instant}": 0,
        "creado_hasta=2020-01-01": 0,
        "creado_desde=9990-01-01": 0,
    }
    for query, total in found.items():
        assert (await listed(workshop, f"tag={tag}&{query}"))["total"] == total, query


async def test_pages_link_to_one_another(workshop: Workshop, tag: str) -> None:
    orders = await placed(workshop, tag, *({} for _ in range(5)))
    query = f"tag={tag}&sort_order=asc&limit=2"
    first = await get(workshop, query)
    assert set(first.links) == {"first", "next"}
    second = await workshop.http.get(first.links["next"]["url"], headers=workshop.headers["admin"])
    assert ids(second.json()) == orders[2:4]
    assert second.json()["total"] == 5
    assert second.json()["next"] in second.links["next"]["url"]
    back = await workshop.http.get(second.links["prev"]["url"], headers=workshop.headers["admin"])
    assert ids(back.json()) == orders[:2]
    assert back.json()["prev"] is None
    start = await workshop.http.get(second.links["first"]["url"], headers=workshop.headers["admin"])
    assert start.content == first.content
    last = await listed(workshop, f"{query}&cursor={second.json()['next']}")
    assert ids(last) == orders[4:]
    assert last["next"] is None
    assert ids(await listed(workshop, f"{query}&offset=3")) == orders[3:]


async def test_a_cursor_that_was_tampered_with_is_refused(workshop: Workshop, tag: str) -> None:
    await placed(workshop, tag, {}, {})
    query = f"tag={tag}&limit=1"
    cursor = (await listed(workshop, query))["next"]
    wrong = [
        *(cursor[:i] + ("A" if cursor[i] != "A" else "B") + cursor[i + 1 :] for i in range(8)),
        cursor[:-3],
        cursor + "AAAA",
        "x",
        "",
        "%00",
        "ñ",
        "A" * 200,
        "A" * 201,
    ]
    for each in wrong:
        answer = await get(workshop, f"{query}&cursor={each}")
        assert answer.status_code == 400, (each, answer.text)
        assert list(answer.json()["details"]) == ["cursor"]
    answer = await get(workshop, f"{query}&cursor={cursor}&offset=1")
    assert list(answer.json()["details"]) == ["cursor"]


@pytest.mark.parametrize(
    ("by", "grant"),
    [("admin", Grant.ADMIN), ("owner", Grant.CLIENT_OWN), ("key_lectura", Grant.KEY_READ)],
)
async def test_fields_are_those_that_the_caller_reads(
    workshop: Workshop, tag: str, by: str, grant: Grant
) -> None:
    await placed(workshop, tag, {"notas_internas": "secreta"})
    refusal = (await get(workshop, "fields=nada", by)).json()["details"]["fields"]
    options = refusal.partition("Opciones: ")[2].split(", ")
    assert set(options) <= {name for name, grants in READERS.items() if grant in grants}
    assert ("notas_internas" in options) == (grant is not Grant.CLIENT_OWN)
    for name in READERS:
        answer = await get(workshop, f"tag={tag}&fields=id,{name}", by)
        assert answer.status_code == (200 if name in options else 400), name
        assert answer.status_code == 400 or list(answer.json()["orders"][0]) == list(
            dict.fromkeys(["id", name])
        )


async def test_a_client_finds_nothing_of_others(workshop: Workshop, tag: str) -> None:
    mine, _ = await placed(workshop, tag, {}, {"cliente_id": "cliente-ajeno"})
    assert ids(await listed(workshop, f"tag={tag}", "owner")) == [mine]
    assert ids(await listed(workshop, f"tag={tag}&cliente_id={OWNER_ID}", "owner")) == [mine]
    assert (await listed(workshop, f"tag={tag}&cliente_id=cliente-ajeno", "owner"))["total"] == 0
    assert (await listed(workshop, f"tag={tag}&cliente_id=cliente-ajeno"))["total"] == 1


async def test_an_unchanged_list_is_not_sent_again(workshop: Workshop, tag: str) -> None:
    (order,) = await placed(workshop, tag, {})
    first = await get(workshop, f"tag={tag}")
    again = await get(workshop, f"tag={tag}", **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await workshop.patch(UUID(order), prioridad="alta")
    changed = await get(workshop, f"tag={tag}", **{"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200


WRONG = [
    ("estado=zzz", "estado"),
    ("estado=nuevo,", "estado"),
    ("tipo_producto=zzz", "tipo_producto"),
    ("prioridad=zzz", "prioridad"),
    ("tag=%00", "tag"),
    ("tag=", "tag"),
    ("&".join(["tag=x"] * 90), "tag"),
    (f"estado={','.join(['qa'] * 2000)}", "estado"),
    (f"cliente_id={'x' * 101}", "cliente_id"),
    ("asignado_a=%00", "asignado_a"),
    ("q=%00", "q"),
    ("q=", "q"),
    ("q=%3F!", "q"),
    (f"q={'x' * 201}", "q"),
    ("creado_desde=ayer", "creado_desde"),
    ("creado_desde=2025-11-14T10:00:00", "creado_desde"),
    ("creado_hasta=0001-01-01T00:00:00Z", "creado_hasta"),
    ("creado_hasta=99999-01-01", "creado_hasta"),
    ("creado_hasta=1e999", "creado_hasta"),
    ("fields=id,password_hash", "fields"),
    ("fields=id;drop", "fields"),
    ("sort_by=estado", "sort_by"),
    ("limit=201", "limit"),
    ("offset=9223372036854775808", "offset"),
]


@pytest.mark.parametrize(("query", "field"), WRONG, ids=[query[:30] for query, _ in WRONG])
async def test_what_is_wrong_is_named(workshop: Workshop, query: str, field: str) -> None:
    answer = await get(workshop, query)
    assert answer.status_code == 400, answer.text
    assert list(answer.json()["details"]) == [field]


async def exported(
    workshop: Workshop, query: str, by: str = "admin"
) -> tuple[httpx2.Response, Sequence[dict[str, str]]]:
    answer = await get(workshop, query, by, Accept="text/csv")
    assert answer.status_code == 200, answer.text
    return answer, list(csv.DictReader(io.StringIO(answer.text, newline="")))


async def test_the_whole_list_as_csv(workshop: Workshop, tag: str) -> None:
    orders = await placed(workshop, tag, *({"nombre_producto": f'Café "{n}", ñ'} for n in range(3)))
    answer, rows = await exported(workshop, f"tag={tag}&limit=1&sort_order=asc")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"].startswith('attachment; filename="ordenes-')
    assert "\r\n" in answer.text
    assert [row["id"] for row in rows] == orders
    assert list(rows[0]) == list(SUMMARY)
    assert [row["nombre_producto"] for row in rows] == [f'Café "{n}", ñ' for n in range(3)]
    page = await listed(workshop, f"tag={tag}&sort_order=asc")
    assert [row["created_at"] for row in rows] == [each["created_at"] for each in page["orders"]]


async def test_csv_has_the_fields_asked_for_and_only_what_may_be_read(
    workshop: Workshop, tag: str
) -> None:
    await placed(workshop, tag, {}, {"cliente_id": "cliente-ajeno"})
    _, rows = await exported(workshop, f"tag={tag}&fields=tags,precio,datos_cliente", "owner")
    assert len(rows) == 1
    assert list(rows[0]) == ["tags", "precio", "datos_cliente"]
    assert rows[0]["tags"] == f'["{tag}"]'
    answer = await get(workshop, "fields=notas_internas", "owner", Accept="text/csv")
    assert answer.status_code == 400
    _, rows = await exported(workshop, f"tag={tag}&q=nada")
    assert rows == []


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\uff1d", "=cmd|' /C calc'!A0"])
async def test_no_cell_of_csv_is_a_formula(workshop: Workshop, tag: str, start: str) -> None:
    await placed(workshop, tag, {"nombre_producto": f"{start}1+1"})
    _, rows = await exported(workshop, f"tag={tag}&fields=nombre_producto")
    assert rows == [{"nombre_producto": f"'{start}1+1"}]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/csv", "text/csv"),
        ("text/*", "text/csv"),
        ("application/json, text/csv;q=0.9", "application/json"),
        ("application/json;q=0.8, text/csv;q=0.9", "text/csv"),
        ("text/csv;q=0", "application/json"),
        ("text/csv;q=muchas", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "application/json"),
        ("text/csv, */*;q=0.1", "text/csv"),
    ],
)
async def test_the_answer_is_what_is_accepted(
    workshop: Workshop, tag: str, accept: str, media_type: str
) -> None:
    answer = await get(workshop, f"tag={tag}", Accept=accept)
    assert answer.headers["content-type"].partition(";")[0] == media_type
    assert "accept" in answer.headers["vary"].lower()
