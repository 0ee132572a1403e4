"""From a credential to a principal, and from e-mail and password to an access token.

The only file of this room that opens transactions: it must not hold a connection while a password
is hashed, or a handful of logins would take the whole pool.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import select
from sqlmodel import col

from axon_factory.accounts import users
from axon_factory.accounts.access_tokens import AccessTokens, IssuedToken
from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.errors import AmbiguousCredentials, InvalidCredentials
from axon_factory.accounts.passwords import Passwords
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.db.sessions import Database
from axon_factory.db.tables import User
from axon_factory.domain.errors import AuthenticationRequired
from axon_factory.domain.permissions import Grant, KeyScope, Principal, Role

__all__ = ["Authenticator", "Credential", "CredentialKind", "Login"]


class CredentialKind(StrEnum):
    """The three ways to say who one is (design §8.1)."""

    BEARER = "bearer"
    API_KEY = "api_key"
    SYSTEM_TOKEN = "system_token"  # noqa: S105 — the name of a kind


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential as it was presented; not yet believed."""

    kind: CredentialKind
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    """A login that succeeded."""

    user: User
    access_token: IssuedToken


_USER_GRANTS = MappingProxyType(
    {
        Role.ADMIN: Grant.ADMIN,
        Role.OPERATOR: Grant.OPERATOR,
        Role.CLIENT: Grant.CLIENT_OWN,
        Role.SYSTEM: Grant.SYSTEM_PERMANENT,
    }
)
_KEY_GRANTS = MappingProxyType(
    {
        KeyScope.LECTURA: (Role.OPERATOR, Grant.KEY_READ),
        KeyScope.ESCRITURA: (Role.OPERATOR, Grant.KEY_WRITE),
        KeyScope.ADMIN: (Role.ADMIN, Grant.KEY_ADMIN),
    }
)


class Authenticator:
    """Says who is asking."""

    def __init__(
        self,
        database: Database,
        *,
        access_tokens: AccessTokens,
        api_keys: ApiKeys,
        system_tokens: SystemTokens,
        passwords: Passwords,
    ) -> None:
        self._database = database
        self._access_tokens = access_tokens
        self._api_keys = api_keys
        self._system_tokens = system_tokens
        self._passwords = passwords

    async def principal(self, credentials: Sequence[Credential]) -> Principal:
        """Return the principal behind the one credential of a request.

        Raises:
            AuthenticationRequired: there is none, or it does not hold; which of the two, and why,
                is not told.
            AmbiguousCredentials: there are several.
        """
        if len(credentials) > 1:
            raise AmbiguousCredentials
        principal = await self._principal_of(credentials[0]) if credentials else None
        if principal is None:
            raise AuthenticationRequired
        return principal

    async def log_in(self, email: str, password: str) -> Login:
        """Verify a password and issue an access token.

        Does the same work for an unknown user as for a wrong password.

        Raises:
            InvalidCredentials: they do not go together, or the user is inactive.
            PasswordQueueFull: too many logins are waiting.
        """
        async with self._database.transaction("find_login") as session:
            user = await users.find_by_email(session, email)
        correct = await self._passwords.verify(user.password_hash if user else None, password)
        if user is None or not correct or not user.active:
            raise InvalidCredentials
        outdated = self._passwords.needs_rehash(user.password_hash)
        new_hash = await self._passwords.hash(password) if outdated else None
        async with self._database.transaction("record_login") as session:
            user = await users.record_login(session, user, new_hash=new_hash)
        if user is None:
            raise InvalidCredentials
        return Login(user, self._access_tokens.issue(user.id))

    async def _principal_of(self, credential: Credential) -> Principal | None:
        match credential.kind:
            case CredentialKind.BEARER:
                return await self._user(credential.value)
            case CredentialKind.API_KEY:
                return await self._key(credential.value)
            case CredentialKind.SYSTEM_TOKEN:
                return await self._agent(credential.value)

    async def _user(self, token: str) -> Principal | None:
        claims = self._access_tokens.verify(token)
        if claims is None:
            return None
        # The row and not the token says the role, so that a change counts from the next request.
        async with self._database.transaction("authenticate") as session:
            found = await session.execute(
                select(col(User.nombre), col(User.role), col(User.cliente_id)).where(
                    col(User.id) == claims.user_id, col(User.active)
                )
            )
        row = found.one_or_none()
        if row is None:
            return None
        name, role_name, client_id = row
        role = Role(role_name)
        return Principal(
            id=f"user:{claims.user_id}",
            name=name,
            role=role,
            grant=_USER_GRANTS[role],
            client_id=client_id,
        )

    async def _key(self, text: str) -> Principal | None:
        async with self._database.transaction("authenticate") as session:
            key = await self._api_keys.verify(session, text)
        if key is None:
            return None
        role, grant = _KEY_GRANTS[key.scope]
        return Principal(id=f"key:{key.id}", name=key.name, role=role, grant=grant)

    async def _agent(self, text: str) -> Principal | None:
        async with self._database.transaction("authenticate") as session:
            token = await self._system_tokens.verify(session, text)
        if token is None:
            return None
        permanent = token.order_id is None
        return Principal(
            id=f"token:{token.id}",
            name=token.agent,
            role=Role.SYSTEM,
            grant=Grant.SYSTEM_PERMANENT if permanent else Grant.SYSTEM_ASSIGNED,
            order_id=None if permanent else str(token.order_id),
            attempt=token.attempt,
        )
