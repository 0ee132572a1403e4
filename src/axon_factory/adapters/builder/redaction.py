"""What an outside agent may see of a client's configuration: everything but secrets."""

import re
from collections.abc import Mapping
from typing import Any, cast

__all__ = ["HIDDEN", "redacted"]

HIDDEN = "[oculto]"
"""Stands where a secret was, so that the agent knows that there is one."""

_SECRET_NAME = re.compile(
    r"secret|token|passw|contrase|clave|credencial|credential|api[_-]?key|private[_-]?key|"
    r"auth|firma|signature|(^|[_-])(key|pin|pwd|jwt)($|[_-])",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|eyJ[\w-]{8,}\.[\w-]{8,}\.|"
    r"\b(sk|pk|rk|whsec|xox[abp]|gh[opsu]|github_pat|glpat|axs?_live)[_-][\w-]{8,}|"
    r"\bAKIA[0-9A-Z]{16}\b|\bAC[0-9a-f]{32}\b|://[^/\s:@]+:[^/\s@]+@",
)


def redacted(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy in which `HIDDEN` stands for every secret, told by its key or its form."""
    return {key: _shown(key, value) for key, value in configuration.items()}


def _shown(key: str, value: Any) -> Any:  # noqa: ANN401 — any JSON value
    if _SECRET_NAME.search(key) and value not in (None, True, False):
        return HIDDEN
    if isinstance(value, Mapping):
        return redacted(cast("Mapping[str, Any]", value))
    if isinstance(value, list):
        return [_shown("", item) for item in cast("list[Any]", value)]
    if isinstance(value, str) and _SECRET_VALUE.search(value):
        return HIDDEN
    return value
