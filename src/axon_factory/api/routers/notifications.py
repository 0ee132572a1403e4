"""Destinations of notifications: webhooks and chats of administrators, webhooks of API keys.

An administrator keeps them all. A key keeps its own, and is told that there are no others.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar, Literal, Self

from fastapi import APIRouter, Depends, Request, Response, status
from pydantic import Field, model_validator

from axon_factory.api.answers import json_response, version_etag
from axon_factory.api.authentication import require
from axon_factory.api.notification_views import (
    Delivery,
    Destination,
    DestinationCreated,
    DestinationList,
    delivery_document,
    destination_document,
)
from axon_factory.api.routes import Route, answers, raises
from axon_factory.api.services import Services
from axon_factory.api.writing import Write, write_as
from axon_factory.db.tables import NotificationDestination
from axon_factory.domain.errors import Conflict, PreconditionFailed
from axon_factory.domain.messages import Channel
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.requests import RequestModel
from axon_factory.orders.notifications.deliveries import send_test
from axon_factory.orders.notifications.destinations import (
    ROTATION_GRACE,
    ROTATION_GRACE_MAX,
    DestinationChange,
    DestinationNameTaken,
    NewDestination,
    TooManyDestinations,
    change_destination,
    create_destination,
    destination_id_of,
    find_destination,
    list_destinations,
    remove_destination,
    rotate_secret,
)
from axon_factory.orders.notifications.outbox import family_of
from axon_factory.orders.requests.values import ClientId, ShortText

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/api/notifications/destinations", tags=["avisos"])

_LONGEST_NAME = 100
_LONGEST_URL = 2048
_MOST_FILTERS = 50
_HOUR = timedelta(hours=1)

Keeper = Annotated[Principal, Depends(require(Action.MANAGE_NOTIFICATIONS))]
Keep = Annotated[Write, Depends(write_as(Action.MANAGE_NOTIFICATIONS))]
Name = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME)]
Kinds = Annotated[
    list[Annotated[NotificationKind, Field(strict=False)]], Field(max_length=len(NotificationKind))
]

Clients = Annotated[list[ClientId], Field(max_length=_MOST_FILTERS)]
Tags = Annotated[list[ShortText], Field(max_length=_MOST_FILTERS)]


class NewDestinationRequest(RequestModel):
    """Destino nuevo de avisos."""

    EXAMPLE: ClassVar = {
        "canal": "webhook",
        "nombre": "crm",
        "url": "https://crm.example/avisos",
        "eventos": ["plan.pendiente", "orden.entregada"],
    }

    canal: Literal["webhook", "slack"] = Field(
        description="`webhook` (firmado) o `slack` (un webhook entrante de chat)."
    )
    nombre: Name = Field(description="Cómo se llama; único.")
    url: str = Field(
        min_length=1,
        max_length=_LONGEST_URL,
        description="Su dirección, https; se guarda cifrada y no se muestra de nuevo.",
    )
    eventos: Kinds = Field(
        default=[],
        description="Los avisos que recibe; sin ellos, todos los que puede recibir. Una clave "
        "recibe los de la orden: `orden.creada`, `orden.estado_cambiado`, …",
    )
    clientes: Clients = Field(
        default=[], description="Solo los de órdenes de estos clientes; sin ellos, de todas."
    )
    tags: Tags = Field(
        default=[], description="Solo los de órdenes que tienen todas estas etiquetas."
    )


class DestinationPatch(RequestModel):
    """Cambio de un destino; al menos un campo."""

    EXAMPLE: ClassVar = {"activo": False}

    nombre: Name | None = Field(default=None, description="Cómo se llama; único.")
    eventos: Kinds | None = Field(default=None, description="Los avisos que recibe; vacío, todos.")
    clientes: Clients | None = Field(
        default=None, description="Solo los de órdenes de estos clientes; vacío, de todas."
    )
    tags: Tags | None = Field(
        default=None, description="Solo los de órdenes con todas estas etiquetas; vacío, de todas."
    )
    activo: bool | None = Field(
        default=None, description="Falso: ya no recibe avisos, y los que esperan se abandonan."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Indica al menos un campo")
        return self


class SecretRotation(RequestModel):
    """Rotación del secreto de un webhook."""

    EXAMPLE: ClassVar = {"gracia_horas": 24}

    gracia_horas: Annotated[int, Field(ge=0, le=ROTATION_GRACE_MAX // _HOUR)] = Field(
        default=ROTATION_GRACE // _HOUR,
        description="Horas que el secreto anterior firma todavía; 0 lo termina ahora.",
    )


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    operation_id="createDestination",
    summary="Crear un destino de avisos",
    responses=answers(DestinationCreated, status.HTTP_201_CREATED, etag=True),
)
@raises(DestinationNameTaken, TooManyDestinations)
async def create(new: NewDestinationRequest, write: Keep) -> Response:
    """Crea un destino; el secreto con que se firma se muestra solo en esta respuesta.

    La dirección debe ser https en el puerto 443 y pública. Con una clave de API, el destino es de
    la clave: solo recibe los eventos de órdenes, y deja de recibirlos cuando la clave termina.
    """
    wanted = NewDestination(
        Channel(new.canal),
        new.nombre,
        new.url,
        frozenset(new.eventos),
        frozenset(new.clientes),
        frozenset(new.tags),
    )
    async with write.transaction("create_destination") as session:
        services, family = write.services, await family_of(session, write.principal)
        created = await create_destination(
            session,
            wanted,
            box=services.secret_box,
            rules=services.outbound if family is None else services.key_outbound,
            created_by=write.principal.id,
            now=datetime.now(UTC),
            family=family,
        )
        location = f"{router.prefix}/{created.destination.id}"
        return _answer(
            write,
            created.destination,
            status.HTTP_201_CREATED,
            {"Location": location},
            secreto=created.secret,
        )


@router.get(
    "",
    operation_id="listDestinations",
    summary="Listar los destinos de avisos",
    responses=answers(DestinationList, etag=True),
)
async def list_all(request: Request, principal: Keeper, services: Services) -> Response:
    """Lista los destinos por nombre, también los inactivos; una clave ve los suyos."""
    async with services.database.reading() as session:
        found = await list_destinations(session, await family_of(session, principal))
    shown = [destination_document(destination) for destination in found]
    return json_response(request, {"total": len(shown), "destinations": shown})


@router.get(
    "/{id}",
    operation_id="getDestination",
    summary="Consultar un destino de avisos",
    responses=answers(Destination, etag=True),
)
async def show(
    id: str,
    request: Request,
    principal: Keeper,
    services: Services,
) -> Response:
    """Muestra un destino, sin su dirección ni su secreto."""
    async with services.database.reading() as session:
        family = await family_of(session, principal)
        destination = await find_destination(session, destination_id_of(id), family=family)
    etag = version_etag(destination.version)
    return json_response(request, destination_document(destination), etag=etag)


@router.patch(
    "/{id}",
    operation_id="updateDestination",
    summary="Cambiar un destino de avisos",
    responses=answers(Destination, etag=True),
)
@raises(DestinationNameTaken, PreconditionFailed, Conflict)
async def update(
    id: str,
    patch: DestinationPatch,
    write: Keep,
) -> Response:
    """Cambia el nombre, los avisos o los filtros de un destino, o lo activa o desactiva."""
    destination_id = destination_id_of(id)
    events = None if patch.eventos is None else frozenset(patch.eventos)
    change = DestinationChange(patch.nombre, events, patch.activo, patch.clientes, patch.tags)
    async with write.transaction("update_destination") as session:
        changed = await change_destination(
            session,
            destination_id,
            change,
            if_version=write.if_match,
            family=await family_of(session, write.principal),
        )
        return _answer(write, changed)


@router.delete(
    "/{id}",
    operation_id="deleteDestination",
    summary="Eliminar un destino de avisos",
    responses=answers(Destination, etag=True),
)
async def remove(
    id: str,
    write: Keep,
) -> Response:
    """Olvida la dirección y el secreto de un destino; sus entregas quedan en el registro."""
    destination_id = destination_id_of(id)
    async with write.transaction("delete_destination") as session:
        family = await family_of(session, write.principal)
        now = datetime.now(UTC)
        removed = await remove_destination(session, destination_id, now, family=family)
        return _answer(write, removed)


@router.post(
    "/{id}/rotate",
    operation_id="rotateDestinationSecret",
    summary="Rotar el secreto de un webhook",
    responses=answers(DestinationCreated, etag=True),
)
@raises(Conflict)
async def rotate(
    id: str,
    write: Keep,
    rotation: SecretRotation | None = None,
) -> Response:
    """Da un secreto nuevo, solo en esta respuesta; el anterior firma también durante la gracia."""
    destination_id = destination_id_of(id)
    grace = timedelta(hours=(rotation or SecretRotation()).gracia_horas)
    async with write.transaction("rotate_destination") as session:
        created = await rotate_secret(
            session,
            destination_id,
            box=write.services.secret_box,
            now=datetime.now(UTC),
            grace=grace,
            family=await family_of(session, write.principal),
        )
        return _answer(write, created.destination, secreto=created.secret)


@router.post(
    "/{id}/test",
    status_code=status.HTTP_201_CREATED,
    operation_id="testDestination",
    summary="Enviar un aviso de prueba",
    responses=answers(Delivery, status.HTTP_201_CREATED),
)
@raises(Conflict)
async def try_out(
    id: str,
    write: Keep,
) -> Response:
    """Encola un aviso de prueba; `Location` es la entrega, que dice cómo le va."""
    destination_id = destination_id_of(id)
    async with write.transaction("test_destination") as session:
        family = await family_of(session, write.principal)
        delivery = await send_test(session, destination_id, datetime.now(UTC), family=family)
        location = f"/api/notifications/deliveries/{delivery.message.id}"
        return write.answer(
            delivery_document(delivery),
            status.HTTP_201_CREATED,
            {"Location": location},
            subject=f"destination:{destination_id}",
        )


def _answer(
    write: Write,
    destination: NotificationDestination,
    code: int = status.HTTP_200_OK,
    headers: Mapping[str, str] | None = None,
    **more: str | None,
) -> Response:
    body = {**destination_document(destination), **more}
    etag = {"ETag": version_etag(destination.version)}
    subject = f"destination:{destination.id}"
    return write.answer(body, code, {**etag, **(headers or {})}, subject=subject)
