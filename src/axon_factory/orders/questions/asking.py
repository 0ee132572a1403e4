"""Ask a question about an order, and answer it."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.errors import Conflict, NotFound, ValidationFailed
from axon_factory.domain.events import EventKind, Visibility
from axon_factory.domain.names import CLIENT_NAME
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Action, Grant, Principal, serves_in
from axon_factory.domain.states import Actor, ActorKind, Audience, OrderState, WaitsFor
from axon_factory.domain.text import Sentence
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.client_mails import ask_client, tell_moved_promise
from axon_factory.orders.notifications.desk import about, how_to_act, questions_page
from axon_factory.orders.notifications.outbox import notify
from axon_factory.orders.questions.open import wait_for_answers
from axon_factory.orders.requests import QuestionRequest
from axon_factory.orders.runs.liveness import note_caller

__all__ = [
    "AGENT_KEY",
    "Audience",
    "NewQuestion",
    "QuestionClosed",
    "answer_as",
    "answer_by_link",
    "answer_question",
    "ask_as",
    "ask_question",
    "find_question",
    "is_answered",
    "portal_actor",
    "questions_for",
    "require_question",
    "tell_of_question",
    "undelivered_answers",
]


class QuestionClosed(Conflict):
    """The question was answered already, or its answer is not needed any more."""

    codigo = "pregunta_cerrada"
    title = "La pregunta ya no espera respuesta"
    title_en = "The question does not wait for an answer any more"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question to be asked. `dedupe_key` makes a repeated one of the same order vanish."""

    audience: Audience
    text: str
    options: tuple[str, ...] = ()
    blocking: bool = True
    dedupe_key: str | None = None


async def ask_question(change: Change, question: NewQuestion) -> OrderQuestion:
    """Keep a question about the locked order, which waits for the answer if it is blocking.

    The person who has to answer gets a mail. Returns the stored question: the earlier one if its
    key is known (`find_question`). The caller wakes the order.

    Raises:
        Conflict: the order has ended or failed: nothing waits for an answer.
    """
    order = change.order
    _require_active(order, Action.ASK_QUESTION)
    known = await find_question(change.tx, order, question.dedupe_key)
    if known is not None:
        return known
    kept = OrderQuestion(
        order_id=order.id,
        number=await _next_number(change.tx, order),
        intento=order.intento,
        audience=question.audience,
        question=question.text,
        options=list(question.options),
        blocking=question.blocking,
        dedupe_key=question.dedupe_key,
        asked_by=change.actor.id,
        asked_by_name=change.actor.name,
        asked_at=change.now,
    )
    change.tx.add(kept)
    await change.tx.flush()
    await wait_for_answers(change.tx, order, change.now)
    await change.tell(
        EventKind.PREGUNTA,
        question.text,
        visibility=_visibility(kept),
        numero=kept.number,
        destinatario=kept.audience,
        opciones=kept.options,
        bloquea=kept.blocking,
    )
    await tell_of_question(change, kept)
    return kept


async def answer_question(change: Change, question: OrderQuestion, answer: str) -> None:
    """Record the answer to a question of the locked order, and let go on what waited for it.

    Raises:
        QuestionClosed: it was answered already, or it is closed.
        ValidationFailed: the answer is none of the question's options.
    """
    order = change.order
    _require_open(order, question)
    if question.options and answer not in question.options:
        options = "; ".join(question.options)
        raise ValidationFailed(
            {"respuesta": Sentence(f"Opciones: {options}", f"One of: {options}")}
        )
    question.answer, question.answered_at = answer, change.now
    question.answered_by, question.answered_by_name = change.actor.id, change.actor.name
    await change.tx.flush()
    await wait_for_answers(change.tx, order, change.now)
    await change.tell(
        EventKind.RESPUESTA,
        answer,
        visibility=_visibility(question),
        numero=question.number,
        pregunta=question.question,
    )
    await change.wake()


async def questions_for(
    session: AsyncSession, order: Order, principal: Principal
) -> Sequence[OrderQuestion]:
    """Return the order's questions that this caller may read, oldest first.

    Clients read the questions to them, agents the questions of their own attempt.
    """
    query = select(OrderQuestion).where(col(OrderQuestion.order_id) == order.id)
    if principal.grant is Grant.CLIENT_OWN:
        query = query.where(col(OrderQuestion.audience) == Audience.CLIENTE)
    elif not principal.is_staff:
        query = query.where(
            col(OrderQuestion.intento) == principal.attempt,
            col(OrderQuestion.audience) != Audience.PLANIFICADOR,
        )
    return list(await session.scalars(query.order_by(col(OrderQuestion.number))))


async def require_question(
    session: AsyncSession, order: Order, number: int, grant: Grant
) -> OrderQuestion:
    """Return a question of the order that a principal with `grant` may answer.

    Raises:
        NotFound: there is none, or it is not theirs to read.
        Conflict: it is the planner's to answer.
    """
    asked = await session.get(OrderQuestion, (order.id, number))
    not_theirs = grant is Grant.CLIENT_OWN and (asked is None or asked.audience != Audience.CLIENTE)
    if asked is None or not_theirs:
        raise NotFound(
            f"La orden {order.order_number} no tiene la pregunta {number}",
            message_en=f"Order {order.order_number} has no question {number}",
        )
    if asked.audience == Audience.PLANIFICADOR:
        raise Conflict(
            f"La pregunta {number} la responde el planificador",
            message_en=f"Question {number} is the planner's to answer",
        )
    return asked


async def is_answered(session: AsyncSession, order: Order, number: int) -> bool:
    """Return whether this question to the order's client has its answer."""
    asked = await session.get(OrderQuestion, (order.id, number))
    return (
        asked is not None and asked.audience == Audience.CLIENTE and asked.answered_at is not None
    )


async def undelivered_answers(session: AsyncSession, order: Order) -> Sequence[OrderQuestion]:
    """Return the answered questions of this attempt that its run has not been given yet."""
    found = await session.scalars(
        select(OrderQuestion)
        .where(
            col(OrderQuestion.order_id) == order.id,
            col(OrderQuestion.intento) == order.intento,
            col(OrderQuestion.audience) != Audience.PLANIFICADOR,
            col(OrderQuestion.answered_at).is_not(None),
            col(OrderQuestion.delivered_at).is_(None),
        )
        .order_by(col(OrderQuestion.number))
    )
    return list(found)


def _require_active(order: Order, action: Action) -> None:
    if not serves_in(action, OrderState(order.estado)):
        raise Conflict(
            f"La orden {order.order_number} está en '{order.estado}': ya no se pregunta nada",
            message_en=f"Order {order.order_number} is in '{order.estado}': "
            "nothing is asked about it any more",
        )


def _require_open(order: Order, question: OrderQuestion) -> None:
    number = question.number
    if question.answered_at is not None:
        raise QuestionClosed(
            f"La pregunta {number} ya tiene respuesta",
            message_en=f"Question {number} has been answered already",
        )
    if question.closed_at is not None or not serves_in(
        Action.ANSWER_QUESTION, OrderState(order.estado)
    ):
        raise QuestionClosed(
            f"La pregunta {number} se cerró: la orden siguió sin su respuesta",
            message_en=f"Question {number} is closed: the order went on without its answer",
        )


async def find_question(
    session: AsyncSession, order: Order, key: str | None
) -> OrderQuestion | None:
    """Return the question of the order that was asked under `key`, if there is one."""
    if key is None:
        return None
    return await session.scalar(
        select(OrderQuestion).where(
            col(OrderQuestion.order_id) == order.id, col(OrderQuestion.dedupe_key) == key
        )
    )


async def _next_number(session: AsyncSession, order: Order) -> int:
    last = await session.scalar(
        select(func.max(OrderQuestion.number)).where(col(OrderQuestion.order_id) == order.id)
    )
    return (last or 0) + 1


def _visibility(question: OrderQuestion) -> Visibility:
    to_client = question.audience == Audience.CLIENTE
    return Visibility.CLIENTE if to_client else Visibility.INTERNO


AGENT_KEY = "agente:"
"""How the keys begin that agents give their questions over the API."""


async def ask_as(
    change: Change, request: QuestionRequest, principal: Principal
) -> tuple[OrderQuestion, bool]:
    """Ask a question about the locked order; return it, and whether it is a new one.

    A `clave` is known within an attempt and to its kind of asker: an agent of a later attempt that
    asks the same asks anew.

    Raises:
        Conflict: the order has ended or failed.
    """
    order = change.order
    await note_caller(change, principal)
    key = _key(order, request, principal)
    known = await find_question(change.tx, order, key)
    if known is not None:
        return known, False
    question = NewQuestion(
        audience=Audience(request.destinatario),
        text=request.pregunta,
        options=tuple(request.opciones),
        blocking=request.bloquea,
        dedupe_key=key,
    )
    asked = await ask_question(change, question)
    await change.wake()
    return asked, True


async def answer_as(
    change: Change, number: int, answer: str, principal: Principal
) -> OrderQuestion:
    """Answer a question of the locked order; staff also answers in the client's place.

    The client is told if the promise has moved while the answer was awaited.

    Raises:
        NotFound: there is no such question for this caller.
        QuestionClosed: it does not wait for an answer any more.
        ValidationFailed: the answer is none of its options.
    """
    question = await require_question(change.tx, change.order, number, principal.grant)
    actor = change.actor
    if principal.grant is Grant.CLIENT_OWN:
        # How a client's people are called is not for the other readers of the history.
        actor = Actor(actor.kind, actor.id, CLIENT_NAME)
    await answer_question(change.by(actor), question, answer)
    await tell_moved_promise(change)
    return question


async def answer_by_link(change: Change, number: int, answer: str) -> OrderQuestion:
    """Answer a question to the client of the locked order, as the holder of its portal link.

    The same answer once more, by an impatient second click, changes nothing.

    Raises:
        NotFound: there is no such question to the client.
        QuestionClosed: it does not wait for an answer any more.
        ValidationFailed: the answer is none of its options.
    """
    question = await require_question(change.tx, change.order, number, Grant.CLIENT_OWN)
    if question.answer != answer or question.answered_by != change.actor.id:
        await answer_question(change, question, answer)
        await tell_moved_promise(change)
    return question


def portal_actor(order_id: UUID) -> Actor:
    """Return the holder of the order's portal link as an actor."""
    return Actor(ActorKind.CLIENT, f"portal:{order_id}", CLIENT_NAME)


def _key(order: Order, request: QuestionRequest, principal: Principal) -> str | None:
    if request.clave is None:
        return None
    asker = "equipo:" if principal.attempt is None else AGENT_KEY
    return f"{asker}{order.intento}:{request.clave}"


async def tell_of_question(change: Change, question: OrderQuestion) -> None:
    """Post the mail about an open question: the first, or the reminder that its row counts.

    Client and approver each get the link to their page; a planner reads no mail.
    """
    order = change.order
    reminder = f":recordatorio:{question.reminders}" if question.reminders else ""
    topic = f"pregunta:{question.number}{reminder}"
    kind = (
        NotificationKind.ORDEN_PREGUNTA_RECORDATORIO
        if reminder
        else NotificationKind.ORDEN_PREGUNTA
    )
    match question.audience:
        case WaitsFor.CLIENTE:
            await ask_client(change, question, topic=topic)
            if reminder:  # of the question itself the event has told
                await notify(change.tx, order, kind, topic=topic, now=change.now)
        case WaitsFor.OPERADOR:
            subject = f"{order.order_number}: pregunta {question.number} para el equipo"
            await change.mail_approver(
                topic=topic,
                kind=kind,
                subject=f"Recordatorio: {subject}" if reminder else subject,
                body=_to_operator(change, question),
            )
        case _:
            pass


def _to_operator(change: Change, question: OrderQuestion) -> str:
    order = change.order
    return (
        f"{question.asked_by_name} pregunta por la orden {about(order)}:\n\n"
        f"{_quoted(question)}\n\n"
        + how_to_act(
            "Para responder",
            questions_page(change.policy, order),
            f'axon orders answer {order.order_number} {question.number} "…"',
        )
    )


def _quoted(question: OrderQuestion) -> str:
    """Return the question and its options, set apart from our own words."""
    lines = [f"> {line}" for line in question.question.splitlines()]
    return "\n".join([*lines, *(f"  - {option}" for option in question.options)])
