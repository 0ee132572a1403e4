"""Reports that are written in batches are those that the application writes one by one."""

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from axon_factory.db.audit import cut, verify_audit
from axon_factory.domain.states import OrderState
from axon_factory.failpoints import arm, disarm
from tests.support.copies import order_in
from tests.support.workshop import Headers, Workshop
from tests.support.written import alike, written_of

Json = Any
BY_APPLICATION = {"Axon-Version": "2025-11-14"}
"""A field that hot paths leave to the application; its value is the version of every answer."""
PASSING = frozenset({"date", "x-request-id", "ratelimit"})
CALLERS = ("admin", "operator", "key_admin", "permanent", "council", "ops", "owner", "key_lectura")
DATED = {"timestamp": "2025-11-14T13:00:00Z", "mensaje": "45/45 pasaron ✅", "tipo": "success"}
PATCHES: tuple[Json, ...] = (
    {"progreso": 0},
    {"progreso": 45, "logs": [{"mensaje": "uno"}, {"mensaje": "dos", "tipo": "warning"}]},
    {"progreso": 101},
    {"progreso": 99},
    {"progreso": "45"},
    {"logs": [DATED, DATED, {**DATED, "mensaje": "otra"}]},
    {"logs": [{"mensaje": "Ñandú <b>", "metadata": {"a": [1, 2.5, None]}}]},
    {"logs": [{"agente": "Builder Agent", "mensaje": "por otro"}]},
    {"logs": [{"agente": "Aprobador", "mensaje": "por otro"}]},
    {"logs": [{"mensaje": ""}]},
    {"logs": []},
    {"asignado_a": "Developer Agent"},
    {"asignado_a": "Equipo Axon", "progreso": 1},
    {},
    {"otro": 1},
    {"progreso": None},
    {"prioridad": "alta", "progreso": 2},
)


async def patch(
    workshop: Workshop, order: UUID | str, document: Json, headers: Headers, **fields: str
) -> httpx2.Response:
    return await workshop.http.patch(
        f"/api/orders/{order}", json=document, headers={**headers, **fields}
    )


def seen(answer: httpx2.Response) -> Json:
    """Return an answer without what differs between any two."""
    fields = {name: value for name, value in answer.headers.items() if name not in PASSING}
    return answer.status_code, alike(answer.text), fields


async def rows_of(workshop: Workshop, order: UUID, token: Headers) -> Json:
    """Return the rows about an order without digests of keys and of addresses with its id."""
    rows = await written_of(workshop, order)
    for entry in rows["audit_entries"]:
        entry |= {"request_id": "<solicitud>", "previous_hash": "<hash>"}
        if "clave_idempotencia_sha256" in entry["details"]:
            entry["details"]["clave_idempotencia_sha256"] = "<sha256>"
    for kept in rows["idempotency_keys"]:
        del kept["fingerprint"]
    rows["idempotency_keys"].sort(key=repr)
    written = json.dumps(rows)
    for value in token.values():
        written = written.replace(f"token:{value.split('_')[2]}", "token:<suyo>")
    return json.loads(written)


async def require_audit(workshop: Workshop) -> None:
    database = workshop.container.database
    async with database.transaction("test") as session:
        position = await cut(session)
    async with database.reading() as session:
        assert (await verify_audit(session, position)).breaks == []


@pytest.mark.parametrize("state", OrderState)
async def test_both_ways_report_alike(workshop: Workshop, state: OrderState) -> None:
    for place, document in enumerate(PATCHES):
        every = state is OrderState.CONSTRUCCION
        callers = CALLERS if every else CALLERS[place % len(CALLERS) :][:2]
        one, other = await order_in(workshop, state), await order_in(workshop, state)
        who = {name: (workshop.headers[name],) * 2 for name in callers}
        tokens: tuple[Headers, Headers] = {}, {}
        if state in {OrderState.CONSTRUCCION, OrderState.QA}:
            tokens = await workshop.attempt_token(one), await workshop.attempt_token(other)
            who = {"attempt": tokens, **who}
        for name, (first, second) in who.items():
            key = {"Idempotency-Key": uuid4().hex} if place % 3 == 0 else {}
            fresh = {field: uuid4().hex for field in key}
            expected = await patch(workshop, one, document, first, **BY_APPLICATION, **key)
            given = await patch(workshop, other, document, second, **fresh)
            assert seen(given) == seen(expected), (name, document)
            if key and given.is_success:
                again = await patch(workshop, other, document, second, **fresh)
                assert (again.text, again.headers["etag"]) == (given.text, given.headers["etag"])
                assert again.headers["idempotency-replayed"] == "true"
        expected_rows = await rows_of(workshop, one, tokens[0])
        assert await rows_of(workshop, other, tokens[1]) == expected_rows, document
    await require_audit(workshop)


async def test_plain_reports_never_reach_the_application(workshop: Workshop) -> None:
    order = await order_in(workshop, OrderState.CONSTRUCCION)
    document = {"progreso": 5, "logs": [{"mensaje": "cinco"}]}
    for name in ("admin", "permanent", "key_admin"):
        await patch(workshop, order, document, workshop.headers[name])
        crossed: list[str] = []
        arm(crossed.append)
        try:
            answer = await patch(workshop, order, document, workshop.headers[name])
        finally:
            disarm()
        assert answer.status_code == 200
        names = [crossing.partition("#")[0] for crossing in crossed]
        assert names == [
            "commit:patch:before",
            "commit:patch:after",
            "response:before",
            "response:after",
        ]


async def test_reports_at_once_on_one_order_are_all_there_in_a_row(workshop: Workshop) -> None:
    order = await order_in(workshop, OrderState.CONSTRUCCION)
    before = await workshop.order(order)
    headers = workshop.headers["permanent"]
    answers = await asyncio.gather(
        *(
            patch(workshop, order, {"logs": [{"mensaje": f"n{number}"}]}, headers)
            for number in range(50)
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    after = await workshop.order(order)
    assert after.version == before.version + 50
    assert sorted(int(answer.headers["etag"].strip('"')) for answer in answers) == list(
        range(before.version + 1, after.version + 1)
    )
    logs = (await workshop.show(order))["logs"]
    assert [entry["seq"] for entry in logs] == list(range(1, len(logs) + 1))
    assert {f"n{number}" for number in range(50)} <= {entry["mensaje"] for entry in logs}
    await require_audit(workshop)


async def test_a_refused_report_harms_no_neighbour(workshop: Workshop) -> None:
    orders = [await order_in(workshop, OrderState.CONSTRUCCION) for _ in range(12)]
    ended = await order_in(workshop, OrderState.ENTREGADO)
    headers = workshop.headers["permanent"]
    asked: list[tuple[UUID | str, Json, int]] = [
        *((order, {"progreso": 10}, 200) for order in orders),
        *((order, {"progreso": 99}, 400) for order in orders[:3]),
        (ended, {"logs": [{"mensaje": "tarde"}]}, 409),
        (uuid4(), {"progreso": 1}, 404),
        ("ORD-1999-001", {"progreso": 1}, 404),
        (orders[0], {"logs": [{"agente": "Aprobador", "mensaje": "x"}]}, 403),
    ]
    answers = await asyncio.gather(
        *(patch(workshop, order, document, headers) for order, document, _ in asked)
    )
    assert [answer.status_code for answer in answers] == [status for *_, status in asked]
    for order in orders:
        assert (await workshop.show(order))["progreso"] == 10
    await require_audit(workshop)


async def test_what_fails_before_the_commit_is_done_by_the_application(workshop: Workshop) -> None:
    order = await order_in(workshop, OrderState.CONSTRUCCION)
    headers = workshop.headers["permanent"]
    failed: list[str] = []

    def fail_once(crossing: str) -> None:
        if crossing == "commit:patch:before#1":
            failed.append(crossing)
            raise OSError

    arm(fail_once)
    try:
        answer = await patch(workshop, order, {"logs": [{"mensaje": "una vez"}]}, headers)
    finally:
        disarm()
    assert failed
    assert answer.status_code in {200, 500, 503}
    told = [entry["mensaje"] for entry in (await workshop.show(order))["logs"]]
    assert told.count("una vez") == (1 if answer.is_success else 0)


async def test_a_revoked_token_is_refused_by_the_next_report_under_load(workshop: Workshop) -> None:
    order = await order_in(workshop, OrderState.CONSTRUCCION)
    headers = await workshop.new_principal("permanent")
    [token] = headers.values()
    ended = asyncio.Event()

    async def report_until_refused(number: int) -> int:
        late = 0
        async with asyncio.timeout(20):
            while True:
                is_late = ended.is_set()
                document = {"logs": [{"mensaje": f"aviso {number}"}]}
                answer = await patch(workshop, order, document, headers)
                if answer.status_code == 401:
                    return late
                assert answer.status_code == 200, answer.text
                late += is_late

    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(report_until_refused(number)) for number in range(8)]
        async with workshop.container.database.transaction("test") as session:
            await workshop.container.system_tokens.revoke(session, token.split("_")[2])
        ended.set()
    assert [task.result() for task in asking] == [0] * len(asking)


async def test_a_report_wakes_the_line_only_for_a_run_that_it_watches(workshop: Workshop) -> None:
    for state in OrderState:
        order = await order_in(workshop, state)
        for by in (BY_APPLICATION, {}):
            await patch(
                workshop, order, {"logs": [{"mensaje": "x"}]}, workshop.headers["admin"], **by
            )
        row = await workshop.order(order)
        watched = row.estado == OrderState.CONSTRUCCION and row.session_id is not None
        jobs = (await written_of(workshop, order))["jobs"]
        assert bool(jobs) == watched, state
