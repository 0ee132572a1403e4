"""The settings as the factory read them, for administrators."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from axon_factory.api.answers import json_response
from axon_factory.api.authentication import require
from axon_factory.api.routes import Route, answers
from axon_factory.api.services import Services
from axon_factory.api.settings_view import SettingList, settings_document
from axon_factory.domain.permissions import Action, Principal

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/api/settings", tags=["ajustes"])


@router.get(
    "",
    operation_id="listSettings",
    summary="Consultar los ajustes",
    responses=answers(SettingList, etag=True),
)
async def list_settings(
    request: Request,
    services: Services,
    _principal: Annotated[Principal, Depends(require(Action.READ_SETTINGS))],
) -> Response:
    """Devuelve cada ajuste como se leyó al iniciar este proceso; de un secreto, solo si lo hay.

    Se cambian en el entorno del proceso, y cuentan desde el siguiente inicio.
    """
    return json_response(request, settings_document(services.settings))
