"""A user changes their own password."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.errors import WeakPassword
from axon_factory.accounts.passwords import Passwords, is_same_password
from axon_factory.accounts.sessions import Client
from axon_factory.db.tables import User
from axon_factory.domain.errors import Conflict, ValidationFailed
from axon_factory.domain.permissions import Role
from axon_factory.domain.text import Sentence

_OLD, _NEW = "password_actual", "password_nueva"


@dataclass(frozen=True, slots=True)
class PasswordChange:
    """The password that serves now, the one that is to serve, and from where it is asked."""

    old: str
    new: str
    client: Client


@dataclass(frozen=True, slots=True)
class PreparedChange:
    """A change that is verified and hashed, or the reason why there is none."""

    authenticator: Authenticator
    client: Client
    outcome: tuple[User, str] | ValidationFailed

    async def apply(self, session: AsyncSession, *, but: UUID) -> None:
        """Change the password and end the user's sessions but one, in the caller's transaction.

        Raises:
            ValidationFailed: the old password is wrong, or the new one does not do.
            Conflict: another change came first.
        """
        if isinstance(self.outcome, ValidationFailed):
            raise self.outcome
        user, new_hash = self.outcome
        if not await self.authenticator.change_password(
            session, user, new_hash, self.client, but=but
        ):
            raise Conflict(
                "La contraseña cambió mientras tanto",
                message_en="The password has changed in the meantime",
            )


async def prepare_change(
    authenticator: Authenticator, passwords: Passwords, user_id: UUID, change: PasswordChange
) -> PreparedChange:
    """Verify the old password and hash the new one, outside of any transaction.

    Raises:
        TooManyAttempts: nothing was verified.
        PasswordQueueFull: too many logins are waiting.
    """
    outcome: tuple[User, str] | ValidationFailed
    try:
        outcome = await _verified_and_hashed(authenticator, passwords, user_id, change)
    except ValidationFailed as refusal:
        outcome = refusal
    return PreparedChange(authenticator, change.client, outcome)


async def _verified_and_hashed(
    authenticator: Authenticator, passwords: Passwords, user_id: UUID, change: PasswordChange
) -> tuple[User, str]:
    user = await authenticator.verify_own_password(user_id, change.old, change.client)
    if user is None:
        sentence = Sentence("No es la contraseña actual", "Not the present password")
        raise ValidationFailed({_OLD: sentence})
    return user, await _hash_of_new(passwords, user, change)


async def _hash_of_new(passwords: Passwords, user: User, change: PasswordChange) -> str:
    if is_same_password(change.old, change.new):
        raise WeakPassword(
            _NEW, Sentence("Debe ser distinta de la actual", "Must differ from the present one")
        )
    about = (user.email, user.nombre, user.cliente_id or "")
    await passwords.check(change.new, Role(user.role), about, field=_NEW)
    return await passwords.hash(change.new)
