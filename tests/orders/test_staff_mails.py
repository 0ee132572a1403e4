"""What staff are told by mail: where they act, in whose words, and never with ours."""

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import OrderQuestion
from axon_factory.domain.building import BuilderName, LineMode, Silence
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.catalogue.product_types import default_plan
from axon_factory.domain.failure import Failure, FailureCause, MachineTrouble, Trouble
from axon_factory.domain.lifecycle import StepKind
from axon_factory.domain.product_watch import ProductTrouble
from axon_factory.domain.states import Audience, OrderState
from axon_factory.orders.budget import ask_for_budget
from axon_factory.orders.change import Change
from axon_factory.orders.incidents import ProductsSeen, note_products
from axon_factory.orders.line_mode import ModeChange, change_mode
from axon_factory.orders.machine_wait import wait_for_machine
from axon_factory.orders.moves import fail_order
from axon_factory.orders.notifications import desk
from axon_factory.orders.plans.notices import (
    remind_approver,
    tell_answer,
    tell_escalation,
    tell_waiting_plan,
)
from axon_factory.orders.questions.asking import NewQuestion, ask_question
from axon_factory.orders.read import lock_order_by_id
from axon_factory.orders.reviewing import ask_person
from axon_factory.orders.runs.liveness import mark_silent
from tests.support.copies import order_in
from tests.support.workshop import ADMIN, Workshop

URL = "https://fabrica.example/app"
ORDER = f"{URL}/ordenes/NUMBER"
WIRE = re.compile(r"\b[a-z]+_[a-z_]+\b|\b(?:operador|qa|construccion|planificacion|http)\b(?!:)")

Act = Callable[[Change], Awaitable[Any]]


async def _plan(change: Change) -> None:
    await tell_waiting_plan(change, default_plan(PRODUCT_TYPES["autopilot_whatsapp"], {}), ())


async def _answer(change: Change) -> None:
    asked = OrderQuestion(
        order_id=change.order.id,
        number=1,
        intento=1,
        audience=Audience.CLIENTE,
        question="¿De qué color?",
        options=[],
        blocking=False,
        asked_at=change.now,
        asked_by="user:x",
        asked_by_name="Ana",
    )
    await tell_answer(change, asked, "Azul")


async def _fail(change: Change) -> None:
    failure = Failure(
        FailureCause.CONSTRUCCION_FALLIDA, "No compila", OrderState.CONSTRUCCION, "construir:base"
    )
    await fail_order(change, failure=failure)


async def _machine(change: Change) -> None:
    trouble = MachineTrouble(Trouble.DISCO_LLENO, "/var")
    for _ in range(change.policy.machine_tries):
        await wait_for_machine(change, trouble, step="verificar:tests")


async def _stop(change: Change) -> None:
    mode = ModeChange(LineMode.DETENIDA, "Mantenimiento")
    await change_mode(change.tx, mode, ADMIN, change.policy, change.now)


async def _down(change: Change) -> None:
    order = change.order
    seen = ProductsSeen(
        "maquina",
        frozenset({order.slug}),
        {order.slug: next(iter(ProductTrouble))},
        change.now,  # too short to miss what no machine watches
    )
    await note_products(change.tx, seen, change.policy, change.now)


S = OrderState
MAILS: dict[str, tuple[OrderState, Act, str, str]] = {
    "plan": (S.PLANIFICACION, _plan, f"{ORDER}/plan", "axon orders approve NUMBER"),
    "reminder": (
        S.PLANIFICACION,
        lambda change: remind_approver(change, number=1, hours=4),
        f"{ORDER}/plan",
        "axon orders plan NUMBER",
    ),
    "escalation": (
        S.PLANIFICACION,
        lambda change: tell_escalation(change, hours=24),
        f"{ORDER}/plan",
        "axon orders plan NUMBER",
    ),
    "answer": (S.PLANIFICACION, _answer, f"{ORDER}/plan", "axon orders plan NUMBER"),
    "budget": (S.PLANIFICACION, ask_for_budget, ORDER, "axon orders budget NUMBER --usd 5"),
    "question": (
        S.CONSTRUCCION,
        lambda change: ask_question(change, NewQuestion(Audience.OPERADOR, "¿De qué color?")),
        f"{ORDER}/preguntas",
        'axon orders answer NUMBER 1 "…"',
    ),
    "silence": (
        S.CONSTRUCCION,
        lambda change: mark_silent(change, Silence.SIN_RESPUESTA),
        ORDER,
        "axon orders cancel NUMBER",
    ),
    "failure": (S.CONSTRUCCION, _fail, ORDER, "axon orders retry NUMBER"),
    "machine": (S.QA, _machine, f"{URL}/pendientes", "axon orders retry NUMBER"),
    "review": (
        S.QA,
        lambda change: ask_person(change, reasons=["Falta una prueba"]),
        ORDER,
        "axon orders accept NUMBER",
    ),
    "stop": (S.CONSTRUCCION, _stop, f"{URL}/linea", "axon line resume"),
    "product": (S.ENTREGADO, _down, ORDER, "axon doctor"),
}


@pytest.mark.parametrize("name", MAILS)
async def test_a_mail_leads_to_the_page_where_one_acts(workshop: Workshop, name: str) -> None:
    state, act, page, command = MAILS[name]
    order_id = await order_in(workshop, state)
    container = workshop.container
    async with container.database.reading() as session:
        order = await lock_order_by_id(session, order_id)
        number, kind = order.order_number, order.tipo_producto
        change = Change(session, order, ADMIN.actor, container.policy, datetime.now(UTC))
        await act(change)
        subject, body = await _newest(session, container.policy.approver_email)
        # The line of the other tests is to go on.
        await session.rollback()

    lines = body.splitlines()
    wanted = page.replace("NUMBER", number)
    # On a line of its own, so that every mail program makes a link of all of it.
    assert wanted in lines
    told = [line for line in lines if line.startswith(f"  {command.replace('NUMBER', number)}")]
    assert len(told) == 1
    assert lines.index(wanted) < lines.index(told[0])
    prose = "\n".join(line for line in (subject, *lines) if not line.startswith(("  ", "http")))
    assert kind not in prose
    assert WIRE.findall(prose) == []
    assert "/api/" not in body
    assert "PATCH" not in body


async def _newest(session: AsyncSession, recipient: str) -> tuple[str, str]:
    found = await session.execute(
        text(
            "SELECT subject, body FROM outbox_messages WHERE recipient = :to AND channel = 'mail' "
            "ORDER BY created_at DESC LIMIT 1"
        ),
        {"to": recipient},
    )
    row = found.one()
    return row.subject, row.body


def test_every_wire_name_has_words() -> None:
    named = {
        desk.stage_name: OrderState,
        desk.step_name: StepKind,
        desk.cause_name: FailureCause,
        desk.audience_name: Audience,
        desk.builder_name: BuilderName,
    }
    for naming, names in named.items():
        words = [naming(name) for name in names]
        assert len(set(words)) == len(words)
        assert not any("_" in word for word in words)
    assert desk.step_name("verificar:tests") == desk.step_name("verificar")
