"""People who may log in (design §8.2)."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.errors import EmailTaken
from axon_factory.accounts.fields import checked_name, normal_email
from axon_factory.db.tables import User
from axon_factory.domain.errors import NotFound, ValidationFailed
from axon_factory.domain.permissions import Role

__all__ = ["create", "find", "find_by_email", "list_all", "record_login", "set_active"]


async def create(
    session: AsyncSession,
    *,
    email: str,
    name: str,
    role: Role,
    password_hash: str,
    client_id: str | None = None,
    must_change_password: bool = False,
) -> User:
    """Create a user; make `password_hash` before the transaction, with `Passwords.hash`.

    `client_id` is the `cliente_id` of the orders that a client may see: clients have one, others
    have none.

    Raises:
        ValidationFailed: the e-mail, the name or the client's id does not do.
        EmailTaken: there is a user with this e-mail.
    """
    address = normal_email(email)
    if address is None:
        raise ValidationFailed({"email": "No es una dirección de correo válida"})
    created = await session.execute(
        insert(User)
        .values(
            id=uuid4(),
            email=address,
            nombre=checked_name(name, field="nombre"),
            role=role.value,
            cliente_id=_checked_client_id(role, client_id),
            password_hash=password_hash,
            must_change_password=must_change_password,
            active=True,
            created_at=datetime.now(UTC),
        )
        # The index decides, so that two creations at once cannot both pass a check.
        .on_conflict_do_nothing(index_elements=["email"])
        .returning(User)
    )
    user = created.scalar_one_or_none()
    if user is None:
        raise EmailTaken
    return user


async def find(session: AsyncSession, user_id: UUID) -> User | None:
    """Return the user with this id, or None."""
    return await session.get(User, user_id)


async def find_by_email(session: AsyncSession, email: str) -> User | None:
    """Return the user with this e-mail in any spelling, or None."""
    address = normal_email(email)
    if address is None:
        return None
    found = await session.execute(select(User).where(col(User.email) == address))
    return found.scalar_one_or_none()


async def list_all(session: AsyncSession) -> list[User]:
    """Return every user by e-mail, inactive ones too."""
    return list((await session.execute(select(User).order_by(col(User.email)))).scalars())


async def set_active(session: AsyncSession, user_id: UUID, *, active: bool) -> None:
    """Switch a user off, from the next request on, or on again.

    Raises:
        NotFound: there is no such user.
    """
    user = await session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NotFound(f"No existe el usuario {user_id}", message_en=f"There is no user {user_id}")
    user.active = active
    await session.flush()


async def record_login(session: AsyncSession, user: User, *, new_hash: str | None) -> User | None:
    """Note the login of a user whose password was verified as `user` was read.

    `new_hash` replaces the hash if today's cost asks for it. Returns the row as it is now, or None
    if it was switched off or got another password meanwhile.
    """
    recorded = await session.execute(
        update(User)
        .where(
            col(User.id) == user.id,
            col(User.active),
            col(User.password_hash) == user.password_hash,
        )
        .values(last_login_at=datetime.now(UTC), password_hash=new_hash or user.password_hash)
        .returning(User)
    )
    return recorded.scalar_one_or_none()


def _checked_client_id(role: Role, client_id: str | None) -> str | None:
    if role is not Role.CLIENT:
        if client_id is not None:
            raise ValidationFailed({"cliente_id": "Solo un cliente tiene cliente_id"})
        return None
    if client_id is None:
        raise ValidationFailed({"cliente_id": "Un cliente necesita su cliente_id"})
    return checked_name(client_id, field="cliente_id")
