"""Tokens of agents: `axs_live_<id>_<secret><checksum>` (design §8.1, resolutions 20).

One minted for an attempt dies with it: when the order's `intento` moves on, when the order ends,
and after two hours in any case; until then its agent can have a fresh one. A permanent one is
limited by its grant to PATCH (reference A4). Every token has the role of an actor of §6.2; the one
of an attempt is a builder's.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.errors import CredentialExpired
from axon_factory.accounts.tokens import (
    checked_pepper,
    generate_token,
    is_token_id,
    parse_token,
)
from axon_factory.accounts.users import checked_name
from axon_factory.db.tables import Order, SystemToken
from axon_factory.domain.errors import AttemptEnded, NotFound, ValidationFailed
from axon_factory.domain.names import reserved_for, reserved_name
from axon_factory.domain.permissions import TokenRole
from axon_factory.domain.states import OrderState, attempt_is_over

SYSTEM_TOKEN_PREFIX = "axs_live"  # noqa: S105 — the public prefix, not a token
ATTEMPT_TOKEN_MAX_LIFETIME = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class MintedToken:
    """A new token: its row, and the plaintext that is never to be had again."""

    token: SystemToken
    plaintext: str = field(repr=False)

    @property
    def id(self) -> str:
        """What may be shown and logged of it."""
        return self.token.id


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """A token that holds; `order_id` and `attempt` are None for a permanent one."""

    id: str
    agent: str
    role: TokenRole
    order_id: UUID | None
    attempt: int | None


class SystemTokens:
    """Mints, verifies and revokes tokens, in the caller's transaction."""

    def __init__(self, pepper: bytes) -> None:
        """`pepper` is the secret of 32 bytes or more without which the kept MACs say nothing."""
        self._pepper = checked_pepper(pepper)

    async def mint_for_attempt(
        self,
        session: AsyncSession,
        *,
        order_id: UUID,
        intento: int,
        agent: str,
        created_by: str,
        lifetime: timedelta = ATTEMPT_TOKEN_MAX_LIFETIME,
    ) -> MintedToken:
        """Mint a token for one attempt at one order.

        Raises:
            ValueError: `lifetime` is not positive or is longer than two hours.
        """
        if not timedelta() < lifetime <= ATTEMPT_TOKEN_MAX_LIFETIME:
            raise ValueError(f"a token for an attempt cannot live {lifetime}")
        expires_at = datetime.now(UTC) + lifetime
        return await self._mint(
            session,
            agent=agent,
            created_by=created_by,
            order_id=order_id,
            intento=intento,
            expires_at=expires_at,
        )

    async def mint_permanent(
        self,
        session: AsyncSession,
        *,
        agent: str,
        created_by: str,
        role: TokenRole = TokenRole.BUILDER,
    ) -> MintedToken:
        """Mint a token that holds until it is revoked.

        Raises:
            ValidationFailed: `agent` is no name, or one that belongs to another role.
        """
        owner = reserved_for(agent)
        if owner is not None and owner != role:
            raise ValidationFailed({"agente": reserved_name(agent)})
        return await self._mint(session, agent=agent, created_by=created_by, role=role)

    def parsed(self, text: str) -> tuple[str, bytes] | None:
        """Return the id and the MAC of a well-formed text, None for any other; nothing is read."""
        token = parse_token(SYSTEM_TOKEN_PREFIX, text)
        return None if token is None else (token.id, token.mac(self._pepper))

    async def verify(self, session: AsyncSession, text: str) -> VerifiedToken | None:
        """Return the token that `text` is, or None if it is none or does not hold any more.

        Raises:
            AttemptEnded: it is genuine and was not revoked, but its attempt or its order has ended.
            CredentialExpired: it is genuine and of a running attempt, but its two hours are over.
        """
        token = parse_token(SYSTEM_TOKEN_PREFIX, text)
        if token is None:
            return None
        found = await session.execute(
            select(SystemToken, col(Order.intento), col(Order.estado))
            .outerjoin(Order, col(Order.id) == col(SystemToken.order_id))
            .where(col(SystemToken.id) == token.id)
        )
        row = found.one_or_none()
        if row is None:
            return None
        kept, current_attempt, state = row
        if not token.matches(kept.secret_mac, self._pepper) or kept.revoked_at is not None:
            return None
        attempt = None if kept.order_id is None else kept.intento
        # Before its expiry: an agent that reports for hours to no avail is the one to be told.
        if (
            kept.order_id is not None
            and attempt is not None
            and attempt_is_over(attempt, current_attempt, OrderState(state))
        ):
            raise AttemptEnded(kept.id, kept.agent, kept.order_id, attempt)
        if attempt is not None and attempt != current_attempt:
            return None
        if kept.expires_at is not None and kept.expires_at <= datetime.now(UTC):
            raise CredentialExpired.system_token()
        role = TokenRole(kept.role)
        return VerifiedToken(kept.id, kept.agent, role, kept.order_id, kept.intento)

    async def list_permanent(self, session: AsyncSession) -> list[SystemToken]:
        """Return every permanent token, newest first, revoked ones too."""
        newest_first = (col(SystemToken.created_at).desc(), col(SystemToken.id))
        query = select(SystemToken).where(col(SystemToken.order_id).is_(None))
        return list(await session.scalars(query.order_by(*newest_first)))

    async def find(
        self, session: AsyncSession, token_id: str, *, lock: bool = False
    ) -> SystemToken:
        """Return a token; `lock` keeps others from changing it until the transaction ends.

        Raises:
            NotFound: there is no such token.
        """
        known = is_token_id(token_id)
        token = (
            await session.get(SystemToken, token_id, with_for_update=lock or None)
            if known
            else None
        )
        if token is None:
            raise NotFound(
                f"No existe el token {token_id}", message_en=f"There is no token {token_id}"
            )
        return token

    async def revoke(self, session: AsyncSession, token_id: str) -> SystemToken:
        """End a token from the next request on, and return it; a second time changes nothing.

        Raises:
            NotFound: there is no such token.
        """
        token = await self.find(session, token_id, lock=True)
        token.revoked_at = token.revoked_at or datetime.now(UTC)
        await session.flush()
        return token

    async def _mint(
        self,
        session: AsyncSession,
        *,
        agent: str,
        created_by: str,
        role: TokenRole = TokenRole.BUILDER,
        order_id: UUID | None = None,
        intento: int | None = None,
        expires_at: datetime | None = None,
    ) -> MintedToken:
        token = generate_token(SYSTEM_TOKEN_PREFIX)
        kept = SystemToken(
            id=token.id,
            agent=checked_name(agent, field="agente"),
            role=role,
            secret_mac=token.mac(self._pepper),
            order_id=order_id,
            intento=intento,
            created_at=datetime.now(UTC),
            created_by=created_by,
            expires_at=expires_at,
        )
        session.add(kept)
        await session.flush()
        return MintedToken(kept, token.plaintext)
