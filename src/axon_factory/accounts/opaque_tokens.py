"""The shape of API keys, system and refresh tokens: `<prefix>_<id>_<secret><checksum>`.

The prefix lets secret scanners find a leaked one, the checksum lets them and us refuse garbage
without a query, the id finds the row, and only a MAC of the whole is kept. A slow hash would be
wrong here: the secret has 256 bits of its own (reference A3).
"""

import hashlib
import hmac
import re
import secrets
import string
import zlib
from dataclasses import dataclass, field

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

        It is random to whoever lacks the pepper, so it needs no storage to be handed out twice.
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
