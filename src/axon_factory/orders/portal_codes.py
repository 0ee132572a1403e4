"""Codes that prove who reads the order's mail: six digits, short-lived, used once.

The link alone shows no secret. A code is sent to the order's contact, and the page shows or
replaces credentials for who types it. The table keeps a MAC under a key that the database does not
have, so that a copy of the table cannot be searched for the code.
"""

import secrets
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import PortalCode
from axon_factory.domain.errors import AxonError, Conflict
from axon_factory.domain.messages import ClientMail
from axon_factory.domain.states import OrderState
from axon_factory.orders.change import Change
from axon_factory.orders.credentials import credentials_of
from axon_factory.orders.notifications.client_mails import tell_code
from axon_factory.orders.portal_links import PortalLinks

__all__ = [
    "CODE_DIGITS",
    "CODE_MINUTES",
    "CodeCheck",
    "TooManyCodes",
    "code_until",
    "issue_code",
    "spend_code",
]

CODE_DIGITS = 6
CODE_MINUTES = 10
_MOST_TRIES = 5
_RECENT, _MOST_RECENT = timedelta(minutes=15), 3
_DAY, _MOST_A_DAY = timedelta(days=1), 10
_SAME_CLICK = timedelta(seconds=20)
"""A code asked for again so soon is the same: a second click does not void the first mail."""


class TooManyCodes(AxonError):
    """Several codes were mailed a short time ago; more would only help who guesses."""

    codigo = "demasiados_codigos"
    status = 429
    title = "Demasiados códigos"
    title_en = "Too many codes"

    def __init__(self, retry_after: int) -> None:
        """`retry_after` is in seconds."""
        minutes = max(1, -(-retry_after // 60))
        super().__init__(
            f"Ya te mandamos varios códigos. Usa el último, o pide otro en {minutes} min",
            message_en=f"We have sent several codes. Use the last, or ask again in {minutes} min",
        )
        self.retry_after = retry_after


class CodeCheck(StrEnum):
    """What is said of a code that was typed."""

    VALE = "vale"
    NO_COINCIDE = "no_coincide"
    VENCIDO = "vencido"
    GASTADO = "gastado"
    """It was used, or typed wrongly too often."""
    NINGUNO = "ninguno"
    """None was sent."""


async def issue_code(change: Change, links: PortalLinks) -> None:
    """Mail a code to the contact of the locked order; the code before serves no more.

    Raises:
        Conflict: no credentials are delivered, or mails with codes are switched off.
        TooManyCodes: too many were sent for this order.
    """
    order, now = change.order, change.now
    delivered = order.estado == OrderState.ENTREGADO
    if not delivered or not await credentials_of(change.tx, order.id):
        raise Conflict(
            "Las credenciales se muestran cuando tu producto está entregado",
            message_en="Credentials are shown once your product has been delivered",
        )
    if ClientMail.CODIGO not in change.policy.client_mails:
        raise Conflict(
            "Las credenciales se piden a tu asesor; los códigos por correo están apagados",
            message_en="Ask your adviser for the credentials; codes by mail are switched off",
        )
    codes = col(PortalCode.order_id) == order.id
    found = await change.tx.scalars(
        select(PortalCode).where(codes).order_by(col(PortalCode.number))
    )
    sent = list(found)
    if sent and sent[-1].used_at is None and now - sent[-1].issued_at < _SAME_CLICK:
        return
    _require_calm(change, sent)
    number = sent[-1].number + 1 if sent else 1
    # The newest stays, so that no number, and no mail's key, comes twice.
    await change.tx.execute(
        delete(PortalCode).where(
            codes, col(PortalCode.number) < number - 1, col(PortalCode.issued_at) < now - _DAY
        )
    )
    code = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}}"
    change.tx.add(
        PortalCode(
            order_id=order.id,
            number=number,
            mac=_mac(change, links, number, code),
            issued_at=now,
            expires_at=now + timedelta(minutes=CODE_MINUTES),
        )
    )
    await change.tx.flush()
    await tell_code(change, code, number=number, minutes=CODE_MINUTES)


async def code_until(session: AsyncSession, order_id: UUID, now: datetime) -> datetime | None:
    """Return until when the code that was mailed last serves, None if it does not."""
    newest = await _newest(session, order_id)
    if newest is None or newest.used_at is not None or newest.tries >= _MOST_TRIES:
        return None
    return newest.expires_at if newest.expires_at > now else None


async def spend_code(change: Change, links: PortalLinks, typed: str) -> CodeCheck:
    """Compare what was typed with the locked order's newest code, and count it.

    The caller commits whatever the answer is: a wrong code that is not counted could be tried for
    ever. A right one is used up.
    """
    newest = await _newest(change.tx, change.order.id)
    if newest is None:
        return CodeCheck.NINGUNO
    if newest.used_at is not None or newest.tries >= _MOST_TRIES:
        return CodeCheck.GASTADO
    if newest.expires_at <= change.now:
        return CodeCheck.VENCIDO
    code = "".join(typed.split()).replace("-", "")
    if not secrets.compare_digest(newest.mac, _mac(change, links, newest.number, code)):
        newest.tries += 1
        await change.tx.flush()
        return CodeCheck.GASTADO if newest.tries >= _MOST_TRIES else CodeCheck.NO_COINCIDE
    newest.used_at = change.now
    await change.tx.flush()
    return CodeCheck.VALE


async def _newest(session: AsyncSession, order_id: UUID) -> PortalCode | None:
    query = select(PortalCode).where(col(PortalCode.order_id) == order_id)
    return await session.scalar(query.order_by(col(PortalCode.number).desc()).limit(1))


def _require_calm(change: Change, sent: list[PortalCode]) -> None:
    for span, most in ((_RECENT, _MOST_RECENT), (_DAY, _MOST_A_DAY)):
        within = [one.issued_at for one in sent if one.issued_at > change.now - span]
        if len(within) >= most:
            raise TooManyCodes(int((within[-most] + span - change.now).total_seconds()) + 1)


def _mac(change: Change, links: PortalLinks, number: int, code: str) -> bytes:
    order = change.order
    # With the address: once it is corrected, what went to the wrong one is void.
    return links.code_mac(order.id, number, order.datos_cliente["email"], code)
