"""Destinations of notifications and deliveries in answers, also of the command line."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar
from uuid import UUID

from pydantic import Field

from axon_factory.db import tables
from axon_factory.domain.answers import AnswerModel, Column, Count, OrderNumber, Timestamp
from axon_factory.domain.messages import Channel, DeliveryState
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.shared import EXAMPLE_ID, EXAMPLE_NUMBER
from axon_factory.orders.notifications import deliveries

__all__ = [
    "Delivery",
    "DeliveryPage",
    "DeliveryWithAttempts",
    "Destination",
    "DestinationCreated",
    "DestinationList",
    "attempt_documents",
    "delivery_document",
    "destination_document",
]

_REMOVED = Sentence("eliminado", "removed")
_DESTINATION: dict[str, Any] = {
    "id": "3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10",
    "canal": "webhook",
    "nombre": "crm",
    "host": "crm.example",
    "eventos": ["plan.pendiente", "orden.entregada"],
    "clientes": [],
    "tags": ["crm"],
    "clave": None,
    "activo": True,
    "motivo_desactivado": None,
    "secreto_anterior_hasta": None,
    "created_at": "2025-11-14T09:00:00Z",
    "created_by": "user:7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "version": 1,
}
_DELIVERY: dict[str, Any] = {
    "id": "9d2b7c44-0a5e-4f0e-8a55-6d6f0c9f3e21",
    "estado": "pendiente",
    "canal": "webhook",
    "evento": "plan.pendiente",
    "destino": {
        "id": "3f0c1d52-8f1b-4b53-9a5e-2c8e7a1f6b10",
        "nombre": "crm",
        "host": "crm.example",
    },
    "destinatario": None,
    "order_id": EXAMPLE_ID,
    "order_number": EXAMPLE_NUMBER,
    "asunto": f"{EXAMPLE_NUMBER}: El plan espera aprobación",
    "intentos": 1,
    "ultimo_error": "El destino respondió 503.",
    "created_at": "2025-11-14T10:00:00Z",
    "sent_at": None,
    "given_up_at": None,
}
_ATTEMPT: dict[str, Any] = {
    "numero": 1,
    "started_at": "2025-11-14T10:00:01Z",
    "duracion_ms": 183,
    "entregado": False,
    "status": 503,
    "error": "El destino respondió 503.",
}


class Destination(AnswerModel):
    """Un destino de avisos, sin su dirección ni su secreto."""

    EXAMPLE: ClassVar = _DESTINATION

    id: UUID = Field(description="UUID del destino.")
    canal: Annotated[Channel, Column("kind")]
    nombre: Annotated[str, Column("name")] = Field(description="Cómo se llama.")
    host: str = Field(description="Servidor de su dirección.")
    eventos: Annotated[list[NotificationKind], Column("events")] = Field(
        description="Los avisos que recibe; vacío, todos los que su dueño puede recibir."
    )
    clientes: Annotated[list[str], Column("client_ids")] = Field(
        description="Recibe solo los de órdenes de estos clientes; vacío, de todas."
    )
    tags: list[str] = Field(description="Recibe solo los de órdenes con todas estas etiquetas.")
    clave: Annotated[str | None, Column("owner")] = Field(
        description="La clave de API que lo registró, o la primera que esa continúa; null, de los "
        "administradores."
    )
    activo: Annotated[bool, Column("active")] = Field(description="Recibe avisos.")
    motivo_desactivado: Annotated[str | None, Column("disabled_reason")] = Field(
        description="Por qué la fábrica lo desactivó."
    )
    secreto_anterior_hasta: Annotated[Timestamp | None, Column("previous_secret_until")] = Field(
        description="Hasta cuándo firma, o firmó, también el secreto anterior."
    )
    created_at: Timestamp
    created_by: str = Field(description="Quién lo creó.")
    version: int = Field(ge=1, description="Crece con cada cambio; es el `ETag`.")


class DestinationCreated(Destination):
    """Un destino y su secreto nuevo."""

    EXAMPLE: ClassVar = {**_DESTINATION, "secreto": "whsec_…"}

    secreto: str | None = Field(
        description="Con él se comprueban las firmas; solo en esta respuesta. Un chat no tiene."
    )


class DestinationList(AnswerModel):
    """Los destinos, también los inactivos."""

    EXAMPLE: ClassVar = {"total": 1, "destinations": [_DESTINATION]}

    total: Count = Field(description="Cuántos hay.")
    destinations: list[Destination] = Field(description="Por nombre.")


class DeliveryTarget(AnswerModel):
    """A qué destino va una entrega."""

    id: UUID = Field(description="UUID del destino.")
    nombre: str = Field(description="Cómo se llama.")
    host: str = Field(description="Servidor de su dirección.")


class Delivery(AnswerModel):
    """Una entrega: un mensaje por un canal."""

    EXAMPLE: ClassVar = _DELIVERY

    id: UUID = Field(description="UUID de la entrega; `webhook-id` es `msg_` y este sin guiones.")
    estado: DeliveryState
    canal: Annotated[Channel, Column("channel")]
    evento: Annotated[str | None, Column("event")] = Field(
        description="De qué trata; null en un correo que no es aviso."
    )
    destino: DeliveryTarget | None = Field(description="Null si es un correo.")
    destinatario: str | None = Field(description="De un correo, a quién va.")
    order_id: UUID | None = Field(description="De qué orden trata, si trata de una.")
    order_number: OrderNumber | None = Field(description="Su número.")
    asunto: Annotated[str, Column("subject")] = Field(description="Título.")
    intentos: Annotated[Count, Column("attempts")] = Field(
        description="Intentos desde que se escribió o se reenvió."
    )
    ultimo_error: Annotated[str | None, Column("last_error")] = Field(
        description="Por qué falló el último que falló."
    )
    created_at: Timestamp
    sent_at: Timestamp | None = Field(description="Cuándo llegó.")
    given_up_at: Timestamp | None = Field(description="Cuándo se abandonó.")


class Attempt(AnswerModel):
    """Un intento de entrega."""

    numero: Annotated[int, Column("number")] = Field(
        ge=1, description="Cuenta todos, también los anteriores a un reenvío."
    )
    started_at: Timestamp
    duracion_ms: Annotated[Count, Column("duration_ms")] = Field(
        description="Cuánto duró, en milisegundos."
    )
    entregado: Annotated[bool, Column("delivered")] = Field(description="Llegó.")
    status: int | None = Field(description="Estado de HTTP de la respuesta, si la hubo.")
    error: str | None = Field(description="Por qué no llegó.")


class DeliveryWithAttempts(Delivery):
    """Una entrega con sus intentos."""

    EXAMPLE: ClassVar = {**_DELIVERY, "detalle_intentos": [_ATTEMPT]}

    detalle_intentos: list[Attempt] = Field(description="El primero primero.")


class DeliveryPage(AnswerModel):
    """Una página del registro de entregas."""

    EXAMPLE: ClassVar = {"count": 1, "next_cursor": None, "deliveries": [_DELIVERY]}

    count: Count = Field(description="Cuántas trae esta página.")
    next_cursor: str | None = Field(description="`cursor` de la página siguiente, si la hay.")
    deliveries: list[Delivery] = Field(description="Las más recientes primero.")


def destination_document(destination: tables.NotificationDestination) -> dict[str, Any]:
    """Show a destination: of its address only the host, of its secret nothing."""
    return Destination.of(destination)


def delivery_document(delivery: deliveries.Delivery) -> dict[str, Any]:
    """Show a delivery without what a mail says, which may hold a link that is a permission."""
    message, destination = delivery.message, delivery.destination
    return Delivery.of(
        message,
        estado=deliveries.state_of(message),
        destino=None if destination is None else _target(destination),
        destinatario=message.recipient if destination is None else None,
        order_number=delivery.order_number,
    )


def attempt_documents(attempts: Sequence[tables.OutboxAttempt]) -> list[dict[str, Any]]:
    """Show the tries at a delivery."""
    return [Attempt.of(attempt) for attempt in attempts]


def _target(destination: tables.NotificationDestination) -> dict[str, Any]:
    name = _REMOVED if destination.deleted_at else destination.name
    return DeliveryTarget.of(destination, nombre=name)
