"""In whose name a principal may speak, and what staff read beside the name."""

from uuid import UUID

import pytest

from axon_factory.domain.states import OrderState
from tests.support.copies import order_in
from tests.support.workshop import Workshop

SPEAKERS = [
    # The names of the token and of the order's plan.
    ("attempt", "QA Agent", 200),
    ("attempt", "Builder Agent", 200),
    ("attempt", "RAG", 200),
    ("permanent", "Agente permanent", 200),
    ("permanent", "Security Agent", 200),
    # Other people's, however they are spelt.
    ("attempt", "Review Council", 403),
    ("attempt", "review  COUNCIL", 403),
    ("attempt", "\uff32eview Council", 403),
    ("attempt", "Ops Agent", 403),
    ("attempt", "Super Axon Agent", 403),
    ("attempt", "Equipo Axon", 403),
    ("attempt", "Aprobador", 403),
    ("attempt", "Un agente cualquiera", 403),
    ("permanent", "Axon Factory", 403),
    ("operator", "Review Council", 403),
    ("admin", "Review Council", 403),
    ("admin", "Cliente", 403),
    ("admin", "QA Agent", 200),
    ("operator", "Equipo Axon", 200),
    ("council", "Review Council", 200),
    ("ops", "Ops Agent", 200),
    ("ops", "Review Council", 403),
]


@pytest.mark.parametrize("field", ["logs", "asignado_a"])
@pytest.mark.parametrize(("by", "name", "status"), SPEAKERS)
async def test_names_are_spoken_in_by_their_owners(
    workshop: Workshop, under_construction: UUID, by: str, name: str, status: int, field: str
) -> None:
    headers = (
        await workshop.attempt_token(under_construction)
        if by == "attempt"
        else workshop.headers[by]
    )
    change = {"logs": [{"agente": name, "mensaje": "Dicho"}]} if field == "logs" else {field: name}
    answer = await workshop.http.patch(
        f"/api/orders/{under_construction}", json=change, headers=headers
    )
    assert answer.status_code == status, answer.text


@pytest.fixture(scope="module")
async def under_construction(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.CONSTRUCCION)


async def test_staff_read_who_spoke_beside_the_given_name(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION)
    entry = {"agente": "QA Agent", "mensaje": "45/45 pasaron"}
    await workshop.patch(order_id, "permanent", logs=[entry])
    path = f"/api/orders/{order_id}"
    for by, told in (("admin", True), ("operator", True), ("key_lectura", True), ("owner", False)):
        headers = workshop.headers[by]
        logs = (await workshop.http.get(f"{path}/logs", headers=headers)).json()["logs"]
        events = (await workshop.http.get(f"{path}/events", headers=headers)).json()["events"]
        for found in (logs, [event["data"] for event in events]):
            (spoken,) = [one for one in found if one["mensaje"] == entry["mensaje"]]
            assert spoken["agente"] == "QA Agent"
            assert spoken.get("actor", "").startswith("token:") is told
        stages = (await workshop.http.get(f"{path}/history", headers=headers)).json()["etapas"]
        assert all(stage["agente"] for stage in stages)
        assert any(stage["actor"].startswith("worker") for stage in stages) is told


@pytest.mark.parametrize("name", ["Review Council", "Ops Agent", "Equipo Axon", "super axon agent"])
async def test_a_token_of_a_builder_has_no_reserved_name(workshop: Workshop, name: str) -> None:
    answer = await workshop.http.post(
        "/api/system-tokens", json={"agente": name}, headers=workshop.headers["admin"]
    )
    assert (answer.status_code, list(answer.json()["details"])) == (400, ["agente"])


async def test_a_token_says_its_role(workshop: Workshop) -> None:
    for body, role in (
        ({"agente": "Constructor"}, "builder"),
        ({"agente": "Review Council", "rol": "council"}, "council"),
        ({"agente": "Ops Agent", "rol": "ops"}, "ops"),
    ):
        answer = await workshop.http.post(
            "/api/system-tokens", json=body, headers=workshop.headers["admin"]
        )
        assert (answer.status_code, answer.json().get("rol")) == (201, role), answer.text
