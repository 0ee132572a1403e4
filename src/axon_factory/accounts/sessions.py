"""Logins that last: a row that can be revoked, and a refresh token that changes with every use.

Of a session's refresh tokens only the newest serves. A caller who presents an older one has a
copy, or was robbed. Both look alike, so the whole session ends (RFC 9700 §4.14.2). One case is an
exception, because an answer can be lost on its way, and two tabs can refresh at once. The token
that served last is answered, for 30 seconds, with the very successor that it was answered with
before. A thief who uses those seconds holds the same token as the owner, and the next use of it by
both ends the session.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.tokens import (
    OpaqueToken,
    checked_pepper,
    generate_token,
    parse_token,
)
from axon_factory.db.tables import RefreshToken, UserSession

REFRESH_TOKEN_PREFIX = "axr_live"  # noqa: S105 — the public prefix, not a token
REPEAT_WINDOW = timedelta(seconds=30)
_PURGED_AT_ONCE = 1000
_ADDRESS_MAX_CHARACTERS = 64
_USER_AGENT_MAX_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from: an IP address, what the program calls itself, and its id."""

    address: str
    user_agent: str = ""
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long a session lives: since its login, and without being refreshed."""

    lifetime: timedelta = timedelta(days=7)
    idle: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class RefreshedSession:
    """A session that stands, and the refresh token that serves from now on."""

    session: UserSession
    refresh_token: str = field(repr=False)


class Sessions:
    """Opens, refreshes and ends sessions, in the caller's transaction."""

    def __init__(self, pepper: bytes, limits: SessionLimits) -> None:
        """`pepper` is the secret of 32 bytes or more without which the kept MACs say nothing."""
        self._pepper = checked_pepper(pepper)
        self._limits = limits

    async def open(
        self,
        session: AsyncSession,
        user_id: UUID,
        client: Client,
        *,
        prefix: str = REFRESH_TOKEN_PREFIX,
    ) -> RefreshedSession:
        """Begin a session of a user who has just shown their password.

        Its lasting token begins with `prefix`; only a refresh token is ever exchanged.
        """
        now = datetime.now(UTC)
        token = generate_token(prefix)
        opened = UserSession(
            id=uuid4(),
            user_id=user_id,
            created_at=now,
            last_used_at=now,
            expires_at=now + self._limits.lifetime,
            address=client.address[:_ADDRESS_MAX_CHARACTERS],
            user_agent=_shown(client.user_agent)[:_USER_AGENT_MAX_CHARACTERS],
            refresh_id=token.id,
        )
        session.add(opened)
        await session.flush()
        await self._keep(session, token, opened, now)
        return RefreshedSession(opened, token.plaintext)

    async def refresh(self, session: AsyncSession, text: str) -> RefreshedSession | None:
        """Exchange a refresh token for its successor, or return None if it does not serve.

        Commit in either case: a token that had served before has ended its session.
        """
        token = parse_token(REFRESH_TOKEN_PREFIX, text)
        if token is None:
            return None
        kept = await session.get(RefreshToken, token.id)
        if kept is None or not token.matches(kept.secret_mac, self._pepper):
            return None
        # What changes stands in this one row, so its lock puts refreshes in a row.
        opened = await session.get_one(UserSession, kept.session_id, with_for_update=True)
        now = datetime.now(UTC)
        if not self._stands(opened, now):
            return None
        successor = token.successor(self._pepper)
        if token.id == opened.refresh_id:
            opened.previous_refresh_id, opened.refresh_id = token.id, successor.id
            opened.last_used_at = now
            await self._keep(session, successor, opened, now)
            return RefreshedSession(opened, successor.plaintext)
        repeated = token.id == opened.previous_refresh_id
        if repeated and now < opened.last_used_at + REPEAT_WINDOW:
            return RefreshedSession(opened, successor.plaintext)
        opened.revoked_at = now
        await session.flush()
        return None

    async def list_open(self, session: AsyncSession, user_id: UUID) -> list[UserSession]:
        """Return the sessions of a user that still stand, the newest first."""
        found = await session.scalars(
            select(UserSession)
            .where(col(UserSession.user_id) == user_id, col(UserSession.revoked_at).is_(None))
            .order_by(col(UserSession.created_at).desc(), col(UserSession.id))
        )
        now = datetime.now(UTC)
        return [opened for opened in found if self._stands(opened, now)]

    async def purge(self, session: AsyncSession) -> None:
        """Delete some sessions that ended by themselves; never waits for another transaction."""
        ended = (
            select(col(UserSession.id))
            .where(col(UserSession.expires_at) <= datetime.now(UTC))
            .limit(_PURGED_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        await session.execute(delete(UserSession).where(col(UserSession.id).in_(ended)))

    def _stands(self, opened: UserSession, now: datetime) -> bool:
        return (
            opened.revoked_at is None
            and now < opened.expires_at
            and now < opened.last_used_at + self._limits.idle
        )

    async def _keep(
        self, session: AsyncSession, token: OpaqueToken, opened: UserSession, now: datetime
    ) -> None:
        session.add(
            RefreshToken(
                id=token.id,
                session_id=opened.id,
                secret_mac=token.mac(self._pepper),
                created_at=now,
            )
        )
        await session.flush()


async def revoke_sessions(
    session: AsyncSession,
    user_id: UUID,
    *,
    only: UUID | None = None,
    keep_session: UUID | None = None,
) -> int:
    """End the sessions of a user from the next request on, and return how many stood.

    `only` ends one session alone. `keep_session` stays open.
    """
    statement = update(UserSession).where(
        col(UserSession.user_id) == user_id, col(UserSession.revoked_at).is_(None)
    )
    if only is not None:
        statement = statement.where(col(UserSession.id) == only)
    if keep_session is not None:
        statement = statement.where(col(UserSession.id) != keep_session)
    ended = await session.execute(
        statement.values(revoked_at=datetime.now(UTC)).returning(col(UserSession.id))
    )
    return len(ended.all())


def _shown(text: str) -> str:
    """Return `text` without what cannot be stored or would disturb a terminal."""
    return "".join(character for character in text if character.isprintable())
