"""Spoilt spellings of API keys, system tokens and refresh tokens, which have one shape."""

import hashlib
import hmac
import string
import zlib
from collections.abc import Callable, Mapping

__all__ = ["Spoil", "misspelt", "with_checksum"]

Spoil = Callable[[str], str | bytes]
_BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase


def with_checksum(body: str) -> str:
    """The checksum as documented, made without the code under test."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    return body + digits


def _flip(character: str) -> str:
    return "A" if character != "A" else "B"


def misspelt(pepper: bytes) -> Mapping[str, Spoil]:
    """Ways to spoil a token that holds, by name; `pepper` is the application's own."""
    return {
        "empty": lambda _: "",
        "not a token": lambda _: "hola",
        "its id alone": lambda key: key.split("_")[2],
        "its prefix alone": lambda key: key[:9],
        "without prefix": lambda key: key[9:],
        "checksum wrong": lambda key: key[:-1] + _flip(key[-1]),
        "checksum missing": lambda key: key[:-6],
        "checksum of another body": lambda key: key[:-6] + with_checksum("x")[1:],
        "checksum zero": lambda key: key[:-6] + "000000",
        "cut by one": lambda key: key[:-1],
        "first character missing": lambda key: key[1:],
        "secret wrong, checksum right": lambda key: with_checksum(key[:-7] + _flip(key[-7])),
        "secret first wrong, checksum right": lambda key: with_checksum(
            key[:18] + _flip(key[18]) + key[19:-6]
        ),
        "secret zero, checksum right": lambda key: with_checksum(key[:18] + "0" * 43),
        "secret too short, checksum right": lambda key: with_checksum(key[:-7]),
        "secret too long, checksum right": lambda key: with_checksum(key[:-6] + "0"),
        "secret missing, checksum right": lambda key: with_checksum(key[:18]),
        "id unknown, checksum right": lambda key: with_checksum(key[:9] + "0" * 8 + key[17:-6]),
        "id too long, checksum right": lambda key: with_checksum(key[:9] + "0" + key[9:-6]),
        "id and secret exchanged": lambda key: with_checksum(f"{key[:9]}{key[18:-6]}_{key[9:17]}"),
        "of a test environment": lambda key: with_checksum(key.replace("live", "test")[:-6]),
        "of another company": lambda key: with_checksum("sk" + key[3:-6]),
        "prefix in capitals": lambda key: with_checksum(key[:8].upper() + key[8:-6]),
        "in capitals": lambda key: key.upper(),
        "in lower case": lambda key: key.lower(),
        "reversed": lambda key: key[::-1],
        "a character more": lambda key: key + "0",
        "twice": lambda key: f"{key}, {key}",
        "twice in a row": lambda key: key + key,
        "in quotes": lambda key: f'"{key}"',
        "white space within": lambda key: f"{key[:20]} {key[20:]}",
        "a line at the end": lambda key: key + "\n",
        "a tab at the end": lambda key: key + "\t",
        "NUL at the end": lambda key: key + "\0",
        "NUL within": lambda key: f"{key[:20]}\0{key[20:]}",
        "percent-encoded": lambda key: key.replace("_", "%5F"),
        "SQL": lambda _: "' OR '1'='1",
        "a wildcard": lambda key: key[:9] + "%%%%%%%%" + key[17:],
        "Latin-1": lambda key: key[:-1].encode() + b"\xf1",
        "digits of another script": lambda key: key[:-7] + "٣" + key[-6:],
        "letters of another script": lambda key: key.replace("a", "а", 1),  # noqa: RUF001 — Cyrillic
        "full-width low lines": lambda key: key.replace("_", "＿"),  # noqa: RUF001 — on purpose
        "a byte order mark before": lambda key: "\ufeff" + key,
        "a right-to-left mark behind": lambda key: key + "\u200f",
        "twenty kilobytes": lambda key: key + "0" * 20_000,
        "its MAC": lambda key: with_checksum(
            key[:18] + hmac.digest(pepper, key.encode(), hashlib.sha256).hex()[:43]
        ),
        "a JWT": lambda _: "eyJhbGciOiJIUzI1NiJ9.e30." + "A" * 43,
    }
