"""What of a client's own data may be shown to a machine outside: no secret, no way to reach anyone.

A key that names a secret goes with its value; a secret, a mail address or a telephone number inside
a text is replaced by a word. It errs on the side of hiding: what is hidden can be asked for again.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, cast

__all__ = ["HIDDEN_MAIL", "HIDDEN_PHONE", "HIDDEN_SECRET", "redacted", "redacted_text"]

HIDDEN_SECRET = "[secreto omitido]"  # noqa: S105 — the word that stands for one
HIDDEN_MAIL = "[correo omitido]"
HIDDEN_PHONE = "[teléfono omitido]"

_SECRET_NAMES = (
    "token",
    "secret",
    "password",
    "passwd",
    "contrasena",
    "clave",
    "apikey",
    "accesskey",
    "privatekey",
    "llave",
    "credencial",
    "credential",
    "authorization",
    "cookie",
    "notasinternas",
)
_HARMLESS_NAMES = ("palabraclave", "palabrasclave", "clavesdebusqueda")
_CONTACT_NAMES = frozenset(
    {"email", "mail", "correo", "telefono", "phone", "celular", "movil", "whatsapp", "tel", "fax"}
)

_SECRETS = re.compile(
    r"""
      -----BEGIN[^-]{0,40}PRIVATE\ KEY-----.*?(?:-----END[^-]{0,40}-----|\Z)
    | \b(?:sk|pk|rk|whsec|glpat|gh[pousr]|github_pat|xox[a-z]|shpat)[-_][A-Za-z0-9_.-]{16,}
    | \b(?:re|hf|npm|SG)[_.](?=[A-Za-z0-9_.-]*[0-9])[A-Za-z0-9_.-]{16,}
    | \b[a-z]{2,6}_(?:live|test)_[A-Za-z0-9_]{8,}
    | \b(?:AKIA|ASIA)[A-Z0-9]{12,}
    | \bAIza[A-Za-z0-9_-]{20,}
    | \bya29\.[A-Za-z0-9_-]{10,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?
    | \b(?i:bearer|basic)\s+[A-Za-z0-9+/_.=-]{8,}
    | (?<=://)[^\s/@:]{1,200}:[^\s/@]{1,200}(?=@)
    | (?<![A-Za-z0-9])(?i:pass(?:word|wd)?|contrase(?:ñ|n)a|clave|secreto?|token|api[-_ ]?key)
        (?:\s+es)?\s*[:=]\s*["']?[^\s"',;]{3,}
    | (?<![A-Za-z0-9+/_=-])(?=[A-Za-z0-9+/_=-]*[0-9])(?=[A-Za-z0-9+/_=-]*[a-z])
        (?=[A-Za-z0-9+/_=-]*[A-Z])[A-Za-z0-9+/_=-]{32,}
    | (?<![A-Za-z0-9])(?:AC|SK)?[A-Fa-f0-9]{32,}(?![A-Za-z0-9])
    """,
    re.VERBOSE | re.DOTALL,
)
_MAIL = re.compile(r"[^\s@<>\"'(),:;\[\]]{1,64}@[^\s@<>\"'(),:;\[\]]{1,255}\.[^\W\d_]{2,}")
_PHONE = re.compile(r"(?<![\w.])(?!\d{4}-\d\d-\d\d)\+?\(?\d(?:[\s().-]{0,2}\d){8,14}(?![\w])")


def redacted(value: Any) -> Any:  # noqa: ANN401 — any JSON value
    """Return a JSON value without secrets, mail addresses and telephone numbers."""
    match value:
        case str():
            return redacted_text(value)
        case Mapping():
            members = cast("Mapping[Any, Any]", value).items()
            return {
                redacted_text(str(name)): redacted(member)
                for name, member in members
                if not _is_secret(str(name)) and not _is_contact(str(name), member)
            }
        case list() | tuple():
            return [redacted(item) for item in cast("list[Any]", value)]
        case _:
            return value


def redacted_text(text: str) -> str:
    """Return a text whose secrets, mail addresses and telephone numbers are words instead."""
    for pattern, word in ((_SECRETS, HIDDEN_SECRET), (_MAIL, HIDDEN_MAIL), (_PHONE, HIDDEN_PHONE)):
        text = pattern.sub(word, text)
    return text


def _is_secret(name: str) -> bool:
    letters = "".join(character for character in _plain(name) if character.isalnum())
    for harmless in _HARMLESS_NAMES:
        letters = letters.replace(harmless, "")
    return any(secret in letters for secret in _SECRET_NAMES)


def _is_contact(name: str, value: object) -> bool:
    """Say whether a key gives a way to reach somebody; `{"email": true}` is a feature."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return False
    words = re.split(r"[^a-z0-9]+", _plain(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)))
    return not _CONTACT_NAMES.isdisjoint(words)


def _plain(name: str) -> str:
    """Return a name in small letters without accents."""
    folded = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in folded if not unicodedata.combining(character))
