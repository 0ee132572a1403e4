"""People who may log in, and what an administrator changes about them (design §8.2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts.errors import EmailTaken, LastAdministrator, OwnAccount
from axon_factory.accounts.link_rows import end_links
from axon_factory.accounts.sessions import revoke_sessions
from axon_factory.db.tables import User
from axon_factory.domain import names
from axon_factory.domain.errors import NotFound, PreconditionFailed, ValidationFailed
from axon_factory.domain.permissions import Principal, Role
from axon_factory.domain.text import Sentence

NAME_MAX_CHARACTERS = 100


def normal_email(text: str) -> str | None:
    """Return the one spelling under which an e-mail address is kept, or None if it is not one.

    Lower case and ASCII (an international domain in its `xn--` form), so that two spellings of an
    address are one account and PostgreSQL's `lower()` agrees under every locale. Asks no DNS.
    """
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415 — its patterns take 30 ms to compile

    try:
        valid = validate_email(text, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        return None
    return (valid.ascii_email or valid.normalized).lower()


def checked_name(text: str, *, field: str) -> str:
    """Return `text` without the spaces around it.

    Raises:
        ValidationFailed: it is empty, longer than 100 characters, or has control characters.
    """
    return names.checked_name(text, field=field, longest=NAME_MAX_CHARACTERS)


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


def user_id_of(text: str) -> UUID:
    """Return the id, which must be spelt as answers spell it: any other names nobody.

    Raises:
        NotFound: it is no such id.
    """
    try:
        user_id = UUID(text)
    except ValueError:
        raise no_such_user(text) from None
    if str(user_id) != text:
        raise no_such_user(text)
    return user_id


def no_such_user(text: str) -> NotFound:
    """Return the refusal of an id without a user."""
    return NotFound(f"No existe el usuario {text}", message_en=f"There is no user {text}")


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
    """Give a user the password they chose; False if it is not the verified one any more.

    Links to another password end.
    """
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
    if changed.one_or_none() is None:
        return False
    await end_links(session, user_id)
    return True


async def replace_password(session: AsyncSession, user: User, new_hash: str) -> None:
    """Give a user whose row is locked the password they chose by a link."""
    user.password_hash, user.must_change_password = new_hash, False
    user.password_changed_at = datetime.now(UTC)
    user.version += 1
    await session.flush()


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


@dataclass(frozen=True, slots=True)
class UserChange:
    """What is to be different; None leaves it.

    `client_id` goes with the role: a client needs one, and any other role loses it.
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

    Switching off and a new password end their sessions and their links.

    Raises:
        NotFound: there is no such user.
        PreconditionFailed: the user is not of `if_version` any more.
        OwnAccount: it would change the role, the access or the password of `by`.
        LastAdministrator: no administrator would be left.
        ValidationFailed: name or client's id do not do.
    """
    # All of them, always, and in one order: two administrators who remove one another at the same
    # time must not both succeed, nor wait for each other.
    administrators = await _lock_administrators(session)
    user = await session.get(User, user_id, with_for_update=True, populate_existing=True)
    if user is None:
        raise no_such_user(str(user_id))
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
        await end_links(session, user.id)


async def _lock_administrators(session: AsyncSession) -> set[UUID]:
    """Return the active administrators, who stay what they are until the transaction ends."""
    found = await session.scalars(
        select(col(User.id))
        .where(col(User.role) == Role.ADMIN.value, col(User.active))
        .order_by(col(User.id))
        .with_for_update()
    )
    return set(found)
