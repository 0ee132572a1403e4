"""Questions over the API: who asks, who reads, who answers, and what waits for the answer."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlmodel import col

from axon_factory.db.tables import OrderEvent, OutboxMessage
from axon_factory.domain.states import OrderState
from axon_factory.orders.read import lock_order_by_id
from tests.support.copies import order_in
from tests.support.workshop import Headers, Workshop

ASKED = {"pregunta": "¿En qué idioma saluda?", "destinatario": "cliente"}
TO_STAFF = {"pregunta": "¿Qué cuenta de Twilio?", "destinatario": "operador"}


@pytest.fixture
async def building(workshop: Workshop) -> UUID:
    return await order_in(workshop, OrderState.CONSTRUCCION)


class Desk:
    """Short words for asking and answering about one order."""

    def __init__(self, workshop: Workshop, order_id: UUID, agent: Headers) -> None:
        self.workshop = workshop
        self.order_id = order_id
        self.callers: Mapping[str, Headers] = {**workshop.headers, "agent": agent}

    async def ask(
        self, question: Mapping[str, Any] = ASKED, by: str = "agent", status: int = 201
    ) -> dict[str, Any]:
        return await self._post("preguntas", question, by, status)

    async def answer(
        self, number: int, text: str, by: str = "owner", status: int = 200
    ) -> dict[str, Any]:
        return await self._post(f"preguntas/{number}/respuesta", {"respuesta": text}, by, status)

    async def read(self, by: str) -> list[dict[str, Any]]:
        answer = await self.workshop.http.get(
            f"/api/orders/{self.order_id}/preguntas", headers=self.callers[by]
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["preguntas"]

    async def events(self, kind: str) -> list[OrderEvent]:
        query = select(OrderEvent).where(
            col(OrderEvent.order_id) == self.order_id, col(OrderEvent.kind) == kind
        )
        async with self.workshop.container.database.reading() as session:
            return list(await session.scalars(query.order_by(col(OrderEvent.seq))))

    async def mails(self) -> list[OutboxMessage]:
        query = select(OutboxMessage).where(
            col(OutboxMessage.order_id) == self.order_id,
            col(OutboxMessage.dedupe_key).contains(":pregunta:"),
            col(OutboxMessage.channel) == "mail",
        )
        async with self.workshop.container.database.reading() as session:
            return list(await session.scalars(query.order_by(col(OutboxMessage.created_at))))

    async def _post(
        self, path: str, body: Mapping[str, Any], by: str, status: int
    ) -> dict[str, Any]:
        answer = await self.workshop.http.post(
            f"/api/orders/{self.order_id}/{path}", json=dict(body), headers=self.callers[by]
        )
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def desk(workshop: Workshop, building: UUID) -> Desk:
    return Desk(workshop, building, await workshop.attempt_token(building))


async def test_the_client_is_asked_and_the_order_waits(workshop: Workshop, desk: Desk) -> None:
    asked = await desk.ask(ASKED | {"opciones": ["Español", "Inglés"]})
    assert (asked["numero"], asked["estado"], asked["preguntado_por"]) == (1, "abierta", "QA Agent")
    order = await workshop.order(desk.order_id)
    assert order.espera == "cliente"
    assert order.paused_at is not None
    assert await workshop.line.advance(desk.order_id) is None
    (event,) = await desk.events("orden.pregunta")
    assert (event.mensaje, event.visibilidad) == (ASKED["pregunta"], "cliente")
    (mail,) = await desk.mails()
    assert mail.recipient == "contacto@empresa.com"
    assert workshop.container.portal_links.url(desk.order_id) in mail.body
    assert "Inglés" in mail.body


async def test_the_answer_moves_the_promise_and_lets_the_line_go_on(
    workshop: Workshop, desk: Desk
) -> None:
    before = await workshop.show(desk.order_id)
    await desk.ask()
    paused = await workshop.show(desk.order_id, by="owner")
    assert paused["promesa"]["pausada_desde"] is not None
    answered = await desk.answer(1, "Español")
    assert (answered["estado"], answered["respuesta"]) == ("respondida", "Español")
    order = await workshop.order(desk.order_id)
    assert (order.espera, order.paused_at) == (None, None)
    assert order.promised_from is not None
    assert order.promised_until is not None
    assert before["promesa"]["pausada_desde"] is None
    moved = await workshop.show(desk.order_id)
    assert moved["promesa"]["desde"] >= before["promesa"]["desde"]
    assert await workshop.line.advance(desk.order_id) is not None


async def test_an_operators_question_is_internal_and_pauses_no_promise(
    workshop: Workshop, desk: Desk
) -> None:
    await desk.ask(TO_STAFF)
    order = await workshop.order(desk.order_id)
    assert (order.espera, order.paused_at) == ("operador", None)
    (mail,) = await desk.mails()
    assert mail.recipient == workshop.container.policy.approver_email
    assert f"axon orders answer {order.order_number} 1" in mail.body
    assert f"/app/ordenes/{order.order_number}/preguntas\n" in mail.body
    assert await desk.read("owner") == []
    shown = await workshop.show(desk.order_id, by="owner")
    assert TO_STAFF["pregunta"] not in str(shown)
    await desk.answer(1, "La de pruebas", by="owner", status=404)
    await desk.answer(1, "La de pruebas", by="operator")
    (event,) = await desk.events("orden.respuesta")
    assert event.visibilidad == "interno"


async def test_it_waits_for_the_oldest_answer_until_the_last(
    workshop: Workshop, desk: Desk
) -> None:
    await desk.ask()
    await desk.ask(TO_STAFF)
    await desk.ask(ASKED | {"bloquea": False})
    await desk.answer(1, "Español")
    order = await workshop.order(desk.order_id)
    assert (order.espera, order.paused_at) == ("operador", None)
    await desk.answer(2, "La de pruebas", by="admin")
    assert (await workshop.order(desk.order_id)).espera is None
    assert [item["estado"] for item in await desk.read("admin")] == [
        "respondida",
        "respondida",
        "abierta",
    ]


async def test_a_wait_for_a_decision_outlasts_the_answer(workshop: Workshop, desk: Desk) -> None:
    async with workshop.container.database.transaction("test") as session:
        order = await lock_order_by_id(session, desk.order_id)
        order.espera = "presupuesto"
    await desk.ask()
    assert (await workshop.order(desk.order_id)).espera == "presupuesto"
    await desk.answer(1, "Español")
    assert (await workshop.order(desk.order_id)).espera == "presupuesto"


async def test_a_key_asks_once_an_attempt(workshop: Workshop, desk: Desk) -> None:
    first = await desk.ask(ASKED | {"clave": "idioma"})
    again = await desk.ask(ASKED | {"clave": "idioma"}, status=200)
    assert again == first
    by_staff = await desk.ask(ASKED | {"clave": "idioma"}, by="operator")
    assert by_staff["numero"] == 2
    assert len(await desk.mails()) == 2


async def test_staff_answers_for_the_client_and_outsiders_read_no_name(
    workshop: Workshop, desk: Desk
) -> None:
    await desk.ask()
    await desk.answer(1, "Español", by="operator")
    (seen,) = await desk.read("owner")
    assert (seen["respondido_por"], seen["preguntado_por"]) == ("Equipo Axon", "QA Agent")
    (seen,) = await desk.read("admin")
    assert seen["respondido_por"] == "operator"
    (seen,) = await desk.read("agent")
    assert seen["respuesta"] == "Español"


async def test_a_clients_answer_is_the_clients(workshop: Workshop, desk: Desk) -> None:
    await desk.ask()
    await desk.answer(1, "Español")
    for reader in ("owner", "admin", "agent"):
        (seen,) = await desk.read(reader)
        assert seen["respondido_por"] == "Cliente"


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"pregunta": "", "destinatario": "cliente"}, "pregunta"),
        ({"pregunta": "x" * 4001, "destinatario": "cliente"}, "pregunta"),
        (ASKED | {"destinatario": "planificador"}, "destinatario"),
        (ASKED | {"opciones": ["a", "a"]}, "opciones"),
        (ASKED | {"opciones": [str(n) for n in range(21)]}, "opciones"),
        (ASKED | {"bloquea": "sí"}, "bloquea"),
        (ASKED | {"nota": "x"}, "nota"),
    ],
)
async def test_a_question_that_is_none_is_refused(
    desk: Desk, question: Mapping[str, Any], field: str
) -> None:
    told = await desk.ask(question, status=400)
    assert list(told["details"]) == [field]


async def test_an_answer_is_one_of_the_options_and_given_once(desk: Desk) -> None:
    await desk.ask(ASKED | {"opciones": ["Español", "Inglés"]})
    told = await desk.answer(1, "Francés", status=400)
    assert told["details"] == {"respuesta": "Opciones: Español; Inglés"}
    await desk.answer(1, "Inglés")
    told = await desk.answer(1, "Español", status=409)
    assert told["codigo"] == "pregunta_cerrada"
    await desk.answer(2, "Español", status=404)
    (kept,) = await desk.read("owner")
    assert kept["respuesta"] == "Inglés"


async def test_a_question_ends_with_its_state(workshop: Workshop, desk: Desk) -> None:
    await desk.ask()
    await workshop.patch(desk.order_id, estado="qa")
    order = await workshop.order(desk.order_id)
    assert (order.espera, order.paused_at) == (None, None)
    (closed,) = await desk.read("owner")
    assert closed["estado"] == "cerrada"
    told = await desk.answer(1, "Español", status=409)
    assert told["codigo"] == "pregunta_cerrada"


async def test_a_question_ends_with_its_attempt(workshop: Workshop, desk: Desk) -> None:
    await desk.ask(ASKED | {"bloquea": False})
    await workshop.patch(desk.order_id, estado="fallido")
    await desk.ask(status=409)
    await workshop.patch(desk.order_id, estado="construccion")
    agent = await workshop.attempt_token(desk.order_id)
    later = Desk(workshop, desk.order_id, agent)
    assert await later.read("agent") == []
    assert [item["estado"] for item in await later.read("admin")] == ["cerrada"]


async def test_an_agent_that_has_asked_does_not_move_the_order(
    workshop: Workshop, desk: Desk
) -> None:
    await desk.ask()
    answer = await workshop.http.patch(
        f"/api/orders/{desk.order_id}", json={"estado": "qa"}, headers=desk.callers["agent"]
    )
    assert answer.status_code == 409
    assert answer.json()["message"] == "La orden espera una respuesta del cliente"
