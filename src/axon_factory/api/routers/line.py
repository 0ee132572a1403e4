"""The line as a whole: look at it, pause, drain, stop and resume it."""

from datetime import UTC, datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from axon_factory.api.answers import json_response, version_etag
from axon_factory.api.authentication import require
from axon_factory.api.line_view import Line, line_document
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.building import LineMode
from axon_factory.domain.errors import PreconditionFailed
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.requests import RequestModel
from axon_factory.insights.line import read_line_status
from axon_factory.insights.line_work import read_line_work
from axon_factory.orders.incidents import read_products_down
from axon_factory.orders.line_mode import ModeChange, change_mode, read_control
from axon_factory.orders.requests import LongText

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/api/line", tags=["linea"])


class LineReason(RequestModel):
    """Por qué cambia el modo de la línea."""

    EXAMPLE: ClassVar = {"motivo": "Actualización del servidor"}

    motivo: LongText = Field(description="Lo lee quien consulta la línea.")


Control = Annotated[Write, Depends(write_as(Action.CONTROL_LINE))]


@router.get(
    "",
    operation_id="getLine",
    summary="Consultar la línea",
    responses=answers(Line, etag=True),
)
async def show(
    request: Request,
    services: Services,
    _principal: Annotated[Principal, Depends(require(Action.READ_LINE))],
) -> Response:
    """Devuelve el modo de la línea, los lugares, quién trabaja en qué y lo que espera."""
    async with services.database.reading() as session:
        control = await read_control(session)
        status = await read_line_status(session)
        products = await read_products_down(session, datetime.now(UTC))
        work = await read_line_work(session, stalled_after=services.worker_stalled_after)
    document = line_document(control, status, services.policy.limits, products, work)
    return json_response(request, document)


@router.post(
    "/pause",
    operation_id="pauseLine",
    summary="Pausar la línea",
    responses=answers(Line, etag=True),
)
@raises(PreconditionFailed)
async def pause(request: LineReason, write: Control) -> Response:
    """No empieza ningún paso; los que están en curso terminan y se registran."""
    return await _changed(write, "pause_line", LineMode.PAUSADA, request.motivo)


@router.post(
    "/drain",
    operation_id="drainLine",
    summary="Drenar la línea",
    responses=answers(Line, etag=True),
)
@raises(PreconditionFailed)
async def drain(request: LineReason, write: Control) -> Response:
    """Lo empezado llega a su entrega; no se planifica ni se construye nada nuevo."""
    return await _changed(write, "drain_line", LineMode.DRENANDO, request.motivo)


@router.post(
    "/stop",
    operation_id="stopLine",
    summary="Detener la línea (emergencia)",
    responses=answers(Line, etag=True),
)
@raises(PreconditionFailed)
async def stop(request: LineReason, write: Control) -> Response:
    """Interrumpe los pasos en curso y ordena parar a los agentes externos.

    Al reanudar, cada orden continúa desde sus hitos verificados.
    """
    return await _changed(write, "stop_line", LineMode.DETENIDA, request.motivo)


@router.post(
    "/resume",
    operation_id="resumeLine",
    summary="Reanudar la línea",
    responses=answers(Line, etag=True),
)
@raises(PreconditionFailed)
async def resume(write: Control) -> Response:
    """La línea vuelve a marchar, y todo lo que esperaba por ella continúa."""
    return await _changed(write, "resume_line", LineMode.ACTIVA)


async def _changed(write: Write, unit: str, mode: LineMode, reason: str = "") -> Response:
    policy, now = write.services.policy, datetime.now(UTC)
    async with write.transaction(unit) as session:
        change = ModeChange(mode, reason, write.if_match)
        control = await change_mode(session, change, write.principal, policy, now)
        status, products = await read_line_status(session), await read_products_down(session, now)
        work = await read_line_work(session, stalled_after=write.services.worker_stalled_after)
        document = line_document(control, status, policy.limits, products, work)
        headers = {"ETag": version_etag(control.version)}
        return write.answer(document, headers=headers, subject=f"line:{mode}")
