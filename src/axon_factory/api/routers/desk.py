"""What the desk's pages read: what waits for a person, the board, the times of one order."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from axon_factory.api.answers import json_response, prefers_english
from axon_factory.api.authentication import require
from axon_factory.api.list_parameters import (
    BoardParameters,
    CardParameters,
    PendingParameters,
    board_filters,
)
from axon_factory.api.routers.plans import Version
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.domain.errors import PlanNotFound
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.text import in_english
from axon_factory.orders.answers.board import Board, BoardCards
from axon_factory.orders.answers.brief import PlanBrief
from axon_factory.orders.answers.pending import PendingList
from axon_factory.orders.answers.timeline import Timeline
from axon_factory.orders.desk.board import BoardQuery, read_board
from axon_factory.orders.desk.brief import read_brief
from axon_factory.orders.desk.cards import read_cards
from axon_factory.orders.desk.pending import PendingQuery, read_pending
from axon_factory.orders.desk.timeline import read_timeline
from axon_factory.orders.read import read_order

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/api", tags=["escritorio"])


@router.get(
    "/pending",
    operation_id="listPending",
    summary="Consultar lo que espera a una persona",
    responses=answers(PendingList, etag=True),
)
async def show_pending(
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_PENDING))],
    asked: Annotated[PendingParameters, Query()],
) -> Response:
    """Lo que espera a quien pregunta: decisiones, preguntas, fallas y avisos.

    Primero lo que detiene una orden, lo más antiguo antes; después lo que puede esperar. Cada
    entrada dice qué puede hacer quien pregunta; sin actos, solo puede verla.
    """
    query = PendingQuery(tuple(asked.clase), asked.limit, asked.offset, asked.sort_by)
    async with services.database.reading() as session:
        document = await read_pending(session, query, principal, services.policy, datetime.now(UTC))
    return _in_language(request, document)


@router.get(
    "/board",
    operation_id="getBoard",
    summary="Consultar el tablero",
    responses=answers(Board, etag=True),
)
async def show_board(
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_BOARD))],
    asked: Annotated[BoardParameters, Query()],
) -> Response:
    """El tablero de órdenes: primero las que esperan a una persona, después una columna por estado.

    Los filtros son los de `GET /api/orders`, y las cuentas son las suyas. Las columnas de lo
    entregado y lo cancelado van plegadas: la cuenta, y las últimas de los días que se piden.
    """
    query = BoardQuery(board_filters(asked), asked.limit, asked.dias)
    async with services.database.reading() as session:
        document = await read_board(session, query, principal, services.policy, datetime.now(UTC))
    return _in_language(request, document)


@router.get(
    "/board/cards",
    operation_id="getBoardCards",
    summary="Consultar tarjetas de órdenes",
    responses=answers(BoardCards, etag=True),
)
async def show_cards(
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_BOARD))],
    asked: Annotated[CardParameters, Query()],
) -> Response:
    """Lo que el tablero muestra de cada orden que se nombra, en ese orden.

    Completa una lista de `GET /api/orders`: hitos, razón, promesa, estimación y actos.
    """
    async with services.database.reading() as session:
        document = await read_cards(
            session, asked.order_number, principal, services.policy, datetime.now(UTC)
        )
    return _in_language(request, document)


@router.get(
    "/orders/{id}/timeline",
    operation_id="getTimeline",
    summary="Consultar el camino de una orden",
    responses=answers(Timeline, etag=True),
)
async def show_timeline(
    id: str,
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_TIMELINE))],
) -> Response:
    """El camino de una orden: etapas e intentos con su trabajo y sus esperas, y a quién le toca.

    Solo para el equipo y sus sistemas; el cliente tiene su portal y `GET /api/orders/{id}`.
    """
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        document = await read_timeline(session, order, principal, datetime.now(UTC))
    return _in_language(request, document)


@router.get(
    "/orders/{id}/plans/{version}/brief",
    operation_id="getPlanBrief",
    summary="Consultar lo que hace falta para decidir sobre un plan",
    responses=answers(PlanBrief, etag=True),
)
@raises(PlanNotFound)
async def show_brief(
    id: str,
    version: Version,
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_BRIEF))],
) -> Response:
    """Lo que hace falta para decidir sobre una versión del plan, en una respuesta.

    Advertencias, cambios frente al catálogo y a la versión anterior, costo previsto, qué se
    prometería si se aprueba ahora, y cómo fueron órdenes parecidas.
    """
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        document = await read_brief(
            session, order, version, principal, services.policy, datetime.now(UTC)
        )
    return _in_language(request, document)


def _in_language(request: Request, document: dict[str, object]) -> Response:
    if prefers_english(request.headers.get("accept-language", "")):
        document = in_english(document)
    return json_response(request, document)
