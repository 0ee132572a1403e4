"""Which members of a client's configuration look like secrets: they leave the factory nowhere."""

import unicodedata
from collections.abc import Mapping
from typing import Any, cast

__all__ = ["is_secret_name", "without_secrets"]

_SIGNS = (
    "token",
    "secret",
    "password",
    "passwd",
    "contrasena",
    "clave",
    "llave",
    "apikey",
    "accesskey",
    "privatekey",
    "credencial",
    "credential",
    "authorization",
    "cookie",
)
_HARMLESS = ("palabraclave", "palabrasclave", "clavesdebusqueda")


def is_secret_name(name: str) -> bool:
    """Say whether a key names a secret, in Spanish or English, however it is written."""
    folded = unicodedata.normalize("NFKD", name).casefold()
    letters = "".join(letter for letter in folded if letter.isalnum())
    for harmless in _HARMLESS:
        letters = letters.replace(harmless, "")
    return any(sign in letters for sign in _SIGNS)


def without_secrets(value: Any) -> Any:  # noqa: ANN401 — any JSON value
    """Return a JSON value without the members, at any depth, whose keys name secrets."""
    match value:
        case Mapping():
            members = cast("Mapping[str, Any]", value).items()
            return {
                name: without_secrets(member)
                for name, member in members
                if not is_secret_name(name)
            }
        case list() | tuple():
            return [without_secrets(item) for item in cast("list[Any]", value)]
        case _:
            return value
