"""API keys of internal systems: `axk_live_<id>_<secret><checksum>` (design §8.1; reference A3)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.errors import CredentialExpired, KeyInRotation
from axon_factory.accounts.tokens import (
    checked_pepper,
    generate_token,
    is_token_id,
    parse_token,
)
from axon_factory.accounts.users import checked_name
from axon_factory.db.tables import ApiKey
from axon_factory.domain.errors import NotFound
from axon_factory.domain.permissions import KeyScope

API_KEY_PREFIX = "axk_live"
ROTATION_GRACE = timedelta(hours=24)
ROTATION_GRACE_MAX = timedelta(days=7)
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
    family: str
    name: str
    scope: KeyScope


class ApiKeys:
    """Creates, verifies, rotates, lists and revokes keys, in the caller's transaction."""

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
        return await self._make(
            session,
            name=checked_name(name, field="nombre"),
            scope=scope.value,
            created_by=created_by,
            lifetime=lifetime,
        )

    async def rotate(
        self,
        session: AsyncSession,
        key_id: str,
        *,
        created_by: str,
        grace: timedelta = ROTATION_GRACE,
    ) -> CreatedKey:
        """Make a second key of the same name, scope and lifetime; the old one ends after `grace`.

        Raises:
            NotFound: there is no such key.
            KeyInRotation: the key is not live, or two keys of its family are.
            ValueError: `grace` is negative or longer than seven days.
        """
        if not timedelta() <= grace <= ROTATION_GRACE_MAX:
            raise ValueError(f"a rotated key cannot live {grace} more")
        family = (await self.find(session, key_id)).family
        # The first key's row stands for the family: of two rotations one waits here, and then sees
        # what the other has made.
        await session.get_one(ApiKey, family, with_for_update=True)
        now = datetime.now(UTC)
        live = await self._live_keys(session, family, now)
        if len(live) != 1 or live[0].id != key_id:
            raise KeyInRotation
        [old] = live
        lifetime = None if old.expires_at is None else old.expires_at - old.created_at
        old.expires_at = min(now + grace, old.expires_at or now + grace)
        return await self._make(
            session,
            name=old.name,
            scope=old.scope,
            created_by=created_by,
            lifetime=lifetime,
            family=family,
        )

    def parsed(self, text: str) -> tuple[str, bytes] | None:
        """Return the id and the MAC of a well-formed text, None for any other; nothing is read."""
        token = parse_token(API_KEY_PREFIX, text)
        return None if token is None else (token.id, token.mac(self._pepper))

    async def verify(self, session: AsyncSession, text: str) -> VerifiedKey | None:
        """Return the key that `text` is, or None if it is none or revoked.

        Garbage costs no query. Notes the use, once a minute at most.

        Raises:
            CredentialExpired: it is genuine and was not revoked, but its time is over.
        """
        token = parse_token(API_KEY_PREFIX, text)
        if token is None:
            return None
        found = await session.execute(
            select(
                col(ApiKey.family),
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
        family, name, scope, mac, expires_at, revoked_at, last_used_at = row
        now = datetime.now(UTC)
        if not token.matches(mac, self._pepper) or revoked_at is not None:
            return None
        if expires_at is not None and expires_at <= now:
            raise CredentialExpired.api_key()
        if last_used_at is None or last_used_at < now - _USE_RESOLUTION:
            await _note_use(session, token.id, now)
        return VerifiedKey(token.id, family, name, KeyScope(scope))

    async def list_all(self, session: AsyncSession) -> list[ApiKey]:
        """Return every key, newest first, revoked ones too."""
        newest_first = select(ApiKey).order_by(col(ApiKey.created_at).desc(), col(ApiKey.id))
        return list((await session.execute(newest_first)).scalars())

    async def find(self, session: AsyncSession, key_id: str, *, lock: bool = False) -> ApiKey:
        """Return a key; `lock` keeps others from changing it until the transaction ends.

        Raises:
            NotFound: there is no such key.
        """
        known = is_token_id(key_id)
        key = await session.get(ApiKey, key_id, with_for_update=lock or None) if known else None
        if key is None:
            raise NotFound(f"No existe la clave {key_id}", message_en=f"There is no key {key_id}")
        return key

    async def revoke(self, session: AsyncSession, key_id: str) -> ApiKey:
        """End a key from the next request on, and return it; a second time changes nothing.

        Raises:
            NotFound: there is no such key.
        """
        key = await self.find(session, key_id, lock=True)
        key.revoked_at = key.revoked_at or datetime.now(UTC)
        await session.flush()
        return key

    async def _live_keys(
        self, session: AsyncSession, family: str, now: datetime
    ) -> Sequence[ApiKey]:
        found = await session.scalars(
            select(ApiKey)
            .where(col(ApiKey.family) == family, ApiKey.holds_at(now))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        return list(found)

    async def _make(
        self,
        session: AsyncSession,
        *,
        name: str,
        scope: str,
        created_by: str,
        lifetime: timedelta | None,
        family: str | None = None,
    ) -> CreatedKey:
        token = generate_token(API_KEY_PREFIX)
        now = datetime.now(UTC)
        key = ApiKey(
            id=token.id,
            family=family or token.id,
            name=name,
            scope=scope,
            secret_mac=token.mac(self._pepper),
            created_at=now,
            created_by=created_by,
            expires_at=now + lifetime if lifetime else None,
        )
        session.add(key)
        await session.flush()
        return CreatedKey(key, token.plaintext)


async def _note_use(session: AsyncSession, key_id: str, now: datetime) -> None:
    last_used_at = col(ApiKey.last_used_at)
    # Repeated under the row's lock: of the requests that come together only one writes.
    stale = or_(last_used_at.is_(None), last_used_at < now - _USE_RESOLUTION)
    await session.execute(
        update(ApiKey).where(col(ApiKey.id) == key_id, stale).values(last_used_at=now)
    )
