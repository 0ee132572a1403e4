"""`axon orders questions` and `answer`: what is asked about an order, and the answer to it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from axon_factory.cli.context import (
    DataDirOption,
    JsonOption,
    local_principal,
    open_factory,
    out,
    print_json,
    run,
)
from axon_factory.cli.decisions import Reference
from axon_factory.cli.recording import record
from axon_factory.cli.render import facts, local_time, safe
from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.permissions import Action
from axon_factory.orders.answers.questions import question_document, questions_document
from axon_factory.orders.change import Change
from axon_factory.orders.questions.asking import answer_as, questions_for
from axon_factory.orders.read import lock_order, read_order
from axon_factory.orders.requests import QuestionAnswer, validated

__all__ = ["register"]


def register(group: typer.Typer) -> None:
    """Add the commands to `axon orders`."""
    for command in (questions, answer):
        group.command(command.__name__)(command)


def questions(
    *, reference: Reference, data_dir: DataDirOption = None, as_json: JsonOption = False
) -> None:
    """Show what was asked about an order, and the answers.

    Example: axon orders questions ORD-2025-001
    """

    async def command() -> tuple[Order, Sequence[OrderQuestion]]:
        async with open_factory(data_dir) as factory, factory.database.reading() as session:
            order = await read_order(session, reference, local_principal())
            return order, await questions_for(session, order, local_principal())

    order, found = run(command, as_json=as_json)
    if as_json:
        print_json(questions_document(order, found, local_principal()))
        return
    if not found:
        out.print(f"Nadie ha preguntado nada sobre {order.order_number}", highlight=False)
    for question in found:
        out.print(_rendered(question))


def answer(
    *,
    reference: Reference,
    number: Annotated[int, typer.Argument(metavar="N", min=1, help="The question's number.")],
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The answer.")],
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Answer an open question: the operator's own, or the client's on their behalf.

    Example: axon orders answer ORD-2025-001 1 "Español"
    """

    async def command() -> tuple[Order, OrderQuestion]:
        given = validated(QuestionAnswer, {"respuesta": text}).respuesta
        principal = local_principal()
        async with (
            open_factory(data_dir) as factory,
            factory.database.transaction("answer") as session,
        ):
            order = await lock_order(session, reference, principal)
            policy, now = factory.policy, datetime.now(UTC)
            question = await answer_as(
                Change(session, order, principal.actor, policy, now), number, given, principal
            )
            await record(session, Action.ANSWER_QUESTION, order_id=order.id)
            return order, question

    order, question = run(command, as_json=as_json)
    if as_json:
        print_json(question_document(question, local_principal()))
    else:
        out.print(f"Pregunta {number} de {order.order_number} respondida", highlight=False)


def _rendered(question: OrderQuestion) -> RenderableType:
    title = Text(f"{question.number}. {safe(question.question)}", "bold")
    rows: dict[str, object] = {
        "Para": question.audience,
        "De": f"{question.asked_by_name}, {local_time(question.asked_at)}",
    }
    if question.options:
        rows["Opciones"] = "; ".join(question.options)
    rows["Respuesta"] = _answer_of(question)
    return Group(title, facts(rows))


def _answer_of(question: OrderQuestion) -> Text:
    if question.answer is not None:
        when = local_time(question.answered_at)
        said = f"{safe(question.answer)}  ({safe(question.answered_by_name)}, {when})"
        return Text(said, "green")
    if question.closed_at is not None:
        return Text(f"se cerró sin respuesta, {local_time(question.closed_at)}", "dim")
    return Text("pendiente; la orden la espera" if question.blocking else "pendiente", "yellow")
