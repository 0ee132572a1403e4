"""Destinations and deliveries as the API and the command line show them."""

from collections.abc import Sequence
from typing import Any

from axon_factory.db.tables import NotificationDestination, OutboxAttempt
from axon_factory.domain.sentences import Sentence
from axon_factory.domain.times import timestamp
from axon_factory.orders.notifications.deliveries import Delivery, state_of

__all__ = ["attempt_documents", "delivery_document", "destination_document"]

_REMOVED = Sentence("eliminado", "removed")


def destination_document(destination: NotificationDestination) -> dict[str, Any]:
    """Show a destination: of its address only the host, of its secret nothing."""
    return {
        "id": str(destination.id),
        "canal": destination.kind,
        "nombre": destination.name,
        "host": destination.host,
        "eventos": list(destination.events),
        "clientes": list(destination.client_ids),
        "tags": list(destination.tags),
        "clave": destination.owner,
        "activo": destination.active,
        "motivo_desactivado": destination.disabled_reason,
        "secreto_anterior_hasta": timestamp(destination.previous_secret_until),
        "created_at": timestamp(destination.created_at),
        "created_by": destination.created_by,
        "version": destination.version,
    }


def delivery_document(delivery: Delivery) -> dict[str, Any]:
    """Show a delivery without what a mail says, which may hold a link that is a permission."""
    message, destination = delivery.message, delivery.destination
    return {
        "id": str(message.id),
        "estado": state_of(message),
        "canal": message.channel,
        "evento": message.event,
        "destino": None
        if destination is None
        else {
            "id": str(destination.id),
            "nombre": _REMOVED if destination.deleted_at else destination.name,
            "host": destination.host,
        },
        "destinatario": message.recipient if destination is None else None,
        "order_id": None if message.order_id is None else str(message.order_id),
        "order_number": delivery.order_number,
        "asunto": message.subject,
        "intentos": message.attempts,
        "ultimo_error": message.last_error,
        "created_at": timestamp(message.created_at),
        "sent_at": timestamp(message.sent_at),
        "given_up_at": timestamp(message.given_up_at),
    }


def attempt_documents(attempts: Sequence[OutboxAttempt]) -> list[dict[str, Any]]:
    """Show the tries at a delivery."""
    return [
        {
            "numero": attempt.number,
            "started_at": timestamp(attempt.started_at),
            "duracion_ms": attempt.duration_ms,
            "entregado": attempt.delivered,
            "status": attempt.status,
            "error": attempt.error,
        }
        for attempt in attempts
    ]
