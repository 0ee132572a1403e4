"""What the API records, and who may read it."""

from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from axon_factory.db.audit import AuditQuery, list_audit
from axon_factory.domain.audit import ACCESS_CHAIN, AuditRecord
from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.workshop import PASSWORD, Workshop, example_order

LISTED = "/api/audit"


async def recorded(workshop: Workshop, order_id: UUID | str) -> list[AuditRecord]:
    async with workshop.container.database.reading() as session:
        return list(await list_audit(session, AuditQuery(chain=str(order_id), after=0)))


async def newest(workshop: Workshop) -> AuditRecord:
    """The last entry of the chain of access."""
    async with workshop.container.database.reading() as session:
        return (await list_audit(session, AuditQuery(chain=ACCESS_CHAIN, limit=1)))[0]


async def listed(workshop: Workshop, **parameters: Any) -> Any:  # noqa: ANN401 — a JSON document
    answer = await workshop.http.get(LISTED, params=parameters, headers=workshop.headers["admin"])
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_each_write_of_an_order_is_recorded_once(workshop: Workshop) -> None:
    admin = workshop.headers["admin"]
    first = {**admin, "Idempotency-Key": f"key-{uuid4()}"}
    created = await workshop.http.post("/api/orders", json=example_order(), headers=first)
    again = await workshop.http.post("/api/orders", json=example_order(), headers=first)
    order_id = created.json()["id"]
    assert again.json()["id"] == order_id
    await workshop.patch(UUID(order_id), prioridad="alta")
    refused = await workshop.http.post(f"/api/orders/{order_id}/retry", headers=admin)
    assert refused.status_code == 409
    gone = await workshop.http.request("DELETE", f"/api/orders/{order_id}", headers=admin)
    assert gone.status_code == 200

    records = await recorded(workshop, order_id)
    assert [record.action for record in records] == [
        "orders:create",
        "orders:update",
        "orders:delete",
    ]
    create = records[0]
    assert create.actor.startswith("user:")
    assert (create.actor_name, create.actor_grant) == ("admin", "admin")
    assert (create.outcome, create.subject) == ("ok", order_id)
    assert create.address == "127.0.0.1"
    assert create.request_id == created.headers["x-request-id"]
    assert create.details["unidad"] == "create"
    assert len(create.details["clave_idempotencia_sha256"]) == 64
    assert first["Idempotency-Key"] not in repr(create)


async def test_decisions_and_a_reveal_are_recorded(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.ENTREGADO)
    shown = await workshop.http.post(
        f"/api/orders/{order_id}/credentials/reveal", headers=workshop.headers["owner"]
    )
    assert shown.status_code == 200
    record = (await recorded(workshop, order_id))[-1]
    assert (record.action, record.actor_grant) == ("orders:reveal_credentials", "client:own")
    values = shown.json()["credentials"].values()
    assert not any(value in repr(record.details) for value in values)


@pytest.mark.parametrize("caller", ["owner", "key_lectura", "permanent"])
async def test_a_refusal_is_recorded_on_the_chain_of_access(
    workshop: Workshop, caller: str
) -> None:
    order_id = str(uuid4())
    answer = await workshop.http.post(
        f"/api/orders/{order_id}/retry", headers=workshop.headers[caller]
    )
    assert answer.status_code == 403
    record = await newest(workshop)
    assert (record.action, record.outcome) == ("orders:retry", "denied")
    assert record.subject == order_id
    assert record.details["codigo"] == "prohibido"
    assert not await recorded(workshop, order_id)


async def test_a_field_that_may_not_be_written_is_recorded(workshop: Workshop) -> None:
    order_id = await workshop.place()
    answer = await workshop.attempt_patch(order_id, "permanent", notas_internas="x")
    if answer.status_code == 403:
        record = await newest(workshop)
        assert (record.outcome, record.subject) == ("denied", str(order_id))
    assert len(await recorded(workshop, order_id)) == 1


@pytest.mark.parametrize(
    "caller", ["operator", "owner", "key_lectura", "key_escritura", "key_admin", "permanent"]
)
async def test_only_administrators_read_it(workshop: Workshop, caller: str) -> None:
    answer = await workshop.http.get(LISTED, headers=workshop.headers[caller])
    assert answer.status_code == 403


async def test_pages_follow_one_another_both_ways(workshop: Workshop) -> None:
    order_id = await workshop.place()
    for priority in ("alta", "baja", "normal", "urgente"):
        await workshop.patch(order_id, prioridad=priority)
    for parameters in ({}, {"after": 0}):
        page = await listed(workshop, cadena=str(order_id), limit=2, **parameters)
        numbers = [entry["secuencia"] for entry in page["entries"]]
        while page["next"]:
            answer = await workshop.http.get(page["next"], headers=workshop.headers["admin"])
            page = answer.json()
            numbers += [entry["secuencia"] for entry in page["entries"]]
        assert numbers == (list(range(1, 6)) if parameters else list(range(5, 0, -1)))


async def test_filters_and_validators(workshop: Workshop) -> None:
    order_id = await workshop.place()
    (entry,) = (await listed(workshop, cadena=str(order_id)))["entries"]
    moment, actor = entry["fecha"], entry["actor"]
    chain = {"cadena": str(order_id)}
    for filters, count in (
        ({"actor": actor}, 1),
        ({"actor": "user:nobody"}, 0),
        ({"accion": "orders:create"}, 1),
        ({"accion": "orders:delete"}, 0),
        ({"resultado": "ok"}, 1),
        ({"resultado": "denied"}, 0),
        ({"desde": moment}, 1),
        ({"hasta": moment}, 0),
        ({"before": entry["posicion"]}, 0),
    ):
        assert (await listed(workshop, **chain, **filters))["count"] == count, filters
    admin = workshop.headers["admin"]
    answer = await workshop.http.get(LISTED, params=chain, headers=admin)
    kept = {**admin, "If-None-Match": answer.headers["etag"]}
    assert (await workshop.http.get(LISTED, params=chain, headers=kept)).status_code == 304


@pytest.mark.parametrize(
    "query",
    [
        "cadena=%00",
        "actor=%00",
        "accion=a%00",
        "resultado=quizas",
        "desde=ayer",
        "desde=2026-01-01T00:00:00",
        "after=-1",
        "after=9223372036854775808",
        "limit=0",
        "limit=201",
    ],
)
async def test_nonsense_is_refused(workshop: Workshop, query: str) -> None:
    answer = await workshop.http.get(f"{LISTED}?{query}", headers=workshop.headers["admin"])
    assert answer.status_code == 400, answer.text
    assert answer.json()["codigo"] == "validacion"


async def test_logins_are_recorded_and_no_password(workshop: Workshop) -> None:
    mail = f"{uuid4().hex}@example.com"
    tries = (
        ({"email": "admin@example.com", "password": PASSWORD}, "ok"),
        ({"email": "admin@example.com", "password": "otra cosa larga"}, "failed"),
        ({"email": mail, "password": "otra cosa larga"}, "failed"),
    )
    found: list[AuditRecord] = []
    for login, outcome in tries:
        await workshop.http.post("/api/auth/login", json=login)
        found.append(await newest(workshop))
        assert (found[-1].action, found[-1].outcome) == ("access:login", outcome)
        assert found[-1].address == "127.0.0.1"
    assert found[0].subject == found[0].actor
    assert found[0].actor.startswith("user:")
    known, unknown = found[1:]
    assert (known.actor, known.subject) == (unknown.actor, unknown.subject)
    assert unknown.details == {"correo_sha256": sha256(mail.encode()).hexdigest()}
    trail = str(await listed(workshop, limit=200))
    assert not any(login["password"] in trail for login, _ in tries)
    assert mail not in trail


async def test_users_are_recorded_by_their_id(workshop: Workshop) -> None:
    new = {"email": f"{uuid4().hex}@example.com", "nombre": "Eva", "rol": "operator"}
    made = await workshop.http.post("/api/users", json=new, headers=workshop.headers["admin"])
    assert made.status_code == 201, made.text
    record = await newest(workshop)
    assert (record.action, record.subject) == ("access:users", f"user:{made.json()['id']}")
    assert made.json()["password_de_un_solo_uso"] not in repr(record)
    assert new["email"] not in repr(record)


async def test_a_time_is_spelt_out(workshop: Workshop) -> None:
    answer = await workshop.http.get(
        "/api/audit", params={"hasta": "0.5"}, headers=workshop.headers["admin"]
    )
    assert answer.status_code == 400
    assert set(answer.json()["details"]) == {"hasta"}
