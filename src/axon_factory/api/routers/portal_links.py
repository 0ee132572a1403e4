"""What reaches an order's client: links to the portal, listed, issued, revoked; mails, listed."""

from datetime import UTC, datetime
from typing import Annotated, ClassVar

from fastapi import APIRouter, Depends, Path, Request, Response, status
from pydantic import Field

from axon_factory.api.answers import json_response, version_etag
from axon_factory.api.authentication import require
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.domain.errors import NotFound
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.requests import RequestModel
from axon_factory.orders.answers.portal import (
    ClientMailList,
    PortalLink,
    PortalLinkList,
    link_document,
    links_document,
    mails_document,
)
from axon_factory.orders.notifications.client_mails import client_mails_of
from axon_factory.orders.portal_administration import renew_link, withdraw_link
from axon_factory.orders.portal_links import links_of
from axon_factory.orders.read import read_order

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/api/orders", tags=["portal"])

Manage = Annotated[Write, Depends(write_as(Action.MANAGE_PORTAL_LINKS))]


class NewPortalLink(RequestModel):
    """Enlace nuevo del portal."""

    EXAMPLE: ClassVar = {"enviar": True}

    enviar: bool = Field(
        default=True,
        description="Se envía por correo al cliente; si no, solo está en la respuesta.",
    )


@router.get(
    "/{id}/portal-links",
    operation_id="listPortalLinks",
    summary="Consultar los enlaces del portal",
    responses=answers(PortalLinkList, etag=True),
)
async def show(
    id: str,
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.MANAGE_PORTAL_LINKS))],
) -> Response:
    """Lista los enlaces que ha tenido la orden; el que sirve, con su dirección."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        links = await links_of(session, order)
    return json_response(request, links_document(order, links, services.policy, datetime.now(UTC)))


@router.post(
    "/{id}/portal-links",
    status_code=status.HTTP_201_CREATED,
    operation_id="createPortalLink",
    summary="Emitir otro enlace del portal",
    responses=answers(PortalLink, status.HTTP_201_CREATED, etag=True),
)
async def create(
    id: str,
    write: Manage,
    wanted: NewPortalLink | None = None,
) -> Response:
    """Emite otro enlace y lo envía al cliente; el anterior deja de servir en el acto."""
    async with write.order("create_portal_link", id) as change:
        order = change.order
        policy, now = write.services.policy, datetime.now(UTC)
        link = await renew_link(change, send=wanted is None or wanted.enviar)
        body = link_document(order, link, policy, now)
        headers = {"ETag": version_etag(order.version)}
        return write.answer(body, status.HTTP_201_CREATED, headers, order.id)


@router.delete(
    "/{id}/portal-links/{numero}",
    operation_id="revokePortalLink",
    summary="Revocar un enlace del portal",
    responses=answers(PortalLink, etag=True),
)
@raises(NotFound)
async def revoke(
    id: str,
    numero: Annotated[int, Path(ge=1, le=2**31 - 1, description="Número del enlace.")],
    write: Manage,
) -> Response:
    """Revoca un enlace desde la próxima solicitud; repetirlo no cambia nada."""
    async with write.order("revoke_portal_link", id) as change:
        order = change.order
        policy, now = write.services.policy, datetime.now(UTC)
        link = await withdraw_link(change, numero)
        body = link_document(order, link, policy, now)
        headers = {"ETag": version_etag(order.version)}
        return write.answer(body, headers=headers, order_id=order.id)


@router.get(
    "/{id}/client-mails",
    operation_id="listClientMails",
    summary="Consultar los correos al cliente",
    responses=answers(ClientMailList, etag=True),
)
async def show_mails(
    id: str,
    request: Request,
    services: Services,
    principal: Annotated[Principal, Depends(require(Action.READ_CLIENT_MAILS))],
) -> Response:
    """Lista los correos que el cliente ha recibido o va a recibir, y cómo va su entrega."""
    async with services.database.reading() as session:
        order = await read_order(session, id, principal)
        mails = await client_mails_of(session, order)
    return json_response(request, mails_document(order, mails))
