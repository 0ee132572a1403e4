"""Takes out of texts and data whatever looks like a secret, before an agent or a log gets them."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

__all__ = ["HIDDEN", "Redactor"]

HIDDEN = "[oculto]"

_SHORTEST_SECRET = 6
_NAME = re.compile(
    r"(?i)(pass(word|wd|phrase)?|secret|token|api[_-]?key|private[_-]?key|access[_-]?key|"
    r"credential|authorization|cookie|contrase|clave|secreto|credencial|\bpin\b|\bpwd\b)"
)
_KEPT_NAME = re.compile(r"(?i)(palabras?_clave|max_tokens|tokens_max)")
_PATTERNS = (
    re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
    ),
    re.compile(r"\b(?:sk|pk|rk|whsec)[-_][A-Za-z0-9_-]{12,}"),
    re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeoprs]-|npm_|hf_)[A-Za-z0-9_-]{10,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\bAIza[A-Za-z0-9_-]{30,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    re.compile(r"\b(?:AC|SK)[0-9a-f]{32}\b"),
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(r"(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"),
    re.compile(
        r"(?i)(?<![A-Za-z])(?:password|passwd|secret|api[_-]?key|token|contraseña|clave)"
        r"\s*[:=]\s*[^\s,;\"'}]{4,}"
    ),
)


class Redactor:
    """Knows the secrets of this factory by their values, and those of others by their look."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """`secrets` are values that are hidden wherever they stand."""
        known = {value for value in secrets if len(value) >= _SHORTEST_SECRET}
        self._known = sorted(known, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return a text without secrets."""
        for value in self._known:
            text = text.replace(value, HIDDEN)
        for pattern in _PATTERNS:
            text = pattern.sub(HIDDEN, text)
        return text

    def data(self, value: object) -> Any:  # noqa: ANN401 — any JSON value
        """Return JSON data without secrets: in texts, and in members with a telling name."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            members = cast("Mapping[str, object]", value)
            return {name: self._member(name, member) for name, member in members.items()}
        if isinstance(value, list | tuple):
            return [self.data(item) for item in cast("list[object]", value)]
        return value

    def _member(self, name: str, value: object) -> Any:  # noqa: ANN401 — any JSON value
        # The factory's own plan has no secrets, and numbers and switches are none.
        telling = _NAME.search(name) and not _KEPT_NAME.search(name)
        if telling and isinstance(value, str) and value:
            return HIDDEN
        return self.data(value)
