"""Texts that leave the factory: sentences in two languages, times, and texts without secrets.

A `Redactor` hides others' data from a machine outside. A member whose name names a secret goes
with its value. In texts a word stands for each secret. A planning model is also shown no way to
reach a person; an agent that builds needs the client's mail and telephone. Redaction errs on the
side of hiding, because what is hidden can be asked for again.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Self, cast


class Sentence(str):
    """A sentence in Spanish that carries its English variant.

    As a `str` it is the Spanish one; :func:`in_english` picks the other.
    """

    __slots__ = ("en",)
    en: str

    def __new__(cls, spanish: str, en: str) -> Self:
        """Pair a sentence with its translation."""
        sentence = super().__new__(cls, spanish)
        sentence.en = en
        return sentence


def in_english(document: Any) -> Any:  # noqa: ANN401 — any JSON value
    """Return `document` with the English variant of every :class:`Sentence` in it."""
    match document:
        case Sentence():
            return document.en
        case dict():
            members = cast("dict[str, Any]", document).items()
            return {name: in_english(value) for name, value in members}
        case list():
            return [in_english(value) for value in cast("list[Any]", document)]
        case _:
            return document


_TO_SECONDS = len("2025-11-14T10:00:00")


def timestamp(value: datetime | None) -> str | None:
    """Return e.g. "2025-11-14T10:00:00Z"."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat()[:_TO_SECONDS] + "Z"


HIDDEN_SECRET = "[secreto omitido]"  # noqa: S105 — the word that stands for one
HIDDEN_MAIL = "[correo omitido]"
HIDDEN_PHONE = "[teléfono omitido]"

_SHORTEST_SECRET = 6
_SECRET_NAMES = (
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
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
    "notasinternas",
)
_SECRET_WORDS = frozenset({"pass", "pwd", "pin"})
_HARMLESS_NAMES = ("palabraclave", "palabrasclave", "clavesdebusqueda", "maxtokens", "tokensmax")
_CONTACT_NAMES = frozenset(
    {"email", "mail", "correo", "telefono", "phone", "celular", "movil", "whatsapp", "tel", "fax"}
)

_SECRETS = re.compile(
    r"""
      -----BEGIN[^-]{0,40}PRIVATE\ KEY-----.*?(?:-----END[^-]{0,40}-----|\Z)
    | \b(?:sk|pk|rk|whsec)[-_][A-Za-z0-9_.-]{12,}
    | \b(?:gh[pousr]|github_pat|glpat|xox[a-z]|shpat)[-_][A-Za-z0-9_.-]{10,}
    | \b(?:hf|npm)_(?=[A-Za-z0-9_.-]*[0-9])[A-Za-z0-9_.-]{10,}
    | \b(?:re|SG)[_.](?=[A-Za-z0-9_.-]*[0-9])[A-Za-z0-9_.-]{16,}
    | \b[a-z]{2,6}_(?:live|test)_[A-Za-z0-9_]{8,}
    | \b(?:AKIA|ASIA)[A-Z0-9]{12,}
    | \bAIza[A-Za-z0-9_-]{20,}
    | \bya29\.[A-Za-z0-9_-]{10,}
    | \beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?
    | \b(?:AC|SK)[0-9a-f]{32}\b
    | \b(?i:bearer)\s+[A-Za-z0-9+/_.~=-]{8,}
    | \b(?i:basic)\s+(?=\S*[0-9=])[A-Za-z0-9+/_.=-]{8,}
    | (?<=://)[^\s/@:]{1,200}:[^\s/@]{1,200}(?=@)
    | (?<![A-Za-z0-9])(?i:pass(?:word|wd)?|contrase(?:ñ|n)a|clave|secreto?|token|api[-_ ]?key)
        (?:\s+es)?\s*[:=]\s*["']?[^\s"',;}]{3,}
    """,
    re.VERBOSE | re.DOTALL,
)
# A sheet's id or a commit looks like this too, and a builder must be told it.
_RANDOM = re.compile(
    r"""
      (?<![A-Za-z0-9+/_=-])(?=[A-Za-z0-9+/_=-]*[0-9])(?=[A-Za-z0-9+/_=-]*[a-z])
        (?=[A-Za-z0-9+/_=-]*[A-Z])[A-Za-z0-9+/_=-]{32,}
    | (?<![A-Za-z0-9])(?:AC|SK)?[A-Fa-f0-9]{32,}(?![A-Za-z0-9])
    """,
    re.VERBOSE,
)
_MAIL = re.compile(r"[^\s@<>\"'(),:;\[\]]{1,64}@[^\s@<>\"'(),:;\[\]]{1,255}\.[^\W\d_]{2,}")
_PHONE = re.compile(r"(?<![\w.])(?!\d{4}-\d\d-\d\d)\+?\(?\d(?:[\s().-]{0,2}\d){8,14}(?![\w])")
_ALWAYS = ((_SECRETS, HIDDEN_SECRET),)
_FROM_MODELS = (*_ALWAYS, (_RANDOM, HIDDEN_SECRET), (_MAIL, HIDDEN_MAIL), (_PHONE, HIDDEN_PHONE))


def is_secret_name(name: str) -> bool:
    """Say whether a key names a secret, in Spanish or English, however it is written."""
    letters = "".join(character for character in _plain(name) if character.isalnum())
    for harmless in _HARMLESS_NAMES:
        letters = letters.replace(harmless, "")
    return any(secret in letters for secret in _SECRET_NAMES) or not _SECRET_WORDS.isdisjoint(
        _words(name)
    )


class Redactor:
    """Takes out of texts and JSON data what looks like a secret, and secrets that it knows."""

    def __init__(self, known: Iterable[str] = (), *, for_models: bool = False) -> None:
        """`known` are values hidden wherever they stand; `for_models` hides ways to reach people.

        Of models also what merely looks random is kept away.
        """
        values = {value for value in known if len(value) >= _SHORTEST_SECRET}
        self._known = sorted(values, key=len, reverse=True)
        self._for_models = for_models
        self._patterns = _FROM_MODELS if for_models else _ALWAYS

    def text(self, text: str) -> str:
        """Return a text in which a word stands for each thing that is hidden."""
        for value in self._known:
            text = text.replace(value, HIDDEN_SECRET)
        for pattern, word in self._patterns:
            text = pattern.sub(word, text)
        return text

    def data(self, value: object) -> Any:  # noqa: ANN401 — any JSON value
        """Return a JSON value without members that name secrets, its texts and names redacted."""
        match value:
            case str():
                return self.text(value)
            case Mapping():
                members = cast("Mapping[object, object]", value).items()
                return {
                    self.text(str(name)): self.data(member)
                    for name, member in members
                    if not self._is_hidden(str(name), member)
                }
            case list() | tuple():
                return [self.data(item) for item in cast("list[object]", value)]
            case _:
                return value

    def _is_hidden(self, name: str, member: object) -> bool:
        return is_secret_name(name) or (self._for_models and _is_contact(name, member))


FOR_BUILDERS = Redactor()
FOR_MODELS = Redactor(for_models=True)


def _is_contact(name: str, value: object) -> bool:
    """Say whether a key gives a way to reach somebody; `{"email": true}` is a feature."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return False
    return not _CONTACT_NAMES.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    """Return the words of a name, also of one in camel case."""
    return re.split(r"[^a-z0-9]+", _plain(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name)))


def _plain(name: str) -> str:
    """Return a name in small letters without accents."""
    folded = unicodedata.normalize("NFKD", name).casefold()
    return "".join(character for character in folded if not unicodedata.combining(character))
