"""Nobody marks their own work: a claim about a product needs receipts, whoever makes it."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from axon_factory.db.tables import Order
from axon_factory.domain.permissions import TokenRole
from axon_factory.domain.states import OrderState
from axon_factory.orders.evidence import read_receipts
from tests.support.copies import copy_made_by, order_in
from tests.support.ports import COMMIT, check_receipt
from tests.support.workshop import Headers, Workshop

Json = dict[str, Any]
REQUIRED = ("tests", "security", "health")
REVIEW_CLAIM = re.compile(
    "aprobad[oa] por|revisión (de calidad )?pasó|pasó la revisión", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Scene:
    """An order of the owner's and who acts on it."""

    workshop: Workshop
    order_id: UUID

    @property
    def path(self) -> str:
        return f"/api/orders/{self.order_id}"

    async def move(self, headers: Headers, target: str) -> Json:
        answer = await self.workshop.http.patch(self.path, json={"estado": target}, headers=headers)
        return answer.json() | {"status": answer.status_code}

    async def report_check(self, headers: Headers, **changes: object) -> Json:
        answer = await self.workshop.http.post(
            f"{self.path}/checks", json=check_receipt(**changes), headers=headers
        )
        return answer.json() | {"status": answer.status_code}

    async def token(self, agent: str, role: TokenRole = TokenRole.BUILDER) -> Headers:
        container = self.workshop.container
        async with container.database.transaction("test") as session:
            minted = await container.system_tokens.mint_permanent(
                session, agent=agent, role=role, created_by="t"
            )
        return {"X-System-Token": minted.plaintext}

    async def advance(self, steps: int) -> None:
        for _ in range(steps):
            assert await self.workshop.line.advance(self.order_id) is not None

    async def reach(self, state: str) -> None:
        while (await self.order()).estado != state:
            await self.advance(1)

    async def order(self) -> Order:
        return await self.workshop.order(self.order_id)

    async def execute(self, statement: str) -> None:
        async with self.workshop.container.database.transaction("test") as session:
            await session.execute(text(statement), {"id": self.order_id})

    async def client_texts(self) -> str:
        """Everything that the client is told in words."""
        shown = await self.workshop.show(self.order_id, "owner")
        portal = self.workshop.container.policy.portal_url(self.order_id)
        page = await self.workshop.http.get(portal.removeprefix("https://fabrica.example"))
        told = [entry["agente"] + ": " + entry["mensaje"] for entry in shown["logs"]]
        return "\n".join([*told, shown["progreso_detalle"]["explicacion"], page.text])


async def begun(workshop: Workshop, *, milestones: int) -> Scene:
    """An order under construction whose session has handed over `milestones` of its two."""

    async def make() -> UUID:
        scene = Scene(workshop, await order_in(workshop, OrderState.CONSTRUCCION))
        await scene.advance(1 + milestones)  # its session is started first
        return scene.order_id

    kind = f"begun, with {milestones} milestones"
    return Scene(workshop, await copy_made_by(workshop, kind, make))


async def _attempt_token(scene: Scene) -> Json:
    await begin_alone(scene)
    headers = await scene.workshop.attempt_token(scene.order_id)
    refused = await scene.move(headers, "qa")
    assert refused["hitos_pendientes"] == ["qa"]
    await scene.workshop.patch(scene.order_id, estado="qa")
    return await scene.move(headers, "listo")


async def _permanent_token(scene: Scene) -> Json:
    await begin_alone(scene)
    headers = scene.workshop.headers["permanent"]
    refused = await scene.move(headers, "qa")
    assert refused["hitos_pendientes"] == ["qa"]
    await scene.workshop.patch(scene.order_id, estado="qa")
    return await scene.move(headers, "listo")


async def _operator(scene: Scene) -> Json:
    await scene.reach("qa")
    refused = await scene.move(scene.workshop.headers["operator"], "listo")
    assert refused["verificaciones_pendientes"] == list(REQUIRED)
    assert refused["hitos_pendientes"] == []
    return refused


async def _empty_repository(scene: Scene) -> Json:
    await scene.execute("DELETE FROM order_milestones WHERE order_id = :id")
    headers = await scene.workshop.attempt_token(scene.order_id)
    refused = await scene.move(headers, "qa")
    assert refused["hitos_pendientes"] == ["base", "qa"]
    return refused


async def _missing_milestone(scene: Scene) -> Json:
    refused = await scene.move(scene.workshop.headers["operator"], "qa")
    assert refused["hitos_pendientes"] == ["qa"]
    # An admin may have it looked at; every check passes, and it is sent back all the same.
    await scene.workshop.patch(scene.order_id, estado="qa")
    await scene.reach("construccion")
    assert (await scene.order()).intento == 2
    return refused


async def _other_commit(scene: Scene) -> Json:
    await scene.reach("qa")
    council = await scene.token("Revisor", TokenRole.COUNCIL)
    refused = await scene.report_check(council, commit="d" * 40)
    assert (refused["codigo"], refused["commit"]) == ("recibo_rechazado", COMMIT)
    await scene.advance(len(REQUIRED))
    await scene.execute(
        "UPDATE order_checks SET commit_id = translate(commit_id, 'c', 'd') WHERE order_id = :id"
    )
    still = await scene.move(council, "listo")
    assert still["verificaciones_pendientes"] == list(REQUIRED)
    return refused


async def _earlier_attempt(scene: Scene) -> Json:
    await scene.reach("qa")
    await scene.advance(len(REQUIRED))
    await scene.workshop.patch(scene.order_id, estado="construccion", motivo="Otra vez")
    await scene.reach("qa")
    council = await scene.token("Revisor", TokenRole.COUNCIL)
    refused = await scene.report_check(council, intento=1)
    assert (refused["codigo"], refused["intento"]) == ("recibo_rechazado", 2)
    still = await scene.move(council, "listo")
    assert still["verificaciones_pendientes"] == list(REQUIRED)
    return refused


async def _deploy_without_answer(scene: Scene) -> Json:
    await scene.reach("qa")
    await scene.workshop.http.post(
        f"{scene.path}/accept",
        json={"motivo": "Lo probé"},
        headers=scene.workshop.headers["admin"],
    )
    # The deployer filled what it promised, and the product never answered.
    await scene.execute(
        """UPDATE orders SET deployment_open = true, deploy_url = 'https://x.example',
        resultado = '{"portal_url": "https://x.example"}' WHERE id = :id"""
    )
    for by in ("operator", "admin"):
        assert (await scene.move(scene.workshop.headers[by], "entregado"))["status"] == 409
    return await scene.move(scene.workshop.headers["ops"], "entregado")


async def _council_token_of_the_builder(scene: Scene) -> Json:
    both = await scene.token("Agente doble", TokenRole.COUNCIL)
    told = await scene.workshop.http.patch(scene.path, json={"progreso": 95}, headers=both)
    assert told.status_code == 200  # it leaves no entry in the log
    await scene.reach("qa")
    assert (await scene.report_check(both))["status"] == 403
    same_name = await scene.token("agente doble", TokenRole.COUNCIL)
    assert (await scene.report_check(same_name))["status"] == 403
    named_as_the_session = await scene.token("qa agent", TokenRole.COUNCIL)
    await scene.workshop.attempt_token(scene.order_id)  # of "QA Agent"
    assert (await scene.move(named_as_the_session, "construccion"))["status"] == 403
    await scene.advance(len(REQUIRED))  # the line's own council passes everything
    return await scene.move(both, "listo")


async def begin_alone(scene: Scene) -> None:
    assert (await scene.order()).estado == "construccion"


@dataclass(frozen=True, slots=True)
class History:
    """A way in which a product could come to be called reviewed or delivered by its builder."""

    name: str
    milestones: int
    play: Callable[[Scene], Awaitable[Json]]
    status: int = 409


HISTORIES = (
    History("attempt_token", 1, _attempt_token, 403),
    History("permanent_token", 1, _permanent_token),
    History("operator", 2, _operator),
    History("empty_repository", 0, _empty_repository),
    History("missing_milestone", 1, _missing_milestone),
    History("receipt_of_another_commit", 2, _other_commit),
    History("receipt_of_an_earlier_attempt", 2, _earlier_attempt),
    History("deploy_that_never_answered", 2, _deploy_without_answer),
    History("council_token_held_by_the_builder", 2, _council_token_of_the_builder, 403),
)


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.name)
async def test_nobody_marks_their_own_work(workshop: Workshop, history: History) -> None:
    scene = await begun(workshop, milestones=history.milestones)
    refused = await history.play(scene)
    assert refused["status"] == history.status, refused
    assert refused["message"]
    order = await scene.order()
    assert order.estado != "entregado"
    assert not REVIEW_CLAIM.search(await scene.client_texts())
    if order.estado in {"construccion", "qa"}:
        shown = await workshop.show(scene.order_id)
        assert shown["progreso_detalle"]["verificado"] <= 95


async def test_a_council_from_outside_judges_by_receipts(workshop: Workshop) -> None:
    scene = await begun(workshop, milestones=2)
    await scene.reach("qa")
    council = workshop.headers["council"]
    seen = await workshop.http.get(f"{scene.path}/checks", headers=council)
    assert seen.json()["commit"] == COMMIT
    assert seen.json()["verificaciones_pendientes"] == list(REQUIRED)
    for check in REQUIRED:
        assert (await scene.move(council, "listo"))["status"] == 409
        made = await scene.report_check(council, verificacion=check)
        assert made["status"] == 201, made
    again = await scene.report_check(council)
    assert again["codigo"] == "recibo_rechazado"
    proven = (await workshop.http.get(f"{scene.path}/checks", headers=council)).json()
    assert proven["revisado"] is True
    assert {one["actor"][:6] for one in proven["verificaciones"]} == {"token:"}
    assert (await scene.move(council, "listo"))["status"] == 200
    assert (await workshop.show(scene.order_id))["progreso_detalle"]["verificado"] == 100


async def test_a_receipt_that_fails_sends_the_product_back(workshop: Workshop) -> None:
    scene = await begun(workshop, milestones=2)
    await scene.reach("qa")
    council = workshop.headers["council"]
    for check in REQUIRED:
        failing = {"aprobada": False, "exit_code": 1, "hallazgos": ["Falta una prueba"]}
        told = failing if check == "tests" else {}
        assert (await scene.report_check(council, verificacion=check, **told))["status"] == 201
    await scene.advance(1)  # the line's verdict, over the council's receipts
    order = await scene.order()
    assert (order.estado, order.intento) == ("construccion", 2)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"verificacion": "estetica"}, "verificacion"),
        ({"exit_code": 1}, "exit_code"),
        ({"commit": "HEAD"}, "commit"),
        ({"sha256": "abc"}, "sha256"),
        ({"comando": []}, "comando"),
        ({"duracion_segundos": -1}, "duracion_segundos"),
    ],
)
async def test_a_receipt_says_what_a_receipt_must(
    workshop: Workshop, changes: Json, field: str
) -> None:
    scene = await begun(workshop, milestones=2)
    await scene.reach("qa")
    refused = await scene.report_check(workshop.headers["council"], **changes)
    assert (refused["status"], list(refused["details"])) == (400, [field])


async def test_a_person_accepts_what_is_not_proven(workshop: Workshop) -> None:
    scene = await begun(workshop, milestones=2)
    await scene.reach("qa")
    for by, status in (("operator", 403), ("key_admin", 403), ("council", 403), ("owner", 403)):
        answer = await workshop.http.post(
            f"{scene.path}/accept", json={"motivo": "Sí"}, headers=workshop.headers[by]
        )
        assert answer.status_code == status, by
    admin = workshop.headers["admin"]
    missing = await workshop.http.post(f"{scene.path}/accept", json={}, headers=admin)
    assert missing.json()["details"].keys() == {"motivo"}
    reason = f"Lo probé con el cliente {uuid4().hex}"
    accepted = await workshop.http.post(
        f"{scene.path}/accept", json={"motivo": reason}, headers=admin
    )
    assert (accepted.status_code, accepted.json()["estado"]) == (200, "listo")
    shown = await workshop.show(scene.order_id)
    assert shown["progreso_detalle"]["verificado"] == 95
    (internal,) = [entry for entry in shown["logs"] if reason in entry["mensaje"]]
    assert internal["metadata"]["verificaciones_pendientes"] == list(REQUIRED)
    assert internal["actor"].startswith("user:")
    texts = await scene.client_texts()
    assert "aceptó el producto" in texts
    assert reason not in texts
    assert not REVIEW_CLAIM.search(texts)
    await scene.reach("entregado")
    assert not REVIEW_CLAIM.search(await scene.client_texts())


@pytest.mark.parametrize("state", ["fallido", "entregado", "cancelado"])
@pytest.mark.parametrize("by", ["permanent", "council", "ops", "attempt"])
async def test_an_order_at_rest_takes_no_reports(workshop: Workshop, state: str, by: str) -> None:
    scene = Scene(workshop, await order_in(workshop, OrderState(state)))
    headers = (
        await workshop.attempt_token(scene.order_id) if by == "attempt" else workshop.headers[by]
    )
    before = await scene.order()
    for change in (
        {"progreso": 100},
        {"asignado_a": "Agente permanent"},
        {"logs": [{"mensaje": "Sigo aquí"}]},
    ):
        answer = await workshop.http.patch(scene.path, json=change, headers=headers)
        # The token of an attempt has died with an order that is delivered or cancelled.
        died = by == "attempt" and state != "fallido"
        assert answer.status_code == (401 if died else 409), answer.text
        assert answer.json()["codigo"] == ("intento_terminado" if died else "orden_terminada")
    after = await scene.order()
    assert (after.version, after.progreso) == (before.version, before.progreso)


async def test_receipts_of_other_attempts_prove_nothing(workshop: Workshop) -> None:
    order = await workshop.order(await order_in(workshop, OrderState.LISTO))
    async with workshop.container.database.reading() as session:
        current = await read_receipts(session, order)
        assert current.milestones
        assert current.checks
        assert current.deployments
        attempt = order.intento
        for other in (attempt - 1, attempt + 1):
            order.intento = other
            found = await read_receipts(session, order)
            assert (found.milestones, found.checks, found.deployments) == ([], [], [])
