"""Questions, answers, and what `show` tells of promise, silence and progress."""

from datetime import UTC, datetime, timedelta

from axon_factory.bootstrap import Container
from axon_factory.cli.terminal import Exit
from axon_factory.db.tables import Order
from axon_factory.domain.states import Actor, ActorKind, Audience
from axon_factory.line.line import Line
from axon_factory.orders.change import Change
from axon_factory.orders.plans.decisions import approve_plan
from axon_factory.orders.questions.asking import NewQuestion, ask_question
from axon_factory.orders.read import lock_order_by_id
from tests.cli.program import Program
from tests.support.ports import example_ports
from tests.support.workshop import ADMIN

AGENT = Actor(ActorKind.WORKER, "worker", "Builder Agent")
HOSTILE = "¿Qué idioma?\x1b[2J"


async def test_questions_are_shown_and_answered(
    axon: Program, container: Container, placed: Order
) -> None:
    number = placed.order_number
    line = Line(
        container.database,
        example_ports(container.secret_box),
        container.policy,
        products=container.data_dir,
        worker="test",
        tokens=container.system_tokens,
    )
    while await line.advance(placed.id) is not None:
        pass
    async with container.database.transaction("test") as session:
        order = await lock_order_by_id(session, placed.id)
        now = datetime.now(UTC)
        await approve_plan(Change(session, order, ADMIN.actor, container.policy, now))
        question = NewQuestion(Audience.CLIENTE, HOSTILE, ("Español", "Inglés"))
        policy = container.policy
        await ask_question(Change(session, order, AGENT, policy, now), question)
        order.silence, order.heartbeat_at = "sin_respuesta", now - timedelta(hours=1)
    shown, listed, wrong, none, answered, again, after = await axon.many(
        [
            ({}, ["orders", "show", number], ""),
            ({}, ["orders", "questions", number], ""),
            ({}, ["orders", "answer", number, "1", "Francés", "--json"], ""),
            ({}, ["orders", "answer", number, "2", "Español", "--json"], ""),
            ({}, ["orders", "answer", number, "1", "Español"], ""),
            ({}, ["orders", "answer", number, "1", "Inglés", "--json"], ""),
            ({}, ["orders", "questions", number, "--json"], ""),
        ]
    )
    for text in ("respuesta del cliente", "en pausa desde", "sin_respuesta", "hitos verificados"):
        assert text in shown.out, shown
    for text in ("1. ¿Qué idioma?�[2J", "Español; Inglés", "la orden la espera"):
        assert text in listed.out, listed
    assert "\x1b[2J" not in shown.out + listed.out
    assert (wrong.code, none.code, again.code) == (Exit.REFUSED,) * 3
    assert "Opciones: Español; Inglés" in wrong.json["error"]
    assert f"Pregunta 1 de {number} respondida" in answered.out
    (question_now,) = after.json["preguntas"]
    assert (question_now["respuesta"], question_now["estado"]) == ("Español", "respondida")
    async with container.database.reading() as session:
        order = await session.get_one(Order, placed.id)
    assert (order.espera, order.paused_at) == (None, None)
