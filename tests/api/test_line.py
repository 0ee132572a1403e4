"""GET /api/line and the four acts on it: what they say, whom they let, that they are recorded."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from axon_factory.db.audit import AuditQuery, list_audit
from axon_factory.domain.audit import ACCESS_CHAIN
from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.workshop import Workshop

REASON = {"motivo": "Mantenimiento"}


@pytest.fixture(autouse=True)
async def running_again(workshop: Workshop) -> AsyncIterator[None]:
    yield
    await act(workshop, "resume")


async def act(workshop: Workshop, verb: str, by: str = "admin", **headers: str) -> httpx2.Response:
    return await workshop.http.post(
        f"/api/line/{verb}",
        json=None if verb == "resume" else REASON,
        headers={**workshop.headers[by], **headers},
    )


async def line(workshop: Workshop, by: str = "admin") -> dict[str, Any]:
    answer = await workshop.http.get("/api/line", headers=workshop.headers[by])
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_it_says_what_is_built_and_what_waits(workshop: Workshop) -> None:
    for state in (OrderState.PLANIFICACION, OrderState.CONSTRUCCION, OrderState.QA):
        await order_in(workshop, state)  # the first of a state brings its original with it
    before = await line(workshop, "operator")
    await order_in(workshop, OrderState.PLANIFICACION)
    building = await order_in(workshop, OrderState.CONSTRUCCION)
    await workshop.line.advance(building)
    await order_in(workshop, OrderState.QA)
    async with workshop.container.database.transaction("test") as session:
        queued = await order_in(workshop, OrderState.CONSTRUCCION)
        await session.execute(
            text("UPDATE orders SET queued_at = '2025-11-14T10:00:00Z' WHERE id = :id"),
            {"id": queued},
        )
    after = await line(workshop, "operator")
    grown = {name: after[name] - before[name] for name in ("esperan_personas", "en_cola")}
    assert grown == {"esperan_personas": 1, "en_cola": 1}
    assert after["en_construccion"]["total"] == before["en_construccion"]["total"] + 1
    assert after["por_terminar"] == before["por_terminar"] + 2
    assert after["en_cola_desde"] == "2025-11-14T10:00:00Z"

    shown = await workshop.show(queued)
    assert (shown["en_cola_desde"], shown["posicion_en_cola"]) == ("2025-11-14T10:00:00Z", 1)


@pytest.mark.parametrize(
    ("verb", "mode"), [("pause", "pausada"), ("drain", "drenando"), ("stop", "detenida")]
)
async def test_a_mode_is_set_once_and_recorded(workshop: Workshop, verb: str, mode: str) -> None:
    first = (await act(workshop, verb)).json()
    again = await workshop.http.post(
        f"/api/line/{verb}", json={"motivo": "Otro"}, headers=workshop.headers["admin"]
    )
    assert (first["modo"], first["motivo"], first["cambiado_por"]) == (mode, *_by_admin())
    assert again.json()["version"] == first["version"]
    assert again.json()["motivo"] == REASON["motivo"]
    assert (await line(workshop))["desde"] == first["desde"]
    async with workshop.container.database.reading() as session:
        newest = (await list_audit(session, AuditQuery(chain=ACCESS_CHAIN, limit=1)))[0]
    assert (newest.action, newest.subject) == ("line:control", f"line:{mode}")


def _by_admin() -> tuple[str, str]:
    return REASON["motivo"], "admin"


async def test_a_change_may_be_bound_to_what_was_read(workshop: Workshop) -> None:
    version = (await line(workshop))["version"]
    stale = await act(workshop, "pause", **{"If-Match": f'"{version + 1}"'})
    assert (stale.status_code, stale.json()["version_actual"]) == (412, version)
    done = await act(workshop, "pause", **{"If-Match": f'"{version}"'})
    assert (done.status_code, done.headers["etag"]) == (200, f'"{version + 1}"')


async def test_a_paused_line_takes_orders_and_decisions(workshop: Workshop) -> None:
    waiting = await order_in(workshop, OrderState.PLANIFICACION)
    await act(workshop, "pause")
    placed = await workshop.place()
    assert await workshop.line.advance(placed) is None
    plan = await workshop.show(waiting)
    approved = await workshop.http.post(
        f"/api/orders/{waiting}/approve",
        json={name: plan[name] for name in ("plan_version", "plan_hash")},
        headers=workshop.headers["admin"],
    )
    assert approved.status_code == 200
    assert await workshop.line.advance(waiting) is None
    await act(workshop, "resume")
    assert await workshop.line.advance(waiting) is not None
