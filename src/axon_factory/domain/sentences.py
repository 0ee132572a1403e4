"""Sentences for people, in the two languages the factory speaks."""

from typing import Any, Self, cast

__all__ = ["Sentence", "in_english"]


class Sentence(str):
    """A sentence in Spanish that carries its English variant.

    Whoever knows nothing of languages writes the Spanish one; :func:`in_english` picks the other.
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
