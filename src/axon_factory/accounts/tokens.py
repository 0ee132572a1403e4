"""The two kinds of tokens: opaque `<prefix>_<id>_<secret><checksum>`, and JWTs of users' sessions.

An opaque token is an API key, a system token or a refresh token. The prefix lets secret scanners
find a leaked one. The checksum lets them and us refuse garbage without a query. The id finds the
row, and only a MAC of the whole is kept. A slow hash would be wrong here, because the secret has
256 bits of its own (reference A3).

PyJWT makes and checks the signature of a JWT. What it leaves open even when strict (another `typ`,
members twice, `exp` as text, a list in `aud`, padding, 1 MB of token) is refused here (RFC 8725,
RFC 9068; reference A2).
"""

import hashlib
import hmac
import json
import re
import secrets
import string
import time
import zlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from axon_factory.accounts.errors import CredentialExpired

if TYPE_CHECKING:
    from jwt import PyJWS

PEPPER_MIN_BYTES = 32

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_CHARACTERS = 8
_SECRET_CHARACTERS = 43  # 62^43 > 2^256
_CHECKSUM_CHARACTERS = 6  # 62^6 > 2^32
_ID = re.compile(rf"[0-9A-Za-z]{{{_ID_CHARACTERS}}}")
_SHAPE = re.compile(
    rf"(?P<prefix>[a-z]+_live)_(?P<id>[0-9A-Za-z]{{{_ID_CHARACTERS}}})"
    rf"_[0-9A-Za-z]{{{_SECRET_CHARACTERS}}}(?P<checksum>[0-9A-Za-z]{{{_CHECKSUM_CHARACTERS}}})"
)


@dataclass(frozen=True, slots=True)
class OpaqueToken:
    """A well-formed token: `id` may be shown and logged, `plaintext` is the secret itself."""

    id: str
    plaintext: str = field(repr=False)

    def mac(self, pepper: bytes) -> bytes:
        """Return what is kept of it: HMAC-SHA-256, 32 bytes.

        It covers prefix and id too, so a MAC copied to another row or table proves nothing.
        """
        return hmac.digest(pepper, self.plaintext.encode("ascii"), hashlib.sha256)

    def successor(self, pepper: bytes) -> "OpaqueToken":
        """Return the token that follows this one: always the same, and only we can tell which.

        Without the pepper it looks random. It needs no storage to be handed out twice.
        """
        prefix = self.plaintext[: -len(self.id) - _SECRET_CHARACTERS - _CHECKSUM_CHARACTERS - 2]
        seed = b"successor of " + self.plaintext.encode("ascii")
        number = int.from_bytes(hmac.digest(pepper, seed, hashlib.sha512))
        digits = _base62(number, _ID_CHARACTERS + _SECRET_CHARACTERS)
        return _assembled(prefix, digits[:_ID_CHARACTERS], digits[_ID_CHARACTERS:])

    def matches(self, mac: bytes, pepper: bytes) -> bool:
        """Compare with a kept MAC, in constant time."""
        return hmac.compare_digest(self.mac(pepper), mac)


def generate_token(prefix: str) -> OpaqueToken:
    """Make a new random token under `prefix`, such as "axk_live"."""
    return _assembled(prefix, _random(_ID_CHARACTERS), _random(_SECRET_CHARACTERS))


def parse_token(prefix: str, text: str) -> OpaqueToken | None:
    """Return the token that `text` spells, or None if prefix, shape or checksum is wrong."""
    match = _SHAPE.fullmatch(text)
    if match is None or match["prefix"] != prefix:
        return None
    if _checksum(text[:-_CHECKSUM_CHARACTERS]) != match["checksum"]:
        return None
    return OpaqueToken(match["id"], text)


def is_token_id(text: str) -> bool:
    """Return whether `text` could be the id of a token."""
    return _ID.fullmatch(text) is not None


def checked_pepper(pepper: bytes) -> bytes:
    """Return the pepper.

    Raises:
        ValueError: it has less than 32 bytes.
    """
    if len(pepper) < PEPPER_MIN_BYTES:
        raise ValueError(f"the pepper has less than {PEPPER_MIN_BYTES} bytes")
    return pepper


def _random(characters: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(characters))


def _assembled(prefix: str, token_id: str, secret: str) -> OpaqueToken:
    body = f"{prefix}_{token_id}_{secret}"
    return OpaqueToken(token_id, body + _checksum(body))


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode("ascii")), _CHECKSUM_CHARACTERS)


def _base62(number: int, characters: int) -> str:
    """Return the last `characters` digits of `number`."""
    digits = ""
    for _ in range(characters):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits


_ALGORITHM = "HS256"
_TYPE = "at+jwt"
_KEY_MIN_BYTES = 32
_MAX_CHARACTERS = 4096
_CLOCK_SKEW_SECONDS = 5
_JWT_SHAPE = re.compile(r"([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")
_TEXT_CLAIMS = ("iss", "aud", "sub", "sid", "jti")
_TIME_CLAIMS = ("iat", "nbf", "exp")
_CLAIMS = frozenset({*_TEXT_CLAIMS, *_TIME_CLAIMS})


@cache
def _jws() -> "PyJWS":
    from jwt import PyJWS  # noqa: PLC0415 — with all of its algorithms it takes 9 MB, for logins only

    return PyJWS(algorithms=[_ALGORITHM], options={"verify_signature": True})


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
    """What a verified token says: user, login session, times in Unix seconds.

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
        token = _jws().encode(
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
        shape = _JWT_SHAPE.fullmatch(token)
        if shape is None:
            return None
        from jwt.exceptions import InvalidTokenError  # noqa: PLC0415 — as in _jws

        try:
            key = self._key_named_in(shape[1])
            claims = _strict_object(_jws().decode(token, key, algorithms=[_ALGORITHM]))
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
