"""Sessions of browsers: one cookie for a login, and a token for each form.

The cookie holds an opaque token of an ordinary session (`sessions.py`). The API does not take it:
the pages exchange it for a short access token of the same session, which never leaves the process.
So a session that ended, a user who was deactivated and a role that changed count at once.

The token of a form is a MAC of the cookie. Another site can make a browser send the cookie along,
and cannot know the token (OWASP, Cross-Site Request Forgery Prevention: signed double submit).
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

from sqlalchemy import select, update
from sqlmodel import col

from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.sessions import Client, SessionLimits, revoke_sessions
from axon_factory.accounts.tokens import AccessTokens, checked_pepper, parse_token
from axon_factory.db.principals import user_principal
from axon_factory.db.sessions import Database
from axon_factory.db.tables import RefreshToken, User, UserSession
from axon_factory.domain.permissions import Principal

__all__ = ["COOKIE_PREFIX", "BrowserSessions", "Visitor"]

COOKIE_PREFIX = "axc_live"
_NOTED_EVERY = timedelta(minutes=1)
_MOST_KEPT = 4096
_RENEWED_BEFORE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person who is signed in with a browser, and the token with which the API is asked."""

    principal: Principal
    session_id: UUID
    email: str
    access_token: str = field(repr=False)


class BrowserSessions:
    """Opens, finds and ends sessions of browsers, and signs forms."""

    def __init__(
        self,
        database: Database,
        authenticator: Authenticator,
        access_tokens: AccessTokens,
        *,
        pepper: bytes,
        limits: SessionLimits,
    ) -> None:
        """`pepper` is the secret that API keys and sessions are kept with."""
        self._database = database
        self._authenticator = authenticator
        self._access_tokens = access_tokens
        self._pepper = checked_pepper(pepper)
        self._limits = limits
        self._issued: dict[str, tuple[str, float]] = {}

    @property
    def lifetime(self) -> timedelta:
        """How long a cookie serves at most."""
        return self._limits.lifetime

    async def open(self, email: str, password: str, client: Client) -> str:
        """Verify a password and return the cookie of the session that begins.

        Raises:
            TooManyAttempts: nothing was verified.
            InvalidCredentials: they do not go together, or the user is inactive.
            PasswordQueueFull: too many logins are waiting.
        """
        login = await self._authenticator.log_in(email, password, client, prefix=COOKIE_PREFIX)
        return login.refresh_token

    async def visitor(self, cookie: str) -> Visitor | None:
        """Return whose session the cookie is, None if it does not stand."""
        token = parse_token(COOKIE_PREFIX, cookie)
        if token is None:
            return None
        now = datetime.now(UTC)
        async with self._database.reading() as session:
            found = await session.execute(
                select(col(RefreshToken.secret_mac), UserSession, User)
                .join(UserSession, col(UserSession.id) == col(RefreshToken.session_id))
                .join(User, col(User.id) == col(UserSession.user_id))
                .where(
                    col(RefreshToken.id) == token.id,
                    col(UserSession.revoked_at).is_(None),
                    col(UserSession.expires_at) > now,
                    col(UserSession.last_used_at) > now - self._limits.idle,
                    col(User.active),
                )
            )
            row = found.one_or_none()
        if row is None:
            return None
        mac, opened, user = row
        if not token.matches(mac, self._pepper):
            return None
        if opened.last_used_at < now - _NOTED_EVERY:
            await self._note_use(opened, now)
        principal = user_principal(
            str(user.id),
            str(opened.id),
            user.nombre,
            user.role,
            user.cliente_id,
            must_change_password=user.must_change_password,
        )
        return Visitor(principal, opened.id, user.email, self._access_token(user, opened))

    async def end(self, visitor: Visitor) -> None:
        """End the visitor's session; the cookie serves no more in any process."""
        user_id = UUID(visitor.principal.id.removeprefix("user:"))
        async with self._database.transaction("sign_out") as session:
            await revoke_sessions(session, user_id, only=visitor.session_id)

    def form_token(self, secret: str) -> str:
        """Return what a form carries that was shown to the holder of the cookie `secret`."""
        mac = hmac.digest(self._pepper, b"form of " + secret.encode(), hashlib.sha256)
        return urlsafe_b64encode(mac).decode().rstrip("=")

    def is_form_token(self, secret: str, token: str) -> bool:
        """Compare a form's token with that of the cookie it came with, in constant time."""
        return hmac.compare_digest(self.form_token(secret), token)

    async def _note_use(self, opened: UserSession, now: datetime) -> None:
        async with self._database.transaction("note_session_use") as session:
            await session.execute(
                update(UserSession).where(col(UserSession.id) == opened.id).values(last_used_at=now)
            )

    def _access_token(self, user: User, opened: UserSession) -> str:
        kept = self._issued.get(str(opened.id))
        if kept is not None and kept[1] > monotonic():
            return kept[0]
        if len(self._issued) >= _MOST_KEPT:
            self._issued.clear()
        issued = self._access_tokens.issue(user.id, opened.id)
        until = monotonic() + issued.expires_in - _RENEWED_BEFORE_SECONDS / 2
        self._issued[str(opened.id)] = issued.token, until
        return issued.token
