"""Whose a destination is: the administrators', or a family of API keys that reads orders."""

from datetime import datetime

from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import ApiKey, NotificationDestination
from axon_factory.domain.permissions import (
    PERMISSIONS,
    SCOPE_GRANTS,
    Action,
    Principal,
)

__all__ = ["KEY_ENDED", "end_orphans", "family_of", "key_serves", "owner_serves"]

KEY_ENDED = "La clave de API del destino terminó."
"""What answers and the delivery log show where the owner of a destination is gone."""

_KEYS = frozenset(SCOPE_GRANTS.values())
_READS = PERMISSIONS[Action.READ_ORDER].grants & PERMISSIONS[Action.MANAGE_NOTIFICATIONS].grants
_READING = [scope.value for scope, grant in SCOPE_GRANTS.items() if grant in _READS]


async def family_of(session: AsyncSession, principal: Principal) -> str | None:
    """Return the family of keys whose destinations the caller keeps, None for an administrator.

    A key that was rotated keeps those of the key before: the family stays the same.
    """
    if principal.grant not in _KEYS:
        return None
    key_id = principal.id.removeprefix("key:")
    return (
        await session.scalar(select(col(ApiKey.family)).where(col(ApiKey.id) == key_id)) or key_id
    )


def owner_serves(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a key of the destination's owner holds and may read orders."""
    return exists().where(
        col(ApiKey.family) == col(NotificationDestination.owner),
        ApiKey.holds_at(now),
        col(ApiKey.scope).in_(_READING),
    )


async def end_orphans(session: AsyncSession, now: datetime) -> None:
    """Switch off the destinations of keys that have ended: none is told anything any more."""
    await session.execute(
        update(NotificationDestination)
        .where(
            col(NotificationDestination.active),
            col(NotificationDestination.owner).is_not(None),
            ~owner_serves(now),
        )
        .values(
            active=False,
            disabled_reason=KEY_ENDED,
            version=col(NotificationDestination.version) + 1,
        )
    )


async def key_serves(
    session: AsyncSession, destination: NotificationDestination, now: datetime
) -> bool:
    """Return whether the destination's owner may still be told: always so of administrators."""
    if destination.owner is None:
        return True
    serving = select(col(NotificationDestination.id)).where(
        col(NotificationDestination.id) == destination.id, owner_serves(now)
    )
    return await session.scalar(serving) is not None
