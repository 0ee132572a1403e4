"""`q`: the words that an order must have, each by its beginning."""

import re
from collections.abc import Sequence
from typing import TypeAlias

import psycopg
import psycopg.rows

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.text import Sentence

__all__ = ["Connection", "words_query"]

Connection: TypeAlias = psycopg.AsyncConnection[object]

_NO_WORD = Sentence("Debe tener alguna letra o cifra", "Must have some letter or digit")
_ORDER_NUMBER = re.compile(r"ord-\d{0,4}|(?:ord-)?\d{4}-\d*", re.ASCII)
_LONGEST_WORD = 40


async def words_query(connection: Connection, text: str | None) -> str | None:
    """Return `q` in PostgreSQL's syntax of text search; None where it is not asked for.

    The database cuts the text as it cuts those of orders (`search_words` in migration 0004).

    Raises:
        ValidationFailed: there is no word in it.
    """
    if text is None:
        return None
    numbers, rest = _cut_numbers(text)
    words = [*numbers, *(await _words_of(connection, rest) if rest else ())]
    if not words:
        raise ValidationFailed({"q": _NO_WORD})
    return " & ".join(_beginning(word[:_LONGEST_WORD]) for word in dict.fromkeys(words))


async def _words_of(connection: Connection, text: str) -> Sequence[str]:
    cursor = connection.cursor(row_factory=psycopg.rows.scalar_row)
    await cursor.execute("SELECT search_words(%s)", (text,))
    return await cursor.fetchone() or []


def _cut_numbers(text: str) -> tuple[list[str], str]:
    """Take the (beginnings of) order numbers out of `text`; return them and what is left."""
    pieces = text.lower().split()
    numbers = [piece for piece in pieces if _ORDER_NUMBER.fullmatch(piece)]
    return numbers, " ".join(piece for piece in pieces if piece not in numbers)


def _beginning(word: str) -> str:
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "':*"
