"""What an order's client says of it: problems, which staff close, and a rating."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response, status

from axon_factory.api.answers import json_response
from axon_factory.api.authentication import require
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.errors import Conflict, NotFound
from axon_factory.domain.names import CLIENT_NAME
from axon_factory.domain.permissions import Action, Grant, Principal
from axon_factory.domain.states import Actor
from axon_factory.orders.answers.feedback import (
    Problem,
    ProblemList,
    Rating,
    problem_document,
    problems_document,
    rating_document,
)
from axon_factory.orders.feedback import (
    TooManyReports,
    close_problem,
    problems_of,
    rate_order,
    rating_of,
    report_problem,
)
from axon_factory.orders.read import read_order
from axon_factory.orders.requests import OrderRatingRequest, ProblemReport

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/api/orders", tags=["portal"])

Reader = Annotated[Principal, Depends(require(Action.READ_FEEDBACK))]


@router.get(
    "/{id}/problems",
    operation_id="listProblems",
    summary="Consultar los problemas reportados",
    responses=answers(ProblemList, etag=True),
)
async def show(id: str, request: Request, services: Services, principal: Reader) -> Response:
    """Lista lo que el cliente ha reportado, abierto o cerrado."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        problems = await problems_of(session, order)
    return json_response(request, problems_document(order, problems, principal))


@router.post(
    "/{id}/problems",
    status_code=status.HTTP_201_CREATED,
    operation_id="reportProblem",
    summary="Reportar un problema",
    responses=answers(Problem, status.HTTP_201_CREATED),
)
@raises(TooManyReports)
async def report(
    id: str,
    problem: ProblemReport,
    write: Annotated[Write, Depends(write_as(Action.REPORT_PROBLEM))],
) -> Response:
    """Deja un problema pendiente para el equipo, que recibe un correo; cinco por hora y orden."""
    async with write.order("report_problem", id) as change:
        if write.principal.grant is Grant.CLIENT_OWN:
            # How a client's people are called is not for the other readers of the history.
            actor = change.actor
            change = change.by(Actor(actor.kind, actor.id, CLIENT_NAME))  # noqa: PLW2901 — the same change, under the client's public name
        reported = await report_problem(change, problem.descripcion)
        body = problem_document(reported, write.principal)
        return write.answer(body, status.HTTP_201_CREATED, order_id=change.order.id)


@router.post(
    "/{id}/problems/{numero}/close",
    operation_id="closeProblem",
    summary="Cerrar un problema",
    responses=answers(Problem),
)
@raises(NotFound)
async def close(
    id: str,
    numero: Annotated[int, Path(ge=1, le=2**31 - 1, description="Número del problema.")],
    write: Annotated[Write, Depends(write_as(Action.CLOSE_PROBLEM))],
) -> Response:
    """Cierra un problema que ya se atendió; repetirlo no cambia nada."""
    async with write.order("close_problem", id) as change:
        closed = await close_problem(change, numero)
        body = problem_document(closed, write.principal)
        return write.answer(body, order_id=change.order.id)


@router.get(
    "/{id}/rating",
    operation_id="readRating",
    summary="Consultar la calificación",
    responses=answers(Rating, etag=True),
)
async def show_rating(id: str, request: Request, services: Services, principal: Reader) -> Response:
    """Muestra cómo califica el cliente lo que recibió."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        rating = await rating_of(session, order)
    return json_response(request, rating_document(order, rating))


@router.post(
    "/{id}/rating",
    operation_id="rateOrder",
    summary="Calificar lo entregado",
    responses=answers(Rating),
)
@raises(Conflict)
async def rate(
    id: str,
    rating: OrderRatingRequest,
    write: Annotated[Write, Depends(write_as(Action.RATE_ORDER))],
) -> Response:
    """Guarda la calificación del cliente; la última cuenta."""
    async with write.order("rate", id) as change:
        kept = await rate_order(change, rating.calificacion, rating.comentario.strip())
        return write.answer(rating_document(change.order, kept), order_id=change.order.id)
