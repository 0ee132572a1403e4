"""The shape of API keys and system tokens: `<prefix>_<id>_<secret><checksum>`.

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

__all__ = ["PEPPER_MIN_BYTES", "OpaqueToken", "checked_pepper", "generate_token", "parse_token"]

PEPPER_MIN_BYTES = 32

_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_CHARACTERS = 8
_SECRET_CHARACTERS = 43  # 62^43 > 2^256
_CHECKSUM_CHARACTERS = 6  # 62^6 > 2^32
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

    def matches(self, mac: bytes, pepper: bytes) -> bool:
        """Compare with a kept MAC, in constant time."""
        return hmac.compare_digest(self.mac(pepper), mac)


def generate_token(prefix: str) -> OpaqueToken:
    """Make a new random token under `prefix`, such as "axk_live"."""
    token_id = _random(_ID_CHARACTERS)
    body = f"{prefix}_{token_id}_{_random(_SECRET_CHARACTERS)}"
    return OpaqueToken(token_id, body + _checksum(body))


def parse_token(prefix: str, text: str) -> OpaqueToken | None:
    """Return the token that `text` spells, or None if prefix, shape or checksum is wrong."""
    match = _SHAPE.fullmatch(text)
    if match is None or match["prefix"] != prefix:
        return None
    if _checksum(text[:-_CHECKSUM_CHARACTERS]) != match["checksum"]:
        return None
    return OpaqueToken(match["id"], text)


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


def _checksum(body: str) -> str:
    rest = zlib.crc32(body.encode("ascii"))
    digits = ""
    for _ in range(_CHECKSUM_CHARACTERS):
        rest, digit = divmod(rest, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
