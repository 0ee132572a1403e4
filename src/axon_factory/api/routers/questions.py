"""Questions about an order: asked by agents and staff, answered by clients and staff."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response, status

from axon_factory.api.answers import json_response, version_etag
from axon_factory.api.authentication import require
from axon_factory.api.documentation import answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.errors import Conflict, NotFound
from axon_factory.domain.permissions import Action, Principal
from axon_factory.orders.answers.questions import (
    Question,
    QuestionList,
    question_document,
    questions_document,
)
from axon_factory.orders.asking import answer_as, ask_as
from axon_factory.orders.questions import QuestionClosed, questions_for
from axon_factory.orders.read import read_order
from axon_factory.orders.requests import QuestionAnswer, QuestionRequest

__all__ = ["router"]

router = APIRouter(prefix="/api/orders", tags=["preguntas"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Número de la pregunta.")]


@router.post(
    "/{id}/preguntas",
    status_code=status.HTTP_201_CREATED,
    operation_id="askQuestion",
    summary="Preguntar sobre una orden",
    responses=answers(Question, etag=True) | answers(Question, status.HTTP_201_CREATED, etag=True),
)
@raises(Conflict)
async def ask(
    id: str,  # noqa: A002 — the design's name of the parameter
    question: QuestionRequest,
    write: Annotated[Write, Depends(write_as(Action.ASK_QUESTION))],
) -> Response:
    """Pregunta al cliente o al operador; la misma `clave` recibe la pregunta que ya hay (200)."""
    async with write.order("ask", id) as (session, order):
        policy = write.services.policy
        asked, fresh = await ask_as(
            session, order, question, write.principal, policy, datetime.now(UTC)
        )
        headers = {"ETag": version_etag(order.version)}
        if fresh:
            headers["Location"] = f"/api/orders/{order.id}/preguntas"
        code = status.HTTP_201_CREATED if fresh else status.HTTP_200_OK
        return write.answer(question_document(asked, write.principal), code, headers, order.id)


@router.get(
    "/{id}/preguntas",
    operation_id="listQuestions",
    summary="Consultar las preguntas de una orden",
    responses=answers(QuestionList, etag=True),
)
async def show(
    id: str,  # noqa: A002 — the design's name of the parameter
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_QUESTIONS))],
) -> Response:
    """Lista las preguntas que quien pregunta puede leer, con sus respuestas."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        found = await questions_for(session, order, principal)
    return json_response(request, questions_document(order, found, principal))


@router.post(
    "/{id}/preguntas/{numero}/respuesta",
    operation_id="answerQuestion",
    summary="Responder una pregunta",
    responses=answers(Question, etag=True),
)
@raises(NotFound, QuestionClosed, Conflict)
async def answer(
    id: str,  # noqa: A002 — the design's name of the parameter
    numero: Number,
    given: QuestionAnswer,
    write: Annotated[Write, Depends(write_as(Action.ANSWER_QUESTION))],
) -> Response:
    """Responde una pregunta abierta, una sola vez; la construcción sigue con la respuesta."""
    async with write.order("answer", id) as (session, order):
        policy = write.services.policy
        question = await answer_as(
            session, order, numero, given.respuesta, write.principal, policy, datetime.now(UTC)
        )
        body = question_document(question, write.principal)
        return write.answer(body, headers={"ETag": version_etag(order.version)}, order_id=order.id)
