"""Answers about what reaches an order's client: links to the portal, mails."""

from typing import ClassVar

from pydantic import Field

from axon_factory.api.schemas.base import AnswerModel, Count, OrderNumber, Timestamp
from axon_factory.api.schemas.examples import EXAMPLE_ID, EXAMPLE_NUMBER
from axon_factory.api.schemas.orders import OrderId
from axon_factory.domain.messages import ClientMail, DeliveryState
from axon_factory.orders.portal_links import LinkReason, LinkState

__all__ = ["ClientMailList", "PortalLink", "PortalLinkList", "SentClientMail"]

_URL = "https://fabrica.example/portal/fJ5meXQlQN6US-B_wfkK57nqPqVIZ0n0FoBUKyRxJ2k"
_LINK = {
    "numero": 1,
    "estado": "vigente",
    "url": _URL,
    "motivo": "alta",
    "created_at": "2025-11-14T09:00:00Z",
    "created_by": "user:7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "vence_at": "2026-11-14T09:00:00Z",
    "revocado_at": None,
    "revocado_por": None,
}


class PortalLink(AnswerModel):
    """Un enlace al portal de una orden. Quien lo tiene ve la orden y responde por el cliente."""

    EXAMPLE: ClassVar = _LINK

    numero: int = Field(ge=1, description="Número del enlace dentro de la orden.")
    estado: LinkState
    url: str | None = Field(description="El enlace, mientras sirve; después, null.")
    motivo: LinkReason
    created_at: Timestamp
    created_by: str = Field(description="Quién lo emitió.")
    vence_at: Timestamp | None = Field(description="Hasta cuándo sirve; null, sin límite.")
    revocado_at: Timestamp | None = Field(description="Cuándo dejó de servir, si se revocó.")
    revocado_por: str | None = Field(description="Quién lo revocó, o emitió el siguiente.")


class PortalLinkList(AnswerModel):
    """Los enlaces que ha tenido una orden."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "count": 1,
        "enlaces": [_LINK],
    }

    order_id: OrderId
    order_number: OrderNumber
    count: Count = Field(description="Cuántos ha tenido.")
    enlaces: list[PortalLink] = Field(description="El primero primero; sirve uno como máximo.")


class SentClientMail(AnswerModel):
    """Un correo al cliente, sin su texto."""

    EXAMPLE: ClassVar = {
        "correo": "recibida",
        "asunto": "Recibimos tu orden: Bot de ventas",
        "destinatario": "contacto@empresa.com",
        "estado": "entregada",
        "intentos": 1,
        "ultimo_error": None,
        "created_at": "2025-11-14T09:00:00Z",
        "sent_at": "2025-11-14T09:00:01Z",
    }

    correo: ClientMail
    asunto: str = Field(description="Título.")
    destinatario: str = Field(description="A quién va.")
    estado: DeliveryState
    intentos: Count = Field(description="Intentos de entrega.")
    ultimo_error: str | None = Field(description="Por qué falló el último que falló.")
    created_at: Timestamp
    sent_at: Timestamp | None = Field(description="Cuándo se entregó al servidor de correo.")


class ClientMailList(AnswerModel):
    """Los correos al cliente de una orden."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "count": 1,
        "correos": [SentClientMail.EXAMPLE],
    }

    order_id: OrderId
    order_number: OrderNumber
    count: Count = Field(description="Cuántos hay.")
    correos: list[SentClientMail] = Field(description="El primero primero.")
