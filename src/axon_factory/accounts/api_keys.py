"""API keys of internal systems: `axk_live_<id>_<secret><checksum>` (design §8.1; reference A3)."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.fields import checked_name
from axon_factory.accounts.opaque_tokens import checked_pepper, generate_token, parse_token
from axon_factory.db.tables import ApiKey
from axon_factory.domain.errors import NotFound
from axon_factory.domain.permissions import KeyScope

__all__ = ["API_KEY_PREFIX", "ApiKeys", "CreatedKey", "VerifiedKey"]

API_KEY_PREFIX = "axk_live"
_USE_RESOLUTION = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new key: its row, and the plaintext that is never to be had again."""

    key: ApiKey
    plaintext: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class VerifiedKey:
    """A key that holds."""

    id: str
    name: str
    scope: KeyScope


class ApiKeys:
    """Creates, verifies, lists and revokes keys, in the caller's transaction."""

    def __init__(self, pepper: bytes) -> None:
        """`pepper` is the secret of 32 bytes or more without which the kept MACs say nothing."""
        self._pepper = checked_pepper(pepper)

    async def create(
        self,
        session: AsyncSession,
        *,
        name: str,
        scope: KeyScope,
        created_by: str,
        lifetime: timedelta | None = None,
    ) -> CreatedKey:
        """Make a key; without `lifetime` it holds until it is revoked.

        Raises:
            ValidationFailed: the name is empty or too long.
        """
        token = generate_token(API_KEY_PREFIX)
        now = datetime.now(UTC)
        key = ApiKey(
            id=token.id,
            name=checked_name(name, field="name"),
            scope=scope.value,
            secret_mac=token.mac(self._pepper),
            created_at=now,
            created_by=created_by,
            expires_at=now + lifetime if lifetime else None,
        )
        session.add(key)
        await session.flush()
        return CreatedKey(key, token.plaintext)

    async def verify(self, session: AsyncSession, text: str) -> VerifiedKey | None:
        """Return the key that `text` is, or None if it is none, revoked or expired.

        Garbage costs no query. Notes the use, once a minute at most.
        """
        token = parse_token(API_KEY_PREFIX, text)
        if token is None:
            return None
        found = await session.execute(
            select(
                col(ApiKey.name),
                col(ApiKey.scope),
                col(ApiKey.secret_mac),
                col(ApiKey.expires_at),
                col(ApiKey.revoked_at),
                col(ApiKey.last_used_at),
            ).where(col(ApiKey.id) == token.id)
        )
        row = found.one_or_none()
        if row is None:
            return None
        name, scope, mac, expires_at, revoked_at, last_used_at = row
        now = datetime.now(UTC)
        expired = expires_at is not None and expires_at <= now
        if not token.matches(mac, self._pepper) or revoked_at is not None or expired:
            return None
        if last_used_at is None or last_used_at < now - _USE_RESOLUTION:
            await _note_use(session, token.id, now)
        return VerifiedKey(token.id, name, KeyScope(scope))

    async def list_all(self, session: AsyncSession) -> list[ApiKey]:
        """Return every key, newest first, revoked ones too."""
        newest_first = select(ApiKey).order_by(col(ApiKey.created_at).desc(), col(ApiKey.id))
        return list((await session.execute(newest_first)).scalars())

    async def revoke(self, session: AsyncSession, key_id: str) -> None:
        """End a key from the next request on; a second time changes nothing.

        Raises:
            NotFound: there is no such key.
        """
        key = await session.get(ApiKey, key_id, with_for_update=True)
        if key is None:
            raise NotFound(f"No existe la clave {key_id}", message_en=f"There is no key {key_id}")
        key.revoked_at = key.revoked_at or datetime.now(UTC)
        await session.flush()


async def _note_use(session: AsyncSession, key_id: str, now: datetime) -> None:
    last_used_at = col(ApiKey.last_used_at)
    # Repeated under the row's lock: of the requests that come together only one writes.
    stale = or_(last_used_at.is_(None), last_used_at < now - _USE_RESOLUTION)
    await session.execute(
        update(ApiKey).where(col(ApiKey.id) == key_id, stale).values(last_used_at=now)
    )
