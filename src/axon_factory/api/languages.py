"""In which language a caller is answered: Spanish, or English where it is preferred."""

import re

__all__ = ["prefers_english"]

_LANGUAGE = re.compile(r"\s*(en|es)(?:-[a-z0-9]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*")


def prefers_english(accept_language: str) -> bool:
    """Return whether `Accept-Language` asks for English before Spanish (RFC 9110 §12.5.4)."""
    weights = {"en": 0.0, "es": 0.0}
    for item in accept_language.lower().split(","):
        match = _LANGUAGE.fullmatch(item)
        if match:
            weight = float(match[2]) if match[2] else 1.0
            weights[match[1]] = max(weights[match[1]], weight)
    return weights["en"] > weights["es"]
