"""Delivered credentials: sealed in their own table, revealed once, replaced on demand.

Each name has one row. A rotation replaces the row by a newer version that is not in service yet;
the line puts it into service (`rotar_credenciales`). Until then nothing is revealed (resolutions
28).
"""

import base64
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.sessions import flush_unless_joined
from axon_factory.db.tables import Order, OrderCredential
from axon_factory.domain.errors import Conflict
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.orders.change import Change
from axon_factory.ports.product import SealedSecret, SecretBox

__all__ = [
    "LABELS",
    "ROTATABLE",
    "RotationInProgress",
    "SealedCredential",
    "credential_context",
    "credentials_of",
    "masked_credentials",
    "note_in_service",
    "open_credentials",
    "pending_version",
    "reveal_credentials",
    "rotate_credentials",
    "seal_secret",
    "store_credentials",
]

FIRST_VERSION = 1
_MASK = "••••••••"
_RETRY_SECONDS = 5
_KEY_PREFIX, _WEBHOOK_PREFIX = "axon_pk_live_", "whsec_"
_SECRETS: Mapping[str, tuple[str, Callable[[], str]]] = MappingProxyType(
    {
        "admin_password_temporal": ("", lambda: secrets.token_urlsafe(15)),
        "api_key": (_KEY_PREFIX, lambda: secrets.token_urlsafe(24)),
        "webhook_secret": (
            _WEBHOOK_PREFIX,
            lambda: base64.b64encode(secrets.token_bytes(32)).decode(),
        ),
    }
)
"""Name to the part that answers show and to what makes the rest, anew each time."""

LABELS: Mapping[str, str] = MappingProxyType(
    {
        "admin_password_temporal": "contraseña de administración",
        "api_key": "clave de API",
        "webhook_secret": "secreto de webhooks",
    }
)
"""What people call the secrets."""

ROTATABLE = tuple(_SECRETS)
"""The credentials that are secrets; `admin_email` is none."""


class RotationInProgress(Conflict):
    """New credentials are being put into service; neither old nor new ones are shown."""

    codigo = "rotacion_en_curso"
    title = "Rotación en curso"
    title_en = "Rotation in progress"
    retry_after = _RETRY_SECONDS

    def __init__(self) -> None:
        """There is one sentence."""
        super().__init__(
            "Las credenciales nuevas se están poniendo en servicio; repite en unos segundos",
            message_en="The new credentials are being put into service; repeat in a few seconds",
        )


@dataclass(frozen=True, slots=True)
class SealedCredential:
    """A credential ready to be stored: what answers show, and the sealed value."""

    name: str
    masked: str
    secret: bool
    sealed: SealedSecret
    version: int = FIRST_VERSION


def seal_secret(
    box: SecretBox, order_id: UUID, name: str, version: int = FIRST_VERSION
) -> SealedCredential:
    """Make a new random value of the credential `name` (one of `ROTATABLE`) and seal it."""
    prefix, make = _SECRETS[name]
    sealed = box.seal(prefix + make(), context=credential_context(order_id, name, version))
    return SealedCredential(name, prefix + _MASK, secret=True, sealed=sealed, version=version)


def credential_context(order_id: UUID, name: str, version: int = FIRST_VERSION) -> str:
    """Return the context that a credential is sealed to: it opens nowhere else."""
    return f"order_credentials|{order_id}|{name}|{version}"


async def store_credentials(change: Change, credentials: Sequence[SealedCredential]) -> None:
    """Insert credentials of an order that has none of these names; none is in service yet."""
    for credential in credentials:
        change.tx.add(
            OrderCredential(
                order_id=change.order.id,
                name=credential.name,
                version=credential.version,
                secret=credential.secret,
                masked=credential.masked,
                ciphertext=credential.sealed.ciphertext,
                wrapped_key=credential.sealed.wrapped_key,
                key_id=credential.sealed.key_id,
                created_at=change.now,
            )
        )
    await flush_unless_joined(change.tx)


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


async def pending_version(session: AsyncSession, order_id: UUID) -> int | None:
    """Return the newest version that is not in service, None when all are."""
    return await session.scalar(
        select(func.max(col(OrderCredential.version))).where(
            col(OrderCredential.order_id) == order_id,
            col(OrderCredential.in_service_at).is_(None),
        )
    )


async def note_in_service(change: Change) -> None:
    """Record that the product answers with the order's credentials, all of them."""
    await change.tx.execute(
        update(OrderCredential)
        .where(
            col(OrderCredential.order_id) == change.order.id,
            col(OrderCredential.in_service_at).is_(None),
        )
        .values(in_service_at=change.now)
    )


async def rotate_credentials(
    change: Change, names: Collection[str], box: SecretBox
) -> Sequence[str]:
    """Replace the locked order's credentials `names` (empty: all) and enqueue what follows.

    The line restarts the product with the new ones. Returns the names that are replaced.

    Raises:
        RotationInProgress: the product does not use an earlier rotation's yet.
        Conflict: no product of the order is in service.
    """
    order = change.order
    credentials = {item.name: item for item in await credentials_of(change.tx, order.id)}
    _require_product(order, credentials)
    if await pending_version(change.tx, order.id) is not None:
        raise RotationInProgress
    chosen = [name for name in ROTATABLE if name in credentials and (not names or name in names)]
    version = max(item.version for item in credentials.values()) + 1
    await change.tx.execute(
        delete(OrderCredential).where(
            col(OrderCredential.order_id) == order.id, col(OrderCredential.name).in_(chosen)
        )
    )
    sealed = [seal_secret(box, order.id, name, version) for name in chosen]
    await store_credentials(change, sealed)
    await change.tell(
        EventKind.ROTACION_PEDIDA,
        (
            "Credenciales anuladas, otras nuevas se ponen en servicio: "
            + ", ".join(LABELS[name] for name in chosen)
        ),
        level=LogLevel.WARNING,
        credenciales=chosen,
        version=version,
    )
    await change.wake()
    return chosen


async def reveal_credentials(change: Change, box: SecretBox) -> Mapping[str, str]:
    """Return the credentials that were not shown yet in clear, the others masked.

    That they are shown is recorded in the caller's transaction. The caller commits before it
    answers: shown without a record is impossible.

    Raises:
        RotationInProgress: the product does not use the newest ones yet.
        Conflict: there are none, or all were shown before.
    """
    order = change.order
    credentials = await credentials_of(change.tx, order.id)
    if not credentials or not serves_in(Action.REVEAL_CREDENTIALS, OrderState(order.estado)):
        raise Conflict(
            "La orden no tiene credenciales que mostrar: se crean al desplegar el producto",
            message_en="The order has no credentials to show: they are made when it is deployed",
        )
    fresh = [item for item in credentials if item.revealed_at is None]
    if not any(item.secret for item in fresh):
        raise Conflict(
            "Las credenciales ya se mostraron una vez; rótalas para obtener nuevas",
            message_en="The credentials were shown already; rotate them to get new ones",
        )
    if order.resultado is not None and any(item.in_service_at is None for item in fresh):
        raise RotationInProgress
    values = await open_credentials(change.tx, order, box)
    shown = {
        item.name: values[item.name] if item in fresh or not item.secret else item.masked
        for item in credentials
    }
    for credential in fresh:
        credential.revealed_at, credential.revealed_by = change.now, change.actor.id
    await change.tell_staff(
        EventKind.CREDENCIAL_REVELADA,
        "Credenciales reveladas",
        level=LogLevel.WARNING,
        por=change.actor.id,
        credenciales=[item.name for item in fresh if item.secret],
    )
    await change.touch()
    return shown


def _require_product(order: Order, credentials: Collection[str]) -> None:
    in_service = order.resultado is not None and order.deployment_open and credentials
    if in_service and serves_in(Action.ROTATE_CREDENTIALS, OrderState(order.estado)):
        return
    raise Conflict(
        f"La orden {order.order_number} no tiene un producto en marcha con credenciales que rotar",
        message_en=f"Order {order.order_number} has no running product with credentials to rotate",
    )
