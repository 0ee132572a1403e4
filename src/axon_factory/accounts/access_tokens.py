"""Access tokens of users: JWTs that only this system signs and only in one form.

PyJWT makes and checks the signature. What it leaves open even when strict (another `typ`, members
twice, `exp` as text, a list in `aud`, padding, 1 MB of token) is refused here (RFC 8725, RFC 9068;
reference A2).
"""

import json
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from jwt import PyJWS
from jwt.exceptions import InvalidTokenError

from axon_factory.accounts.errors import CredentialExpired

_ALGORITHM = "HS256"
_TYPE = "at+jwt"
_KEY_MIN_BYTES = 32
_MAX_CHARACTERS = 4096
_CLOCK_SKEW_SECONDS = 5
_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")
_TEXT_CLAIMS = ("iss", "aud", "sub", "sid", "jti")
_TIME_CLAIMS = ("iat", "nbf", "exp")
_CLAIMS = frozenset({*_TEXT_CLAIMS, *_TIME_CLAIMS})
_JWS = PyJWS(algorithms=[_ALGORITHM], options={"verify_signature": True})


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The keys that sign, by id: `current_kid` signs, all of them verify."""

    current_kid: str
    keys: Mapping[str, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if self.current_kid not in self.keys:
            raise ValueError(f"there is no signing key {self.current_kid!r}")
        short = [kid for kid, key in self.keys.items() if len(key) < _KEY_MIN_BYTES]
        if short:
            raise ValueError(f"signing keys with less than {_KEY_MIN_BYTES} bytes: {short}")


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new access token and how many seconds it lives."""

    token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a verified token says: whose it is, of which login, until when (Unix seconds).

    That the session still stands is not the token's to say: its row does.
    """

    user_id: UUID
    session_id: UUID
    token_id: str
    expires_at: int


class AccessTokens:
    """Issues and verifies access tokens."""

    def __init__(
        self,
        keys: TokenKeys,
        *,
        issuer: str,
        audience: str,
        lifetime: timedelta = timedelta(minutes=15),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`lifetime` is also the longest that is accepted; `clock` gives Unix seconds."""
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._lifetime_seconds = int(lifetime.total_seconds())
        self._clock = clock
        if self._lifetime_seconds < 1:
            raise ValueError("an access token must live for a second at least")

    def issue(self, user_id: UUID, session_id: UUID) -> IssuedToken:
        """Sign a token for this user, of this session."""
        now = int(self._clock())
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "sub": str(user_id),
            "sid": str(session_id),
            "jti": uuid4().hex,
            "iat": now,
            "nbf": now,
            "exp": now + self._lifetime_seconds,
        }
        kid = self._keys.current_kid
        token = _JWS.encode(
            json.dumps(claims, separators=(",", ":")).encode(),
            self._keys.keys[kid],
            _ALGORITHM,
            headers={"typ": _TYPE, "kid": kid},
        )
        return IssuedToken(token, self._lifetime_seconds)

    def verify(self, token: str) -> AccessClaims | None:
        """Return what the token says, or None if it is not one of ours or not valid yet.

        Raises:
            CredentialExpired: it is ours in every respect, but its time is over.
        """
        if len(token) > _MAX_CHARACTERS:
            return None
        shape = _SHAPE.fullmatch(token)
        if shape is None:
            return None
        try:
            key = self._key_named_in(shape[1])
            claims = _strict_object(_JWS.decode(token, key, algorithms=[_ALGORITHM]))
            return self._checked(claims)
        except (InvalidTokenError, ValueError, RecursionError):
            return None

    def _key_named_in(self, header_segment: str) -> bytes:
        header = _strict_object(
            urlsafe_b64decode(header_segment + "=" * (-len(header_segment) % 4))
        )
        kid = header.get("kid")
        if not isinstance(kid, str) or header != {"alg": _ALGORITHM, "typ": _TYPE, "kid": kid}:
            raise ValueError("the header is not exactly ours")
        if kid not in self._keys.keys:
            raise ValueError("the key is not ours")
        return self._keys.keys[kid]

    def _checked(self, claims: dict[str, Any]) -> AccessClaims:
        if claims.keys() != _CLAIMS:
            raise ValueError("the claims are not exactly ours")
        if any(type(claims[name]) is not str for name in _TEXT_CLAIMS):
            raise ValueError("a claim that must be text is not")
        # bool is a subclass of int, and 1.0 == 1.
        if any(type(claims[name]) is not int for name in _TIME_CLAIMS):
            raise ValueError("a claim that must be a whole number is not")
        if claims["iss"] != self._issuer or claims["aud"] != self._audience or not claims["jti"]:
            raise ValueError("the token was made by or for someone else")
        issued, not_before, expires = (claims[name] for name in _TIME_CLAIMS)
        now = self._clock()
        if max(issued, not_before) > now + _CLOCK_SKEW_SECONDS:
            raise ValueError("the token is not valid yet")
        if not 0 < expires - issued <= self._lifetime_seconds:
            raise ValueError("the token lives longer than ours do")
        user_id, session_id = _uuid(claims["sub"]), _uuid(claims["sid"])
        if expires <= now:
            raise CredentialExpired.access_token()
        return AccessClaims(user_id, session_id, claims["jti"], expires)


def _uuid(text: str) -> UUID:
    value = UUID(text)
    if str(value) != text:
        raise ValueError("an id is not spelt as ours are")
    return value


def _strict_object(text: bytes) -> dict[str, Any]:
    """Parse a JSON object; a member twice is an error (RFC 8725 §2.6)."""
    value = json.loads(text.decode("utf-8"), object_pairs_hook=_without_repetition)
    if isinstance(value, dict):
        return value  # pyright: ignore[reportUnknownVariableType] — what JSON holds is not known
    raise ValueError("not a JSON object")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members
