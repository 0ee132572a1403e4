"""Rows of the links by which users choose a password: single use, and the newest alone serves.

Each function works in the caller's transaction. The caller holds the lock of the user's row where a
function says so: two writes about one account then follow one another.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.tokens import generate_token, parse_token
from axon_factory.db.tables import AccountLink, User
from axon_factory.domain.messages import Language

LINK_TOKEN_PREFIX = "axl_live"  # noqa: S105 — the public prefix, not a token
_KEPT_AFTER_ITS_END = timedelta(days=30)
_PURGED_AT_ONCE = 1000


class LinkKind(StrEnum):
    """What a link is for."""

    INVITACION = "invitacion"
    """A new user chooses their first password."""
    RESTABLECER = "restablecer"
    """A user who forgot their password chooses another one."""


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A link that serves from the commit on, and its token, which is kept nowhere in clear."""

    row: AccountLink
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LiveLink:
    """A link that serves, and whose it is."""

    row: AccountLink
    user: User


async def add_link(
    session: AsyncSession,
    user_id: UUID,
    kind: LinkKind,
    *,
    life: timedelta,
    by: str,
    language: Language,
    pepper: bytes,
) -> IssuedLink:
    """Add a link of a user whose row is locked; earlier links of the same kind end.

    `by` is the id of the principal that asked for it.
    """
    await end_links(session, user_id, kind)
    now = datetime.now(UTC)
    token = generate_token(LINK_TOKEN_PREFIX)
    row = AccountLink(
        id=token.id,
        user_id=user_id,
        kind=kind.value,
        secret_mac=token.mac(pepper),
        created_at=now,
        created_by=by,
        language=language.value,
        expires_at=now + life,
    )
    session.add(row)
    await session.flush()
    await _purge(session, now)
    return IssuedLink(row, token.plaintext)


async def find_live(session: AsyncSession, text: str, pepper: bytes) -> LiveLink | None:
    """Return the link that `text` is the token of, None unless it serves."""
    token = parse_token(LINK_TOKEN_PREFIX, text)
    if token is None:
        return None
    found = await session.execute(
        select(AccountLink, User)
        .join(User, col(User.id) == col(AccountLink.user_id))
        .where(
            col(AccountLink.id) == token.id,
            col(AccountLink.used_at).is_(None),
            col(AccountLink.revoked_at).is_(None),
            col(AccountLink.expires_at) > datetime.now(UTC),
            col(User.active),
        )
    )
    row = found.one_or_none()
    if row is None or not token.matches(row[0].secret_mac, pepper):
        return None
    return LiveLink(*row)


async def use_link(session: AsyncSession, link_id: str) -> bool:
    """Mark a link of a user whose row is locked as used; False if it does not serve any more."""
    now = datetime.now(UTC)
    used = await session.execute(
        update(AccountLink)
        .where(
            col(AccountLink.id) == link_id,
            col(AccountLink.used_at).is_(None),
            col(AccountLink.revoked_at).is_(None),
            col(AccountLink.expires_at) > now,
        )
        .values(used_at=now)
        .returning(col(AccountLink.id))
    )
    return used.one_or_none() is not None


async def end_links(session: AsyncSession, user_id: UUID, kind: LinkKind | None = None) -> None:
    """End every link that a user has not used, or those of one kind."""
    statement = update(AccountLink).where(
        col(AccountLink.user_id) == user_id,
        col(AccountLink.used_at).is_(None),
        col(AccountLink.revoked_at).is_(None),
    )
    if kind is not None:
        statement = statement.where(col(AccountLink.kind) == kind.value)
    await session.execute(statement.values(revoked_at=datetime.now(UTC)))


async def _purge(session: AsyncSession, now: datetime) -> None:
    """Delete some links that ended long ago; never waits for another transaction."""
    ended = (
        select(col(AccountLink.id))
        .where(col(AccountLink.expires_at) <= now - _KEPT_AFTER_ITS_END)
        .limit(_PURGED_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    await session.execute(delete(AccountLink).where(col(AccountLink.id).in_(ended)))
