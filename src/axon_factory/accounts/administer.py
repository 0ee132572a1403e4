"""What an administrator changes about users (design §8.2)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.errors import LastAdministrator, OwnAccount
from axon_factory.accounts.fields import checked_name
from axon_factory.accounts.sessions import revoke_sessions
from axon_factory.accounts.users import checked_client_id
from axon_factory.db.tables import User
from axon_factory.domain.errors import NotFound, PreconditionFailed
from axon_factory.domain.permissions import Principal, Role


@dataclass(frozen=True, slots=True)
class UserChange:
    """What is to be different; None leaves it.

    `client_id` goes with the role: whoever becomes a client needs one, and loses it otherwise.
    `one_time_hash` is the hash of a password that must be changed at the next login.
    """

    name: str | None = None
    role: Role | None = None
    client_id: str | None = None
    active: bool | None = None
    one_time_hash: str | None = None


async def change_user(
    session: AsyncSession,
    user_id: UUID,
    change: UserChange,
    by: Principal,
    *,
    if_version: int | None = None,
) -> User:
    """Change a user. What they may do counts from their next request on.

    Switching off and a new password end their sessions.

    Raises:
        NotFound: there is no such user.
        PreconditionFailed: the user is not of `if_version` any more.
        OwnAccount: it would change the role, the access or the password of `by`.
        LastAdministrator: nobody would be left who may administer.
        ValidationFailed: name or client's id do not do.
    """
    # All of them, always, and in one order: two administrators who remove one another at the same
    # time must not both succeed, nor wait for each other.
    administrators = await _lock_administrators(session)
    user = await session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise NotFound(f"No existe el usuario {user_id}", message_en=f"There is no user {user_id}")
    if if_version is not None and if_version != user.version:
        raise PreconditionFailed(
            f"El usuario cambió: está en la versión {user.version}",
            message_en=f"The user has changed and is at version {user.version}",
            version=user.version,
        )
    role = change.role or Role(user.role)
    active = user.active if change.active is None else change.active
    if by.id == f"user:{user_id}" and (
        (role, active) != (user.role, user.active) or change.one_time_hash
    ):
        raise OwnAccount
    if administrators == {user_id} and (role is not Role.ADMIN or not active):
        raise LastAdministrator
    await _apply(session, user, change, role, active=active)
    return user


async def _apply(
    session: AsyncSession, user: User, change: UserChange, role: Role, *, active: bool
) -> None:
    if change.name is not None:
        user.nombre = checked_name(change.name, field="nombre")
    kept = user.cliente_id if role is Role.CLIENT else None
    user.cliente_id = checked_client_id(role, change.client_id or kept)
    user.role, user.active = role.value, active
    if change.one_time_hash is not None:
        user.password_hash, user.must_change_password = change.one_time_hash, True
        user.password_changed_at = datetime.now(UTC)
    user.version += 1
    await session.flush()
    if not active or change.one_time_hash is not None:
        await revoke_sessions(session, user.id)


async def _lock_administrators(session: AsyncSession) -> set[UUID]:
    """Return the active administrators, who stay what they are until the transaction ends."""
    found = await session.scalars(
        select(col(User.id))
        .where(col(User.role) == Role.ADMIN.value, col(User.active))
        .order_by(col(User.id))
        .with_for_update()
    )
    return set(found)
