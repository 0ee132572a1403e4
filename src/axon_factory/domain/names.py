"""Names that people read: of orders, clients, users, keys, agents and destinations.

A control character drives a terminal or splits a mail's subject. A bidirectional override shows a
name in another order than it is stored in (Unicode Technical Report 36; "Trojan Source").
"""

import re

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.sentences import Sentence

__all__ = ["checked_name", "name_fault"]

# Controls, line separators, and the embeddings, overrides and isolates of the bidirectional
# algorithm. Marks of direction and joiners stay: Arabic and emoji are written with them.
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FAULT = Sentence(
    "No puede tener caracteres de control ni de dirección del texto",
    "Must not have control characters or overrides of the text's direction",
)
_EMPTY = Sentence("No puede estar vacío", "Must not be empty")


def name_fault(text: str) -> Sentence | None:
    """Return what keeps `text` from being shown as a name, or None."""
    if _NOT_SHOWN.search(text):
        return _FAULT
    if not any(character.isprintable() and not character.isspace() for character in text):
        return _EMPTY
    return None


def checked_name(text: str, *, field: str, longest: int) -> str:
    """Return `text` without the spaces around it, as the name of an account, key or destination.

    Raises:
        ValidationFailed: it is empty, longer than `longest` characters, or not printable.
    """
    name = text.strip()
    if not 1 <= len(name) <= longest:
        sentence = Sentence(
            f"Debe tener de 1 a {longest} caracteres visibles",
            f"Must have 1 to {longest} visible characters",
        )
        raise ValidationFailed({field: sentence})
    if not name.isprintable():
        raise ValidationFailed({field: name_fault(name) or _FAULT})
    return name
