"""Ask a question about an order, and answer it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.errors import Conflict, NotFound, ValidationFailed
from axon_factory.domain.events import EventKind, NewEvent, Visibility
from axon_factory.domain.permissions import Action, Grant, Principal, serves_in
from axon_factory.domain.questions import Audience
from axon_factory.domain.sentences import Sentence
from axon_factory.domain.states import Actor, ActorKind, OrderState
from axon_factory.orders.events import append_event
from axon_factory.orders.notifications.client_mails import tell_moved_promise
from axon_factory.orders.policy import Policy
from axon_factory.orders.questions.open import tell_of_question, wait_for_answers
from axon_factory.orders.requests import QuestionRequest
from axon_factory.orders.runs.liveness import note_caller
from axon_factory.orders.transitions import wake

__all__ = [
    "AGENT_KEY",
    "CLIENT_NAME",
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
    "questions_for",
    "require_question",
    "undelivered_answers",
]

CLIENT_NAME = "Cliente"
"""What the history calls whoever has answered for the client."""


class QuestionClosed(Conflict):
    """The question was answered already, or nobody needs the answer any more."""

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


async def ask_question(
    session: AsyncSession,
    order: Order,
    question: NewQuestion,
    *,
    actor: Actor,
    policy: Policy,
    now: datetime,
) -> OrderQuestion:
    """Keep a question about the locked order, which waits for the answer if it is blocking.

    Whoever has to answer is told. Returns the question as it is kept: the earlier one if its key is
    known (`find_question`). The caller wakes the order.

    Raises:
        Conflict: the order has ended or failed: nothing waits for an answer.
    """
    _require_active(order, Action.ASK_QUESTION)
    known = await find_question(session, order, question.dedupe_key)
    if known is not None:
        return known
    kept = OrderQuestion(
        order_id=order.id,
        number=await _next_number(session, order),
        intento=order.intento,
        audience=question.audience,
        question=question.text,
        options=list(question.options),
        blocking=question.blocking,
        dedupe_key=question.dedupe_key,
        asked_by=actor.id,
        asked_by_name=actor.name,
        asked_at=now,
    )
    session.add(kept)
    await session.flush()
    await wait_for_answers(session, order, now)
    event = NewEvent(
        kind=EventKind.PREGUNTA,
        agent=actor.name,
        message=question.text,
        visibility=_visibility(kept),
        metadata={
            "numero": kept.number,
            "destinatario": kept.audience,
            "opciones": kept.options,
            "bloquea": kept.blocking,
        },
    )
    await append_event(session, order, event, actor=actor, now=now)
    await tell_of_question(session, order, kept, policy=policy, now=now)
    return kept


async def answer_question(
    session: AsyncSession,
    order: Order,
    question: OrderQuestion,
    answer: str,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Record the answer to a question of the locked order, and let go on what waited for it.

    Raises:
        QuestionClosed: it was answered already, or it is closed.
        ValidationFailed: the answer is none of the question's options.
    """
    _require_open(order, question)
    if question.options and answer not in question.options:
        options = "; ".join(question.options)
        raise ValidationFailed(
            {"respuesta": Sentence(f"Opciones: {options}", f"One of: {options}")}
        )
    question.answer, question.answered_at = answer, now
    question.answered_by, question.answered_by_name = actor.id, actor.name
    await session.flush()
    await wait_for_answers(session, order, now)
    event = NewEvent(
        kind=EventKind.RESPUESTA,
        agent=actor.name,
        message=answer,
        visibility=_visibility(question),
        metadata={"numero": question.number, "pregunta": question.question},
    )
    await append_event(session, order, event, actor=actor, now=now)
    await wake(session, order, now)


async def questions_for(
    session: AsyncSession, order: Order, principal: Principal
) -> Sequence[OrderQuestion]:
    """Return the order's questions that this caller may read, oldest first.

    Clients read those that are theirs to answer, agents those of their own attempt.
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
    """Return a question of the order that somebody with `grant` may answer.

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
    """Return the answered questions of this attempt that its session has not been given yet."""
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
    session: AsyncSession,
    order: Order,
    request: QuestionRequest,
    principal: Principal,
    policy: Policy,
    now: datetime,
) -> tuple[OrderQuestion, bool]:
    """Ask a question about the locked order; return it, and whether it is a new one.

    A `clave` is known within an attempt and to its kind of asker: an agent of a later attempt that
    asks the same asks anew.

    Raises:
        Conflict: the order has ended or failed.
    """
    await note_caller(session, order, principal, now)
    key = _key(order, request, principal)
    known = await find_question(session, order, key)
    if known is not None:
        return known, False
    question = NewQuestion(
        audience=Audience(request.destinatario),
        text=request.pregunta,
        options=tuple(request.opciones),
        blocking=request.bloquea,
        dedupe_key=key,
    )
    asked = await ask_question(
        session, order, question, actor=principal.actor, policy=policy, now=now
    )
    await wake(session, order, now)
    return asked, True


async def answer_as(
    session: AsyncSession,
    order: Order,
    number: int,
    answer: str,
    principal: Principal,
    policy: Policy,
    now: datetime,
) -> OrderQuestion:
    """Answer a question of the locked order; staff also answers in the client's place.

    The client is told if the promise has moved while the answer was awaited.

    Raises:
        NotFound: there is no such question for this caller.
        QuestionClosed: it does not wait for an answer any more.
        ValidationFailed: the answer is none of its options.
    """
    question = await require_question(session, order, number, principal.grant)
    actor = principal.actor
    if principal.grant is Grant.CLIENT_OWN:
        # How a client's people are called is not for the other readers of the history.
        actor = Actor(actor.kind, actor.id, CLIENT_NAME)
    await answer_question(session, order, question, answer, actor=actor, now=now)
    await tell_moved_promise(session, order, policy=policy, now=now)
    return question


async def answer_by_link(
    session: AsyncSession, order: Order, number: int, answer: str, policy: Policy, now: datetime
) -> OrderQuestion:
    """Answer a question to the client of the locked order, as whoever holds its portal's link.

    The same answer once more, by an impatient second click, changes nothing.

    Raises:
        NotFound: there is no such question to the client.
        QuestionClosed: it does not wait for an answer any more.
        ValidationFailed: the answer is none of its options.
    """
    client = Actor(ActorKind.CLIENT, f"portal:{order.id}", CLIENT_NAME)
    question = await require_question(session, order, number, Grant.CLIENT_OWN)
    if question.answer != answer or question.answered_by != client.id:
        await answer_question(session, order, question, answer, actor=client, now=now)
        await tell_moved_promise(session, order, policy=policy, now=now)
    return question


def _key(order: Order, request: QuestionRequest, principal: Principal) -> str | None:
    if request.clave is None:
        return None
    asker = "equipo:" if principal.attempt is None else AGENT_KEY
    return f"{asker}{order.intento}:{request.clave}"
