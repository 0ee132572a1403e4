"""What reaches an order's client, in answers: links to the portal, mails."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field

from axon_factory.db import tables
from axon_factory.domain.answers import AnswerModel, Column, Count, OrderNumber, Timestamp
from axon_factory.domain.messages import EVENT_PREFIX, ClientMail, DeliveryState
from axon_factory.orders.answers.shared import EXAMPLE_ID, EXAMPLE_NUMBER, OrderId
from axon_factory.orders.notifications.deliveries import state_of
from axon_factory.orders.policy import Policy
from axon_factory.orders.portal_links import LinkReason, LinkState, link_state

__all__ = [
    "ClientMailList",
    "PortalLink",
    "PortalLinkList",
    "SentClientMail",
    "link_document",
    "links_document",
    "mails_document",
]

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

    numero: Annotated[int, Column("number")] = Field(
        ge=1, description="Número del enlace dentro de la orden."
    )
    estado: LinkState
    url: str | None = Field(description="El enlace, mientras sirve; después, null.")
    motivo: Annotated[LinkReason, Column("reason")]
    created_at: Annotated[Timestamp, Column("issued_at")]
    created_by: Annotated[str, Column("issued_by")] = Field(description="Quién lo emitió.")
    vence_at: Annotated[Timestamp | None, Column("expires_at")] = Field(
        description="Hasta cuándo sirve; null, sin límite."
    )
    revocado_at: Annotated[Timestamp | None, Column("revoked_at")] = Field(
        description="Cuándo dejó de servir, si se revocó."
    )
    revocado_por: Annotated[str | None, Column("revoked_by")] = Field(
        description="Quién lo revocó, o emitió el siguiente."
    )


class PortalLinkList(AnswerModel):
    """Los enlaces que ha tenido una orden."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "order_number": EXAMPLE_NUMBER,
        "count": 1,
        "enlaces": [_LINK],
    }

    order_id: Annotated[OrderId, Column("id")]
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
    asunto: Annotated[str, Column("subject")] = Field(description="Título.")
    destinatario: Annotated[str, Column("recipient")] = Field(description="A quién va.")
    estado: DeliveryState
    intentos: Annotated[Count, Column("attempts")] = Field(description="Intentos de entrega.")
    ultimo_error: Annotated[str | None, Column("last_error")] = Field(
        description="Por qué falló el último que falló."
    )
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

    order_id: Annotated[OrderId, Column("id")]
    order_number: OrderNumber
    count: Count = Field(description="Cuántos hay.")
    correos: list[SentClientMail] = Field(description="El primero primero.")


def mails_document(order: tables.Order, mails: Sequence[tables.OutboxMessage]) -> dict[str, Any]:
    """Show the mails to an order's client, without what they say: they hold the link."""
    shown = [
        SentClientMail.of(
            mail,
            correo=(mail.event or "").removeprefix(EVENT_PREFIX),
            estado=state_of(mail).value,
        )
        for mail in mails
    ]
    return ClientMailList.of(order, count=len(mails), correos=shown)


def links_document(
    order: tables.Order, links: Sequence[tables.PortalLink], policy: Policy, now: datetime
) -> dict[str, Any]:
    """Show the links of an order."""
    shown = [link_document(order, link, policy, now) for link in links]
    return PortalLinkList.of(order, count=len(links), enlaces=shown)


def link_document(
    order: tables.Order, link: tables.PortalLink, policy: Policy, now: datetime
) -> dict[str, Any]:
    """Show a link; its address only while it serves."""
    state = link_state(link, now)
    url = policy.portal_url(order.id, link.number) if state is LinkState.VIGENTE else None
    return PortalLink.of(link, estado=state.value, url=url)
