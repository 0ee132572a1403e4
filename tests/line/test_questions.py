"""Questions of a builder's session: asked once, waited for, reminded, and answered to it."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from rig import ADMIN, Rig, patch

from axon_factory.db.tables import Order
from axon_factory.domain.states import OrderState
from axon_factory.orders.change import Change
from axon_factory.orders.questions.asking import answer_as
from axon_factory.orders.read import lock_order_by_id
from axon_factory.ports.builder import (
    AgentQuestion,
    Builder,
    BuildReport,
    BuildRequest,
    BuildStatus,
    ReportedProgress,
)
from axon_factory.worker.reminders import remind_of_questions

QUESTION = AgentQuestion("idioma", "¿En qué idioma?", ("Español", "Inglés"))
OUT_OF_BOUNDS = AgentQuestion("larga", "x" * 5000, tuple("abc" * 10), to_client=False)


class AskingBuilder:
    """A builder whose session asks before it builds, and again in every report until answered."""

    def __init__(self, builder: Builder, *questions: AgentQuestion) -> None:
        self.name = builder.name
        self._builder = builder
        self._questions = questions
        self.answers: list[tuple[str, str]] = []

    async def start(self, request: BuildRequest, *, idempotency_key: str) -> str:
        return await self._builder.start(request, idempotency_key=idempotency_key)

    async def find(self, request: BuildRequest, *, idempotency_key: str) -> str | None:
        return await self._builder.find(request, idempotency_key=idempotency_key)

    async def proceed(
        self, session_id: str, request: BuildRequest, *, idempotency_key: str
    ) -> BuildReport:
        self.answers += [(given.key, given.answer) for given in request.answers]
        if len(self.answers) < len(self._questions):
            return BuildReport(
                BuildStatus.WORKING,
                poll_after_seconds=0.01,
                questions=self._questions,
                reported=ReportedProgress(percent=4000, milestones=("m" * 500,)),
            )
        return await self._builder.proceed(session_id, request, idempotency_key=idempotency_key)

    async def stop(
        self, session_id: str, request: BuildRequest, *, force: bool, idempotency_key: str
    ) -> bool:
        return await self._builder.stop(
            session_id, request, force=force, idempotency_key=idempotency_key
        )


async def asked_by(rig: Rig, *questions: AgentQuestion) -> tuple[AskingBuilder, UUID]:
    """Place an order and let its builder ask."""
    builder = AskingBuilder(rig.ports.builder, *questions)
    rig.ports = replace(rig.ports, builder=builder)
    order_id = await rig.reach("construccion")
    await rig.drive(order_id)
    return builder, order_id


async def answer(rig: Rig, order_id: UUID, number: int, text: str) -> None:
    async def change(session: Any, order: Order, now: datetime) -> None:  # noqa: ANN401 — a session
        await answer_as(Change(session, order, ADMIN.actor, rig.policy, now), number, text, ADMIN)

    await rig.change(order_id, change)


async def test_the_session_gets_its_answers_and_builds_on(rig: Rig) -> None:
    builder, order_id = await asked_by(rig, QUESTION, OUT_OF_BOUNDS)
    order = await rig.order(order_id)
    assert (order.estado, order.espera) == ("construccion", "cliente")
    assert order.paused_at is not None
    assert order.reported is not None
    assert (order.reported["percent"], len(order.reported["milestones"][0])) == (100, 120)
    rows = await rig.rows("SELECT question, options FROM order_questions ORDER BY number")
    assert [(len(row.question), len(row.options)) for row in rows] == [(15, 2), (4000, 3)]
    await answer(rig, order_id, 1, "Inglés")
    assert await rig.drive(order_id) == []  # the other answer is still owed
    assert (await rig.order(order_id)).espera == "operador"
    await answer(rig, order_id, 2, "b")
    await rig.drive(order_id, until=OrderState.QA)
    order = await rig.order(order_id)
    assert order.estado == OrderState.QA
    assert builder.answers == [("idioma", "Inglés"), ("larga", "b")]
    assert len(await rig.rows("SELECT 1 FROM order_questions WHERE delivered_at IS NOT NULL")) == 2


async def test_the_promise_moves_by_the_pause(rig: Rig) -> None:
    _, order_id = await asked_by(rig, QUESTION)
    before = await rig.order(order_id)
    assert before.promised_from is not None
    assert before.promised_until is not None
    hours = (before.plan or {})["estimacion_horas"]
    assert before.aprobado_at is not None
    assert before.promised_from - before.aprobado_at == timedelta(hours=0.6 * hours)
    assert before.promised_until - before.aprobado_at == timedelta(hours=0.9 * hours)
    await rig.execute("UPDATE orders SET paused_at = paused_at - interval '3 days'")
    await answer(rig, order_id, 1, "Español")
    after = await rig.order(order_id)
    assert after.promised_from is not None
    assert timedelta(days=3) < after.promised_from - before.promised_from < timedelta(days=3.01)
    assert after.paused_at is None


async def test_a_reminder_waits_twice_as_long_as_the_one_before(rig: Rig) -> None:
    _, order_id = await asked_by(rig, QUESTION)
    wait = rig.policy.approval.question_reminder
    due = [wait, 2 * wait, 4 * wait]
    for number, pause in enumerate(due, start=1):
        for early, found in ((timedelta(minutes=1), 0), (timedelta(), 1)):
            await rig.execute(
                "UPDATE order_questions SET asked_at = now() - CAST(:ago AS interval), "
                "reminded_at = CASE WHEN reminders > 0 THEN now() - CAST(:ago AS interval) END",
                ago=pause - early,
            )
            assert await remind_of_questions(rig.database, rig.policy) == found, number
    rows = await rig.rows(
        "SELECT recipient, subject FROM outbox_messages "
        "WHERE dedupe_key LIKE '%:pregunta:%' ORDER BY created_at"
    )
    assert [row.recipient for row in rows] == ["xyz@example.com"] * 4
    assert [row.subject.startswith("Recordatorio") for row in rows] == [False, True, True, True]
    await answer(rig, order_id, 1, "Español")
    await rig.execute("UPDATE order_questions SET reminded_at = now() - interval '1 year'")
    assert await remind_of_questions(rig.database, rig.policy) == 0


async def test_many_workers_remind_once_and_wait_for_nobody(rig: Rig) -> None:
    _, order_id = await asked_by(rig, QUESTION)
    await rig.execute("UPDATE order_questions SET asked_at = now() - interval '2 days'")
    async with rig.database.transaction("test") as session:
        await lock_order_by_id(session, order_id)
        assert await remind_of_questions(rig.database, rig.policy) == 0
    found = await asyncio.gather(*(remind_of_questions(rig.database, rig.policy) for _ in range(4)))
    assert sum(found) == 1


@pytest.mark.parametrize("answered", [True, False])
async def test_a_lost_attempt_takes_its_open_questions_along(rig: Rig, *, answered: bool) -> None:
    _, order_id = await asked_by(rig, QUESTION)
    if answered:
        await answer(rig, order_id, 1, "Español")
    await rig.change(order_id, patch(estado="fallido"))
    await rig.change(order_id, patch(estado="construccion"))
    rows = await rig.rows("SELECT answer, closed_at IS NOT NULL AS closed FROM order_questions")
    assert [tuple(row) for row in rows] == [("Español", False) if answered else (None, True)]
    await rig.drive(order_id)
    rows = await rig.rows("SELECT intento FROM order_questions ORDER BY number")
    assert [row.intento for row in rows] == [1, 2]  # the new session asks anew
