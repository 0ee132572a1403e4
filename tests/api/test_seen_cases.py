"""Cases that integrators ran into (issue 13 §3), each with the answer that is right."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.domain.states import OrderState
from axon_factory.orders.lists.fields import SUMMARY
from tests.support.conformance import other_times
from tests.support.copies import order_in
from tests.support.workshop import Json, Workshop, example_order

WRITTEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Refused(NamedTuple):
    """A request that was answered with 200, or with another reason; what it must say of whom."""

    method: str
    path: str
    details: dict[str, str]
    body: Json = None
    by: str = "admin"


OPTIONS = "Valor no válido. Opciones: "
NEAREST = "No existe este parámetro; ¿quisiste decir `{}`?"
NOT_SHOWN = "No puede tener caracteres de control ni de dirección del texto"
CLIENT = {"nombre": "Ana", "email": "ana@empresa.com"}
REFUSED = {
    "status for estado": Refused(
        "GET", "/api/orders?status=nuevo", {"status": NEAREST.format("estado")}
    ),
    "espera of no such value": Refused(
        "GET",
        "/api/orders?espera=aprobar",
        {"espera": OPTIONS + "persona, cliente, operador, presupuesto, maquina"},
    ),
    "plan_estado of no such value": Refused(
        "GET",
        "/api/orders?plan_estado=pendiente",
        {"plan_estado": OPTIONS + "generando, pendiente_aprobacion, aprobado, rechazado"},
    ),
    "necesita of no such value": Refused(
        "GET", "/api/orders?necesita=yo", {"necesita": OPTIONS + "persona, cliente, nadie"}
    ),
    "limit twice": Refused(
        "GET", "/api/orders?limit=1&limit=2", {"limit": "Este parámetro se envía una sola vez"}
    ),
    "a filter on one order": Refused(
        "GET", "/api/orders/ORD-2025-001?campos=id", {"campos": NEAREST.format("fields")}
    ),
    "dryrun, which placed an order": Refused(
        "POST", "/api/orders?dryrun=true", {"dryrun": NEAREST.format("dry_run")}, example_order()
    ),
    "an order that is cancelled with a reason in the address": Refused(
        "DELETE",
        "/api/orders/ORD-2025-001?motivo=error",
        {"motivo": "Esta operación no tiene parámetros de consulta"},
    ),
    "the parameter, not its part": Refused(
        "GET",
        "/api/orders?estado=zzz",
        {"estado": OPTIONS + ", ".join(OrderState)},
    ),
    "the causes of a stop, to a client": Refused(
        "GET",
        "/api/orders?espera=persona",
        {"espera": "Tu credencial no lee este campo, así que no puede filtrar por él"},
        by="owner",
    ),
    "characters, not elements": Refused(
        "POST",
        "/api/auth/login",
        {"password": "Admite como máximo 1024 caracteres"},
        {"email": "a@example.com", "password": "x" * 1025},
        by="none",
    ),
    "a separator of no such kind": Refused(
        "GET", "/api/orders?separador=%7C", {"separador": OPTIONS + ",, ;"}
    ),
    "an approval that says nothing": Refused(
        "POST",
        "/api/orders/{waiting}/approve",
        {
            "plan_version": "Falta la versión del plan que leíste: `plan_version` de "
            "GET /api/orders/{id}",
            "plan_hash": "Falta el hash del plan que leíste: `plan_hash` de GET /api/orders/{id}",
        },
    ),
    "an approval of no plan": Refused(
        "POST",
        "/api/orders/{waiting}/approve",
        {
            "plan_version": "Falta la versión del plan que leíste: `plan_version` de "
            "GET /api/orders/{id}",
            "plan_hash": "Falta el hash del plan que leíste: `plan_hash` de GET /api/orders/{id}",
        },
        {},
    ),
    "an approval of a hash that is none": Refused(
        "POST",
        "/api/orders/{waiting}/approve",
        {"plan_hash": "Debe ser el `plan_hash` de GET /api/orders/{id}: 64 cifras hexadecimales"},
        {"plan_version": 1, "plan_hash": "abc"},
    ),
    "a budget of nothing": Refused(
        "POST",
        "/api/orders/{waiting}/budget",
        {"presupuesto_usd": "Debe ser un importe en dólares mayor que cero, por ejemplo 12.50"},
        {"presupuesto_usd": "0"},
    ),
    "a cancellation without a body": Refused(
        "POST", "/api/orders/{waiting}/cancel", {"motivo": "Falta este campo"}
    ),
    "a product's name with a line": Refused(
        "POST",
        "/api/orders",
        {"nombre_producto": NOT_SHOWN},
        example_order(nombre_producto="Bot\r\nBcc: x"),
    ),
    "a product's name from right to left": Refused(
        "POST",
        "/api/orders",
        {"nombre_producto": NOT_SHOWN},
        example_order(nombre_producto="Bot \u202efdp.exe"),
    ),
    "a client's name that moves the cursor": Refused(
        "POST",
        "/api/orders",
        {"datos_cliente.nombre": NOT_SHOWN},
        example_order(datos_cliente={**CLIENT, "nombre": "Ana\x1b[2J"}),
    ),
    "a name that nobody sees": Refused(
        "POST",
        "/api/orders",
        {"nombre_producto": "No puede estar vacío"},
        example_order(nombre_producto="\u200b\u200b"),
    ),
    "an agent's name": Refused(
        "PATCH",
        "/api/orders/{waiting}",
        {"logs.0.agente": NOT_SHOWN},
        {"logs": [{"mensaje": "x", "agente": "Builder\u2066 Agent"}]},
    ),
    "a user's name": Refused(
        "POST",
        "/api/users",
        {"nombre": NOT_SHOWN},
        {"email": "nuevo@example.com", "nombre": "Ana\u202eziuR", "rol": "operator"},
    ),
    "a key's name": Refused(
        "POST", "/api/keys", {"nombre": NOT_SHOWN}, {"nombre": "crm\x07", "permiso": "lectura"}
    ),
}


@pytest.fixture(scope="module")
async def waiting(workshop: Workshop) -> UUID:
    """An order whose plan waits for approval."""
    return await order_in(workshop, OrderState.PLANIFICACION)


@pytest.mark.parametrize("name", REFUSED)
async def test_is_refused_by_name(workshop: Workshop, waiting: UUID, name: str) -> None:
    case = REFUSED[name]
    answer = await workshop.http.request(
        case.method,
        case.path.replace("{waiting}", str(waiting)),
        json=case.body,
        headers=workshop.headers[case.by],
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"] == "Validation error"
    assert answer.json()["details"] == case.details


@pytest.mark.parametrize(
    "name", ["Café 🧑‍🍳", "مقهى\u200f القمر", "Ñandú & Cía. «Óptica»", "fi\u00adn", "Ana\u00a0R."]
)
async def test_names_of_all_scripts_are_taken(workshop: Workshop, name: str) -> None:
    order = await workshop.place(nombre_producto=name, datos_cliente={**CLIENT, "nombre": name})
    assert (await workshop.show(order))["nombre_producto"] == name


async def test_lists_of_what_waits(workshop: Workshop, waiting: UUID) -> None:
    tag = f"visto-{uuid4().hex[:8]}"
    await workshop.patch(waiting, tags=[tag])
    failed = await workshop.placed_in(OrderState.FALLIDO, tags=[tag])
    new = await workshop.place(tags=[tag])
    building = await workshop.placed_in(OrderState.CONSTRUCCION, tags=[tag])
    done = await workshop.placed_in(OrderState.ENTREGADO, tags=[tag])
    for order, reason in ((building, "cliente"), (new, "presupuesto")):
        async with workshop.container.database.transaction("test") as session:
            await session.execute(
                text("UPDATE orders SET espera = :reason WHERE id = :id"),
                {"reason": reason, "id": order},
            )
    number = (await workshop.show(new))["order_number"]
    today = datetime.now(UTC).date()
    later = (datetime.now(UTC) + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    soon = (today + timedelta(days=2)).isoformat()
    found = {
        "plan_estado=pendiente_aprobacion": {waiting},
        "plan_estado=aprobado&plan_estado=pendiente_aprobacion": {waiting, building, done},
        "espera=cliente": {building},
        "espera=cliente,presupuesto": {building, new},
        "necesita=persona": {waiting, failed, new},
        "necesita=cliente": {building},
        "necesita=nadie": {done},
        f"order_number={number}": {new},
        f"order_number={number}&estado=qa": set[UUID](),
        "entregado_desde=2020-01-01": {done},
        f"entregado_desde={soon}": set[UUID](),
        "entregado_hasta=2020-01-01T00:00:00Z": set[UUID](),
        f"actualizado_desde=2020-01-01&actualizado_hasta={soon}": {
            waiting,
            failed,
            new,
            building,
            done,
        },
        f"actualizado_hasta={(today - timedelta(days=2)).isoformat()}": set[UUID](),
        f"actualizado_desde={soon}": set[UUID](),
        f"creado_hasta={later}&necesita=cliente": {building},
    }
    for query, orders in found.items():
        answer = await workshop.http.get(
            f"/api/orders?tag={tag}&{query}", headers=workshop.headers["admin"]
        )
        page = answer.json()
        assert {UUID(order["id"]) for order in page["orders"]} == orders, query
        assert page["total"] == len(orders), query
    owned = await workshop.http.get(
        f"/api/orders?tag={tag}&necesita=cliente", headers=workshop.headers["owner"]
    )
    assert owned.json()["total"] == 1
    counted = await workshop.http.post(
        "/api/orders/bulk",
        json={
            "accion": "retry",
            "preview": True,
            "filtro": {"tag": [tag], "necesita": ["persona"], "plan_estado": ["generando"]},
        },
        headers=workshop.headers["admin"],
    )
    assert counted.json()["total"] == 0


async def test_some_fields_of_one_order(workshop: Workshop, waiting: UUID) -> None:
    async def get(query: str, by: str = "admin") -> httpx2.Response:
        return await workshop.http.get(
            f"/api/orders/{waiting}?{query}", headers=workshop.headers[by]
        )

    whole = await workshop.show(waiting)
    some = await get("fields=plan_hash,plan_version&fields=logs")
    assert some.json() == {name: whole[name] for name in ("plan_hash", "plan_version", "logs")}
    assert list(some.json()) == ["plan_hash", "plan_version", "logs"]
    assert some.headers["etag"] == f'"{whole["version"]}"'
    for query, by in (("fields=nada", "admin"), ("fields=notas_internas", "owner")):
        refused = await get(query, by)
        assert refused.status_code == 400
        assert refused.json()["details"]["fields"].startswith("Campo no válido. Opciones: id, ")


@pytest.mark.parametrize(
    ("query", "accept", "marked", "separator"),
    [
        ("", "text/csv", False, ","),
        ("&bom=1", "text/csv", True, ","),
        ("&bom=true&separador=;", "text/csv", True, ";"),
        ("&separador=%3B", "text/csv", False, ";"),
        ("", "text/csv; header=present; charset=utf-8-sig", True, ","),
        ("", 'text/csv;charset="UTF-8-SIG"', True, ","),
        ("", "text/csv; charset=utf-8", False, ","),
    ],
)
async def test_csv_for_excel(
    workshop: Workshop, query: str, accept: str, marked: bool, separator: str
) -> None:
    tag = f"csv-{uuid4().hex[:8]}"
    await workshop.place(tags=[tag], nombre_producto="Café; té, ñandú")
    answer = await workshop.http.get(
        f"/api/orders?tag={tag}{query}", headers={**workshop.headers["admin"], "Accept": accept}
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.content.startswith(b"\xef\xbb\xbf") == marked
    plain = answer.content.decode("utf-8-sig" if marked else "utf-8")
    head, row = csv.reader(io.StringIO(plain, newline=""), delimiter=separator)
    assert head == list(SUMMARY)
    assert row[head.index("nombre_producto")] == "Café; té, ñandú"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2025-11-14T10:00:00", "2025-11-14T10:00:00Z"),
        ("2025-11-14T10:00:00.123456", "2025-11-14T10:00:00Z"),
        ("2025-11-14T10:00:00-06:00", "2025-11-14T16:00:00Z"),
    ],
)
async def test_a_time_without_zone_is_utc(workshop: Workshop, sent: str, kept: str) -> None:
    order = await order_in(workshop, OrderState.CONSTRUCCION)
    entry = {"mensaje": f"Paso {sent}", "timestamp": sent, "agente": "Builder Agent"}
    await workshop.patch(order, logs=[entry], planificado_at=sent)
    await workshop.patch(order, logs=[entry])
    logs = (await workshop.show(order))["logs"]
    assert [log["timestamp"] for log in logs if log["mensaje"] == entry["mensaje"]] == [kept]


async def test_times_are_written_in_one_way(workshop: Workshop, document: Json) -> None:
    """In every answer, event and export about orders of all kinds, and about those who write."""
    failed = await order_in(workshop, OrderState.FALLIDO)
    delivered = await order_in(workshop, OrderState.ENTREGADO)
    building = await order_in(workshop, OrderState.CONSTRUCCION)
    agent = await workshop.attempt_token(building)
    await workshop.http.patch(f"/api/orders/{building}", json={"progreso": 7}, headers=agent)
    asked = 0
    for path in document["paths"]:
        if not path.startswith("/api/") or path.endswith("/stream"):
            continue
        for order in (failed, delivered, building):
            answer = await workshop.http.get(
                path.replace("{id}", str(order)).replace("{version}", "1"),
                headers=workshop.headers["admin"],
            )
            if answer.status_code == 200:
                asked += 1
                assert list(other_times(answer.json())) == [], path
    assert asked > 30
    shown = await workshop.show(failed)
    assert WRITTEN.fullmatch(shown["fallo"]["at"])
    exported = await workshop.http.get(
        "/api/orders?fields=id,created_at,updated_at,fallido_at,entregado_at,listo_at",
        headers={**workshop.headers["admin"], "Accept": "text/csv"},
    )
    for row in csv.reader(io.StringIO(exported.text)):
        assert all(WRITTEN.fullmatch(cell) for cell in row[1:] if cell[:1].isdigit()), row
    async with workshop.http.stream(
        "GET", f"/api/orders/{delivered}/stream", headers=workshop.headers["admin"]
    ) as stream:
        told = (await stream.aread()).decode()
    assert all(WRITTEN.fullmatch(value) for value in re.findall(r'"(\d{4}-\d\d-\d\dT[^"]+)"', told))
