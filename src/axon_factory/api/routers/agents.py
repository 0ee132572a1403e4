"""The agent of an attempt: signs of life, its token, hints; questions, and their answers."""

from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Path, Request, Response, status
from pydantic import Field

from axon_factory.api.answers import json_response, version_etag
from axon_factory.api.authentication import require
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.answers import AnswerModel, Message, Timestamp
from axon_factory.domain.errors import Conflict, NotFound
from axon_factory.domain.permissions import Action, Principal, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence, timestamp
from axon_factory.orders.answers.questions import (
    Question,
    QuestionList,
    question_document,
    questions_document,
)
from axon_factory.orders.answers.shared import EXAMPLE_ID, Attempt, OrderId
from axon_factory.orders.questions.asking import QuestionClosed, answer_as, ask_as, questions_for
from axon_factory.orders.read import read_order
from axon_factory.orders.requests import QuestionAnswer, QuestionRequest
from axon_factory.orders.runs.liveness import look_now, take_heartbeat

__all__ = ["AttemptToken", "Heartbeat", "HintTaken", "hint_router", "question_router", "router"]


class Heartbeat(AnswerModel):
    """La señal de vida que quedó registrada."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "intento": 1,
        "estado": "construccion",
        "latido_at": "2025-11-14T11:00:00Z",
    }

    order_id: OrderId
    intento: Attempt
    estado: OrderState
    latido_at: Timestamp


class AttemptToken(AnswerModel):
    """Otro token para el mismo intento."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "intento": 1,
        "system_token": "axs_live_t4n8c2v6b9z1_…",
        "expires_at": "2025-11-14T13:00:00Z",
    }

    order_id: OrderId
    intento: Attempt
    system_token: str = Field(description="El token entero; solo en esta respuesta.")
    expires_at: Timestamp


class HintTaken(AnswerModel):
    """El aviso recibido: qué hace la fábrica con él."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "message": "La fábrica mira ahora la sesión de la orden",
    }

    order_id: OrderId
    message: Message


router = APIRouter(route_class=Route, prefix="/api/orders", tags=["agentes"])


@router.post(
    "/{id}/latido",
    operation_id="sendHeartbeat",
    summary="Dar una señal de vida",
    responses=answers(Heartbeat),
)
@raises(Conflict)
async def beat(
    id: str,
    write: Annotated[Write, Depends(write_as(Action.SEND_HEARTBEAT))],
) -> Response:
    """Dice que el agente del intento sigue trabajando; 409 si la orden ya no se construye."""
    async with write.order("heartbeat", id, audited=False) as change:
        order = change.order
        await take_heartbeat(change)
        body = {
            "order_id": str(order.id),
            "intento": order.intento,
            "estado": order.estado,
            "latido_at": timestamp(order.heartbeat_at),
        }
        return write.answer(body, order_id=order.id)


@router.post(
    "/{id}/token",
    status_code=status.HTTP_201_CREATED,
    operation_id="renewToken",
    summary="Renovar el token del intento",
    responses=answers(AttemptToken, status.HTTP_201_CREATED),
)
@raises(Conflict)
async def renew(
    id: str,
    write: Annotated[Write, Depends(write_as(Action.RENEW_TOKEN))],
) -> Response:
    """Da otro token del mismo intento, por dos horas como máximo; el anterior vence a su hora."""
    async with write.order("renew_token", id) as change:
        order = change.order
        if not serves_in(Action.RENEW_TOKEN, OrderState(order.estado)):
            raise Conflict(
                f"La orden {order.order_number} está en '{order.estado}': no necesita otro token",
                message_en=f"Order {order.order_number} is in '{order.estado}': "
                "it needs no other token",
            )
        minted = await write.services.access.system_tokens.mint_for_attempt(
            change.tx,
            order_id=order.id,
            intento=order.intento,
            agent=write.principal.name,
            created_by=write.principal.id,
        )
        body = {
            "order_id": str(order.id),
            "intento": order.intento,
            "system_token": minted.plaintext,
            "expires_at": timestamp(minted.token.expires_at),
        }
        location = {"Location": f"/api/system-tokens/{minted.id}"}
        return write.answer(
            body, status.HTTP_201_CREATED, location, order.id, subject=f"token:{minted.id}"
        )


hint_router = APIRouter(route_class=Route, prefix="/api/orders", tags=["decisiones"])

_LOOKING = Sentence(
    "La fábrica mira ahora la sesión de la orden", "The factory is looking at the order's session"
)
_NOTHING = Sentence("La orden no tiene una sesión que mirar", "The order has no session to look at")


@hint_router.post(
    "/{id}/wake",
    operation_id="wakeOrder",
    summary="Avisar de novedades en la sesión",
    responses=answers(HintTaken),
)
async def wake(
    id: str,
    write: Annotated[Write, Depends(write_as(Action.WAKE_ORDER))],
) -> Response:
    """Pide mirar ya la sesión que construye la orden; el cuerpo no se lee."""
    async with write.order("wake", id) as change:
        order = change.order
        looking = await look_now(change.tx, order)
        body = {"order_id": str(order.id), "message": _LOOKING if looking else _NOTHING}
        return write.answer(body, order_id=order.id)


question_router = APIRouter(route_class=Route, prefix="/api/orders", tags=["preguntas"])

Number = Annotated[int, Path(ge=1, le=2**31 - 1, description="Número de la pregunta.")]


@question_router.post(
    "/{id}/preguntas",
    status_code=status.HTTP_201_CREATED,
    operation_id="askQuestion",
    summary="Preguntar sobre una orden",
    responses=answers(Question, etag=True) | answers(Question, status.HTTP_201_CREATED, etag=True),
)
@raises(Conflict)
async def ask(
    id: str,
    question: QuestionRequest,
    write: Annotated[Write, Depends(write_as(Action.ASK_QUESTION))],
) -> Response:
    """Pregunta al cliente o al operador; la misma `clave` recibe la pregunta que ya hay (200)."""
    async with write.order("ask", id) as change:
        order = change.order
        asked, fresh = await ask_as(change, question, write.principal)
        headers = {"ETag": version_etag(order.version)}
        if fresh:
            headers["Location"] = f"/api/orders/{order.id}/preguntas"
        code = status.HTTP_201_CREATED if fresh else status.HTTP_200_OK
        return write.answer(question_document(asked, write.principal), code, headers, order.id)


@question_router.get(
    "/{id}/preguntas",
    operation_id="listQuestions",
    summary="Consultar las preguntas de una orden",
    responses=answers(QuestionList, etag=True),
)
async def show(
    id: str,
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_QUESTIONS))],
) -> Response:
    """Lista las preguntas que quien pregunta puede leer, con sus respuestas."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        found = await questions_for(session, order, principal)
    return json_response(request, questions_document(order, found, principal))


@question_router.post(
    "/{id}/preguntas/{numero}/respuesta",
    operation_id="answerQuestion",
    summary="Responder una pregunta",
    responses=answers(Question, etag=True),
)
@raises(NotFound, QuestionClosed, Conflict)
async def answer(
    id: str,
    numero: Number,
    given: QuestionAnswer,
    write: Annotated[Write, Depends(write_as(Action.ANSWER_QUESTION))],
) -> Response:
    """Responde una pregunta abierta, una sola vez; la construcción sigue con la respuesta."""
    async with write.order("answer", id) as change:
        order = change.order
        question = await answer_as(change, numero, given.respuesta, write.principal)
        body = question_document(question, write.principal)
        return write.answer(body, headers={"ETag": version_etag(order.version)}, order_id=order.id)
