"""From a credential to a principal, and from e-mail and password to a session.

This file and `links` open transactions themselves: they must not hold a connection while a password
is hashed, or a handful of logins would take the whole pool.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.accounts import users
from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.errors import AmbiguousCredentials, InvalidCredentials, WeakPassword
from axon_factory.accounts.local_access import LOCAL_PREFIX, LocalAccess
from axon_factory.accounts.passwords import Passwords, Throttle, is_same_password
from axon_factory.accounts.presented import Credential, CredentialKind, PresentedCredentials
from axon_factory.accounts.sessions import (
    REFRESH_TOKEN_PREFIX,
    Client,
    RefreshedSession,
    Sessions,
    revoke_sessions,
)
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.accounts.tokens import AccessTokens, IssuedToken
from axon_factory.db.audit import append_audit
from axon_factory.db.principals import (
    USER_GRANTS,
    Presented,
    key_principal,
    token_principal,
    user_principal,
)
from axon_factory.db.sessions import Database
from axon_factory.db.tables import User, UserSession
from axon_factory.domain.audit import ACCESS_CHAIN, AccessEvent, AuditEntry, Outcome
from axon_factory.domain.errors import AuthenticationRequired, Conflict, ValidationFailed
from axon_factory.domain.permissions import (
    Principal,
    Role,
)
from axon_factory.domain.text import Sentence


@dataclass(frozen=True, slots=True)
class Login:
    """A login, or a refresh of one, that succeeded."""

    user: User
    session: UserSession
    access_token: IssuedToken
    refresh_token: str = field(repr=False)


_ANYBODY = "anonymous"


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
        sessions: Sessions,
        throttle: Throttle,
        local_access: LocalAccess | None = None,
    ) -> None:
        self._database = database
        self._local_access = local_access
        self._access_tokens = access_tokens
        self._api_keys = api_keys
        self._system_tokens = system_tokens
        self._passwords = passwords
        self._sessions = sessions
        self._throttle = throttle
        self._presented = PresentedCredentials(access_tokens, api_keys, system_tokens)

    async def principal(self, credentials: Sequence[Credential]) -> Principal:
        """Return the principal behind the one credential of a request.

        Raises:
            AuthenticationRequired: there is none, or it does not hold; which of the two, and why,
                is not told.
            AttemptEnded: it is a system token whose attempt is over.
            CredentialExpired: it is genuine, but its time is over.
            AmbiguousCredentials: there are several.
        """
        if len(credentials) > 1:
            raise AmbiguousCredentials
        principal = await self._principal_of(credentials[0]) if credentials else None
        if principal is None:
            raise AuthenticationRequired
        return principal

    def presented(self, kind: CredentialKind, text: str) -> Presented | None:
        """Return a credential as a hot path looks for its row; None if it proves nothing."""
        return self._presented.of(kind, text)

    async def log_in(
        self, email: str, password: str, client: Client, *, prefix: str = REFRESH_TOKEN_PREFIX
    ) -> Login:
        """Verify a password and begin a session.

        Does the same work for an unknown user as for a wrong password. `prefix` is that of the
        session's lasting token: a refresh token, or the cookie of a browser.

        Raises:
            TooManyAttempts: nothing was verified.
            InvalidCredentials: they do not go together, the user is inactive, or a one-time
                password was not used in time.
            PasswordQueueFull: too many logins are waiting.
        """
        user = await self._verified(email, password, client)
        if user is None or not user.active or users.password_expired(user, datetime.now(UTC)):
            await self._record_failure(email, client)
            raise InvalidCredentials
        outdated = self._passwords.needs_rehash(user.password_hash)
        new_hash = await self._passwords.hash(password) if outdated else None
        async with self._database.transaction("record_login") as session:
            user = await users.record_login(session, user, new_hash=new_hash)
            if user is None:
                raise InvalidCredentials
            await self._throttle.forgive(session, email, client.address)
            opened = await self._sessions.open(session, user.id, client, prefix=prefix)
            # Logins are rare enough to clean up after all the others.
            await self._sessions.purge(session)
            await self._throttle.purge(session)
            await append_audit(session, _login_entry(user, client))
        return self._login(user, opened)

    async def refresh(self, refresh_token: str) -> Login:
        """Exchange a refresh token for its successor and a new access token.

        Raises:
            AuthenticationRequired: it does not serve; if it served before, its session has ended.
        """
        async with self._database.transaction("refresh_session") as session:
            opened = await self._sessions.refresh(session, refresh_token)
            user = await users.find(session, opened.session.user_id) if opened else None
        if opened is None or user is None or not user.active:
            raise AuthenticationRequired
        return self._login(user, opened)

    async def verify_own_password(
        self, user_id: UUID, password: str, client: Client
    ) -> User | None:
        """Return the user whose password it was when this was asked, None if it is not theirs.

        Raises:
            TooManyAttempts: nothing was verified: a stolen access token must not help to guess.
            PasswordQueueFull: too many logins are waiting.
        """
        async with self._database.reading() as session:
            user = await users.find(session, user_id)
        return await self._verified(user.email, password, client) if user else None

    async def change_password(
        self,
        session: AsyncSession,
        verified: User,
        new_hash: str,
        client: Client,
        *,
        keep_session: UUID,
    ) -> bool:
        """Give a verified user another password and end their sessions except `keep_session`.

        In the caller's transaction. Returns False if the password changed since verification.
        """
        changed = await users.change_password(
            session, verified.id, verified_hash=verified.password_hash, new_hash=new_hash
        )
        if changed:
            await self._throttle.forgive(session, verified.email, client.address)
            await revoke_sessions(session, verified.id, keep_session=keep_session)
        return changed

    async def _record_failure(self, email: str, client: Client) -> None:
        """Put a login that failed on the audit trail: the same for unknown users as for known.

        Of the address only its hash: people type passwords into that field.
        """
        digest = hashlib.sha256(email.strip().lower().encode("utf-8", "replace")).hexdigest()
        entry = AuditEntry(
            chain=ACCESS_CHAIN,
            actor=_ANYBODY,
            actor_name="",
            actor_grant=None,
            action=AccessEvent.LOGIN,
            outcome=Outcome.FAILED,
            address=client.address,
            request_id=client.request_id,
            details={"correo_sha256": digest},
        )
        async with self._database.transaction("audit_login") as session:
            await append_audit(session, entry)

    async def _verified(self, email: str, password: str, client: Client) -> User | None:
        async with self._database.transaction("find_login") as session:
            await self._throttle.count(session, email, client.address)
            user = await users.find_by_email(session, email)
        correct = await self._passwords.verify(user.password_hash if user else None, password)
        return user if correct else None

    def _login(self, user: User, opened: RefreshedSession) -> Login:
        access_token = self._access_tokens.issue(user.id, opened.session.id)
        return Login(user, opened.session, access_token, opened.refresh_token)

    async def _principal_of(self, credential: Credential) -> Principal | None:
        match credential.kind:
            case CredentialKind.BEARER if credential.value.startswith(LOCAL_PREFIX):
                return self._local_access and self._local_access.principal_of(credential.value)
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
        # The rows and not the token say what they may, so that a change counts with the next
        # request; one query reads both.
        async with self._database.transaction("authenticate") as session:
            found = await session.execute(
                select(
                    col(User.nombre),
                    col(User.role),
                    col(User.cliente_id),
                    col(User.must_change_password),
                )
                .join(UserSession, col(UserSession.user_id) == col(User.id))
                .where(
                    col(UserSession.id) == claims.session_id,
                    col(UserSession.revoked_at).is_(None),
                    col(UserSession.expires_at) > datetime.now(UTC),
                    col(User.id) == claims.user_id,
                    col(User.active),
                )
            )
        row = found.one_or_none()
        if row is None:
            return None
        name, role_name, client_id, must_change_password = row
        return user_principal(
            str(claims.user_id),
            str(claims.session_id),
            name,
            role_name,
            client_id,
            must_change_password=must_change_password,
        )

    async def _key(self, text: str) -> Principal | None:
        async with self._database.transaction("authenticate") as session:
            key = await self._api_keys.verify(session, text)
        if key is None:
            return None
        return key_principal(key.id, key.family, key.name, key.scope)

    async def _agent(self, text: str) -> Principal | None:
        async with self._database.transaction("authenticate") as session:
            token = await self._system_tokens.verify(session, text)
        if token is None:
            return None
        order_id = None if token.order_id is None else str(token.order_id)
        return token_principal(token.id, token.agent, token.role, order_id, token.attempt)


def _login_entry(user: User, client: Client) -> AuditEntry:
    return AuditEntry(
        chain=ACCESS_CHAIN,
        actor=f"user:{user.id}",
        actor_name=user.nombre,
        actor_grant=USER_GRANTS[Role(user.role)].value,
        action=AccessEvent.LOGIN,
        subject=f"user:{user.id}",
        address=client.address,
        request_id=client.request_id,
    )


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

    async def apply(self, session: AsyncSession, *, keep_session: UUID) -> None:
        """Change the password and end the user's other sessions, in the caller's transaction.

        Raises:
            ValidationFailed: the old password is wrong, or the new one does not do.
            Conflict: another change came first.
        """
        if isinstance(self.outcome, ValidationFailed):
            raise self.outcome
        user, new_hash = self.outcome
        if not await self.authenticator.change_password(
            session, user, new_hash, self.client, keep_session=keep_session
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
    user = await authenticator.verify_own_password(user_id, change.old, change.client)
    if user is None:
        sentence = Sentence("No es la contraseña actual", "Not the present password")
        outcome = ValidationFailed({_OLD: sentence})
    else:
        try:
            outcome = user, await _hash_of_new(passwords, user, change)
        except ValidationFailed as refusal:
            outcome = refusal
    return PreparedChange(authenticator, change.client, outcome)


async def _hash_of_new(passwords: Passwords, user: User, change: PasswordChange) -> str:
    if is_same_password(change.old, change.new):
        raise WeakPassword(
            _NEW, Sentence("Debe ser distinta de la actual", "Must differ from the present one")
        )
    about = (user.email, user.nombre, user.cliente_id or "")
    await passwords.check(change.new, Role(user.role), about, field=_NEW)
    return await passwords.hash(change.new)
