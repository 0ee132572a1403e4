"""People who may log in (design §8.2)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.errors import EmailTaken
from axon_factory.accounts.fields import checked_name, normal_email
from axon_factory.db.tables import User
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.permissions import Role
from axon_factory.domain.text import Sentence

ONE_TIME_PASSWORD_LIFE = timedelta(days=7)


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
        raise ValidationFailed(
            {"email": Sentence("No es una dirección de correo válida", "Not an e-mail address")}
        )
    now = datetime.now(UTC)
    created = await session.execute(
        insert(User)
        .values(
            id=uuid4(),
            email=address,
            nombre=checked_name(name, field="nombre"),
            role=role.value,
            cliente_id=checked_client_id(role, client_id),
            password_hash=password_hash,
            must_change_password=must_change_password,
            active=True,
            created_at=now,
            password_changed_at=now,
            version=1,
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


async def list_page(
    session: AsyncSession, *, limit: int, offset: int
) -> tuple[Sequence[User], int]:
    """Return users by e-mail, inactive ones too, and how many there are."""
    page = select(User).order_by(col(User.email)).limit(limit).offset(offset)
    total = await session.scalar(select(func.count()).select_from(User))
    return list(await session.scalars(page)), total or 0


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
        .values(
            last_login_at=datetime.now(UTC),
            password_hash=new_hash or user.password_hash,
            version=col(User.version) + 1,
        )
        .returning(User)
    )
    return recorded.scalar_one_or_none()


async def change_password(
    session: AsyncSession, user_id: UUID, *, verified_hash: str, new_hash: str
) -> bool:
    """Give a user the password they chose; False if it is not the verified one any more."""
    changed = await session.execute(
        update(User)
        .where(col(User.id) == user_id, col(User.active), col(User.password_hash) == verified_hash)
        .values(
            password_hash=new_hash,
            must_change_password=False,
            password_changed_at=datetime.now(UTC),
            version=col(User.version) + 1,
        )
        .returning(col(User.id))
    )
    return changed.one_or_none() is not None


def password_expired(user: User, now: datetime) -> bool:
    """Return whether the user let their one-time password lie for too long (ASVS 6.4.1)."""
    return user.must_change_password and user.password_changed_at <= now - ONE_TIME_PASSWORD_LIFE


def checked_client_id(role: Role, client_id: str | None) -> str | None:
    """Return the `cliente_id` that a user of this role has.

    Raises:
        ValidationFailed: a client has none, somebody else has one, or it is no visible text.
    """
    if role is not Role.CLIENT:
        if client_id is not None:
            sentence = Sentence("Solo un cliente tiene cliente_id", "Only a client has one")
            raise ValidationFailed({"cliente_id": sentence})
        return None
    if client_id is None:
        sentence = Sentence("Un cliente necesita su cliente_id", "A client needs one")
        raise ValidationFailed({"cliente_id": sentence})
    return checked_name(client_id, field="cliente_id")
