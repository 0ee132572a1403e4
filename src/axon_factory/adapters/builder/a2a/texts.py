"""Text of others, made fit for our records."""

import unicodedata

_LAYOUT = frozenset("\n\t")
_NOT_SHOWN = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Control characters (NUL, which PostgreSQL refuses, among them), surrogates, and no characters."""


def readable(text: str, longest: int) -> str:
    """Return `text` without what cannot be shown, cut to `longest` characters."""
    # Cut first, so that a text of megabytes costs nothing; twice the length leaves room for what
    # is taken out.
    kept = "".join(
        character
        for character in text[: 2 * longest]
        if character in _LAYOUT or unicodedata.category(character) not in _NOT_SHOWN
    ).strip()
    return kept if len(kept) <= longest else f"{kept[: longest - 1]}…"
