"""Which texts of a model may stand in a plan: visible Spanish prose, and nothing to run or open."""

import re
import unicodedata
from collections.abc import Iterable

NAME_PATTERN = r"^[\w\u00c0-\u024f][\w\u00c0-\u024f .,:()+&/'-]{0,79}$"
"""Names of milestones: letters, digits and the marks that stand between words."""

_SUSPECT = re.compile(
    r"""://|\bwww\.|\b(?:javascript|data|file):   # addresses
    | \.\./|\.\.\\|(?:^|\s)~?/\w+/               # paths
    | [`|\\]|&&|\$[({\w]*[({]|;\s*(?:rm|curl|sh)\b  # commands
    | [{}]|\]\(|<[\w/!?|%]                        # templates and markup
    """,
    re.IGNORECASE | re.VERBOSE,
)
_WORD = re.compile(r"[^\W\d_]+")
_FOREIGN = frozenset(
    _WORD.findall(
        "the and with of for from to this that is are will be on by "
        "und der die das mit für von ist les des avec pour est dans "
        "os dos das com uma não gli degli della che per"
    )
)
_SPANISH = frozenset(
    _WORD.findall("de la el los las y con del en un una para por que se al su sin es lo como más a")
)


def checked_prose(text: str) -> str:
    """Return a text that people will read.

    Raises:
        ValueError: it holds what nobody sees, what a program might act on, or another script.
    """
    if not visible(text):
        raise ValueError("tiene caracteres invisibles o de control")
    if _SUSPECT.search(text):
        raise ValueError("tiene direcciones, rutas, órdenes o marcas: debe ser texto corriente")
    if not all(_is_latin(character) for character in text):
        raise ValueError("debe estar en español")
    return text


def checked_name(text: str) -> str:
    """Return a short name.

    Raises:
        ValueError: as `checked_prose`, or it has marks that no name needs.
    """
    if not re.fullmatch(NAME_PATTERN, checked_prose(text)):
        raise ValueError("debe ser un nombre corto, de letras, cifras y puntuación corriente")
    return text


def visible(text: str, *, but: str = "") -> bool:
    """Say whether every character can be seen; those of `but` may be there all the same."""
    return all(
        character in but or unicodedata.category(character)[0] not in "CZ" or character == " "
        for character in text
    )


def in_spanish(texts: Iterable[str]) -> bool:
    """Say whether texts are Spanish, or too short to tell, by the little words between the others.

    Names of parts ("Backend API") have none, so they never count as a foreign language.
    """
    words = _WORD.findall(" ".join(texts).casefold())
    foreign = sum(word in _FOREIGN for word in words)
    return foreign <= sum(word in _SPANISH for word in words)


def _is_latin(character: str) -> bool:
    return not character.isalpha() or unicodedata.name(character, "").startswith(
        ("LATIN", "FEMININE ORDINAL", "MASCULINE ORDINAL")
    )
