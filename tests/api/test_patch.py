"""PATCH as resolutions 15 has it: reports are appended, states move by the table alone."""

from typing import NamedTuple
from uuid import UUID

import pytest

from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.workshop import Json, Workshop

ENTRY = {"timestamp": "2025-11-14T13:00:00Z", "agente": "QA Agent", "mensaje": "45/45 pasaron ✅"}


async def messages(workshop: Workshop, order_id: UUID) -> list[str]:
    return [entry["mensaje"] for entry in (await workshop.show(order_id))["logs"]]


async def test_logs_are_appended_and_a_repeated_entry_vanishes(workshop: Workshop) -> None:
    order_id = await workshop.place()
    before = await messages(workshop, order_id)
    await workshop.patch(order_id, by="permanent", logs=[ENTRY, ENTRY])
    await workshop.patch(order_id, by="permanent", logs=[ENTRY, ENTRY | {"mensaje": "otra"}])
    assert await messages(workshop, order_id) == [*before, ENTRY["mensaje"], "otra"]
    logs = (await workshop.show(order_id))["logs"]
    assert [entry["seq"] for entry in logs] == list(range(1, len(logs) + 1))


async def test_agents_own_words_stand_beside_the_servers(workshop: Workshop) -> None:
    order_id = await workshop.place()
    await workshop.patch(order_id, by="permanent", logs=[ENTRY])
    entry = (await workshop.show(order_id))["logs"][-1]
    assert entry["timestamp"] == ENTRY["timestamp"]
    assert entry["agente"] == ENTRY["agente"]
    assert entry["recibido_at"] > "2026"


class Progress(NamedTuple):
    state: str
    before: int | None
    change: Json
    status: int
    after: int


PROGRESS = [
    Progress("nuevo", None, {"progreso": 0}, 200, 0),
    Progress("nuevo", None, {"progreso": 1}, 400, 0),
    Progress("construccion", None, {"progreso": 45}, 200, 45),
    Progress("construccion", None, {"progreso": 95}, 200, 95),
    Progress("construccion", None, {"progreso": 96}, 400, 0),
    Progress("construccion", 60, {"progreso": 60}, 200, 60),
    Progress("construccion", 60, {"progreso": 59}, 400, 60),
    Progress("construccion", 60, {"estado": "construccion", "progreso": 10}, 400, 60),
    Progress("construccion", 45, {"estado": "qa", "progreso": 85}, 200, 85),
    Progress("construccion", 45, {"estado": "qa"}, 200, 95),
    Progress("construccion", 45, {"estado": "qa", "progreso": 100}, 400, 45),
    Progress("qa", None, {"estado": "construccion"}, 200, 70),
    Progress("qa", None, {"estado": "construccion", "progreso": 50}, 200, 50),
    # Nothing has been checked yet: it is not accepted by being called so.
    Progress("qa", None, {"estado": "listo"}, 409, 95),
    Progress("listo", None, {"progreso": 99}, 400, 100),
    # A retry takes it back to the state that failed, and the progress with it.
    Progress("fallido", None, {"progreso": 1}, 400, 0),
]


@pytest.mark.parametrize("row", PROGRESS, ids=str)
async def test_progress_stays_in_its_band_and_does_not_fall(
    workshop: Workshop, row: Progress
) -> None:
    order_id = await order_in(workshop, OrderState(row.state))
    if row.before is not None:
        await workshop.patch(order_id, progreso=row.before)
    answer = await workshop.attempt_patch(order_id, **row.change)
    assert answer.status_code == row.status, answer.text
    shown = await workshop.show(order_id)
    assert shown["progreso"] == row.after
    assert shown["estado"] == (
        row.change.get("estado", row.state) if answer.is_success else row.state
    )


@pytest.mark.parametrize(
    ("by", "source", "target", "legal"),
    [
        ("permanent", "nuevo", "listo", []),
        ("permanent", "construccion", "listo", []),
        ("permanent", "construccion", "cancelado", []),
        ("permanent", "planificacion", "construccion", []),
        ("operator", "nuevo", "planificacion", []),
        ("operator", "planificacion", "construccion", []),
        ("operator", "construccion", "cancelado", []),
        ("operator", "construccion", "fallido", []),
        ("operator", "qa", "entregado", ["construccion"]),
        ("admin", "nuevo", "qa", ["planificacion", "fallido", "cancelado"]),
        ("admin", "construccion", "nuevo", ["qa", "fallido", "cancelado"]),
        ("admin", "cancelado", "nuevo", []),
        ("admin", "fallido", "qa", None),
    ],
)
async def test_illegal_transition_says_what_is_legal(
    workshop: Workshop, by: str, source: str, target: str, legal: list[str] | None
) -> None:
    order_id = await order_in(workshop, OrderState(source))
    version = (await workshop.show(order_id))["version"]
    answer = await workshop.attempt_patch(order_id, by=by, estado=target, logs=[ENTRY])
    assert answer.status_code == 409
    document = answer.json()
    assert document["codigo"] == "transicion_no_permitida"
    assert document["estado_actual"] == source
    if legal is not None:
        assert document["transiciones_permitidas"] == legal
    shown = await workshop.show(order_id)
    assert (shown["estado"], shown["version"]) == (source, version)


@pytest.mark.parametrize("by", ["operator", "permanent"])
async def test_reporters_move_what_is_built(workshop: Workshop, by: str) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    for _ in range(3):  # its session is started, and hands over both milestones
        await workshop.line.advance(order_id)
    await workshop.patch(order_id, by=by, estado="qa")
    reviewer = "operator" if by == "operator" else "council"
    await workshop.patch(order_id, by=reviewer, estado="construccion")
    assert (await workshop.order(order_id)).intento == 2


@pytest.mark.parametrize(
    ("by", "field", "value", "status"),
    [
        ("operator", "session_id", "s", 403),
        ("operator", "tags", ["a"], 200),
        ("operator", "prioridad", "alta", 200),
        ("operator", "notas_internas", "n", 200),
        ("permanent", "session_id", "s", 200),
        ("permanent", "prioridad", "alta", 403),
        ("permanent", "tags", ["a"], 403),
        ("admin", "session_id", "s", 200),
        ("key_admin", "prioridad", "urgente", 200),
    ],
)
async def test_who_may_change_which_field(
    workshop: Workshop, by: str, field: str, value: Json, status: int
) -> None:
    order_id = await workshop.place()
    answer = await workshop.attempt_patch(order_id, by=by, **{field: value})
    assert answer.status_code == status
    changed = (await workshop.show(order_id))[field] == value
    assert changed == (status == 200)


async def test_if_match_guards_a_change(workshop: Workshop) -> None:
    order_id = await workshop.place()
    path = f"/api/orders/{order_id}"
    etag = (await workshop.http.get(path, headers=workshop.headers["admin"])).headers["ETag"]
    headers = {**workshop.headers["admin"], "If-Match": etag}
    first = await workshop.http.patch(path, json={"asignado_a": "uno"}, headers=headers)
    assert first.status_code == 200
    assert first.headers["ETag"] != etag
    second = await workshop.http.patch(path, json={"asignado_a": "dos"}, headers=headers)
    assert second.status_code == 412
    assert second.json()["codigo"] == "version_desactualizada"
    assert second.json()["version_actual"] == (await workshop.order(order_id)).version
    assert (await workshop.order(order_id)).asignado_a == "uno"
    any_version = {**workshop.headers["admin"], "If-Match": "*"}
    third = await workshop.http.patch(path, json={"asignado_a": "tres"}, headers=any_version)
    assert third.status_code == 200


async def test_phase_times_are_hints(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    before = await workshop.show(order_id)
    hint = "2001-01-01T00:00:00Z"
    await workshop.patch(order_id, estado="qa", qa_iniciada_at=hint, construccion_iniciada_at=hint)
    after = await workshop.show(order_id)
    assert after["construccion_iniciada_at"] == before["construccion_iniciada_at"]
    assert after["qa_iniciada_at"] > "2026"


async def test_admins_patch_is_a_recorded_approval(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    await workshop.patch(order_id, estado="construccion", motivo="Se ve bien")
    shown = await workshop.show(order_id)
    assert (shown["estado"], shown["plan_estado"]) == ("construccion", "aprobado")
    assert shown["aprobado_at"] is not None
    assert any("aprobado" in message for message in await messages(workshop, order_id))


async def test_admins_patch_approves_no_plan_that_is_not_there(workshop: Workshop) -> None:
    order_id = await workshop.place()
    await workshop.patch(order_id, estado="planificacion")
    assert (await workshop.show(order_id))["plan_estado"] == "generando"  # or no sweep finds it
    answer = await workshop.attempt_patch(order_id, estado="construccion")
    assert answer.status_code == 409


@pytest.mark.parametrize("by", ["key_admin", "permanent", "operator"])
async def test_approving_a_plan_is_a_persons_act(workshop: Workshop, by: str) -> None:
    order_id = await order_in(workshop, OrderState.PLANIFICACION)
    answer = await workshop.attempt_patch(order_id, by, estado="construccion")
    assert answer.status_code in {403, 409}
    assert (await workshop.show(order_id))["plan_estado"] == "pendiente_aprobacion"


async def test_failing_by_hand_is_a_typed_cause_and_retry_resumes(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    await workshop.patch(order_id, estado="fallido", motivo="El cliente cambió de idea")
    failed = await workshop.show(order_id)
    assert failed["fallo"]["causa"] == "decision_manual"
    assert failed["fallo"]["mensaje"] == "El cliente cambió de idea"
    assert failed["fallo"]["estado"] == "construccion"
    await workshop.patch(order_id, estado="construccion")
    retried = await workshop.show(order_id)
    assert (retried["estado"], retried["intento"]) == ("construccion", 2)
    assert retried["fallo"] is None
    assert retried["fallido_at"] == failed["fallido_at"]


async def test_hand_over_needs_a_deployment(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.QA)
    accepted = await workshop.http.post(
        f"/api/orders/{order_id}/accept",
        json={"motivo": "Lo probé"},
        headers=workshop.headers["admin"],
    )
    assert accepted.status_code == 200
    assert (await workshop.attempt_patch(order_id, estado="entregado")).status_code == 409
    deployed = await order_in(workshop, OrderState.LISTO)
    await workshop.patch(deployed, estado="entregado")
    assert (await workshop.show(deployed))["entregado_at"] is not None


@pytest.mark.parametrize("state", ["nuevo", "planificacion", "construccion", "qa", "listo"])
async def test_admin_cancels_from_any_state_that_lasts(workshop: Workshop, state: str) -> None:
    order_id = await order_in(workshop, OrderState(state))
    await workshop.patch(order_id, estado="cancelado", motivo="Ya no")
    assert (await workshop.show(order_id))["cancelado_at"] is not None
