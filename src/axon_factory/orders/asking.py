"""Ask and answer as callers of the API and the command line do."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order, OrderQuestion
from axon_factory.domain.permissions import Grant, Principal
from axon_factory.domain.states import Actor, ActorKind, Audience
from axon_factory.orders.liveness import note_caller
from axon_factory.orders.mails.client import tell_moved_promise
from axon_factory.orders.policy import Policy
from axon_factory.orders.questions import (
    CLIENT_NAME,
    NewQuestion,
    answer_question,
    ask_question,
    find_question,
    require_question,
)
from axon_factory.orders.requests import QuestionRequest
from axon_factory.orders.transitions import wake

__all__ = ["AGENT_KEY", "answer_as", "answer_by_link", "ask_as"]

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
