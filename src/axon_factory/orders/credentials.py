"""Delivered credentials: sealed in their own table, revealed once (resolutions 28)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, OrderCredential
from axon_factory.domain.errors import Conflict
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.permissions import Action, Principal, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.orders.events import append_event
from axon_factory.ports.secret_box import SealedSecret, SecretBox

__all__ = [
    "SealedCredential",
    "credential_context",
    "credentials_of",
    "mark_revealed",
    "masked_credentials",
    "open_credentials",
    "store_credentials",
]

FIRST_VERSION = 1


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A credential ready to be stored: what answers show, and the sealed value."""

    name: str
    masked: str
    secret: bool
    sealed: SealedSecret


def credential_context(order_id: UUID, name: str, version: int = FIRST_VERSION) -> str:
    """Return the context that a credential is sealed to: it opens nowhere else."""
    return f"order_credentials|{order_id}|{name}|{version}"


async def store_credentials(
    session: AsyncSession, order: Order, credentials: Sequence[SealedCredential], now: datetime
) -> None:
    """Insert the credentials of an order that has none yet."""
    for credential in credentials:
        session.add(
            OrderCredential(
                order_id=order.id,
                name=credential.name,
                version=FIRST_VERSION,
                secret=credential.secret,
                masked=credential.masked,
                ciphertext=credential.sealed.ciphertext,
                wrapped_key=credential.sealed.wrapped_key,
                key_id=credential.sealed.key_id,
                created_at=now,
            )
        )
    await session.flush()


async def credentials_of(session: AsyncSession, order_id: UUID) -> Sequence[OrderCredential]:
    """Return the order's credentials by name, sealed."""
    query = select(OrderCredential).where(col(OrderCredential.order_id) == order_id)
    return list(await session.scalars(query.order_by(col(OrderCredential.name))))


def masked_credentials(credentials: Sequence[OrderCredential]) -> Mapping[str, str]:
    """Return what an answer may show: the documented keys with masked values."""
    return {credential.name: credential.masked for credential in credentials}


async def open_credentials(
    session: AsyncSession, order: Order, box: SecretBox
) -> Mapping[str, str]:
    """Return the order's credentials in clear, for the one answer that may show them."""
    return {
        item.name: box.open(
            SealedSecret(item.ciphertext, item.wrapped_key, item.key_id),
            context=credential_context(order.id, item.name, item.version),
        )
        for item in await credentials_of(session, order.id)
    }


async def mark_revealed(
    session: AsyncSession, order: Order, principal: Principal, now: datetime
) -> None:
    """Record, in the caller's transaction, that the locked order's credentials are shown now.

    The caller commits before it answers: shown without a record is impossible.

    Raises:
        Conflict: there are none, or they were shown before.
    """
    credentials = await credentials_of(session, order.id)
    if not credentials or not serves_in(Action.REVEAL_CREDENTIALS, OrderState(order.estado)):
        raise Conflict(
            "La orden no tiene credenciales que mostrar: se crean al desplegar el producto",
            message_en="The order has no credentials to show: they are made when it is deployed",
        )
    shown = next((item for item in credentials if item.revealed_at is not None), None)
    if shown is not None:
        raise Conflict(
            "Las credenciales ya se mostraron una vez; pide que se roten para obtener nuevas",
            message_en="The credentials were shown already; ask for a rotation to get new ones",
        )
    for credential in credentials:
        credential.revealed_at, credential.revealed_by = now, principal.id
    await append_event(
        session,
        order,
        NewEvent(
            kind=EventKind.CREDENCIAL_REVELADA,
            agent=principal.name,
            message="Credenciales reveladas",
            level=LogLevel.WARNING,
            metadata={"por": principal.id},
            visibility=Visibility.INTERNO,
        ),
        actor=principal.actor,
        now=now,
    )
    order.version += 1
    order.updated_at = now
