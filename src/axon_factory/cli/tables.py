"""Tables and lists of facts on a terminal.

A table that is wider than the terminal drops whole columns, and breaks no word. Texts of clients
and agents are shown without control characters: they must not drive a terminal.
"""

import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from axon_factory.cli.terminal import paint, said

NOTHING = "—"
_GAP = 2
_UNBOUNDED = 10_000


@dataclass(frozen=True, slots=True)
class Styled:
    """A value with its style, such as "bold green"; a table keeps a styled one on one line."""

    text: str
    style: str


def safe(value: object) -> str:
    """Return the text of `value` on one line, each unprintable character as "�"."""
    words = " ".join(str(value).split())
    return "".join(character if character.isprintable() else "�" for character in words)


def local_time(moment: str | datetime | None) -> str:
    """Return e.g. "2025-11-14 04:00:00 CST" in this machine's time zone; `moment` is ISO 8601."""
    if not moment:
        return NOTHING
    local = _parsed(moment).astimezone()
    return local.strftime("%Y-%m-%d %H:%M:%S %Z")


def clock_time(moment: str) -> str:
    """Return e.g. "04:00:00" in this machine's time zone."""
    return _parsed(moment).astimezone().strftime("%H:%M:%S")


def _parsed(moment: str | datetime) -> datetime:
    found = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def columns_of_screen() -> int:
    """Return how many columns there are; a file or a pipe takes any width."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return _UNBOUNDED


class Table:
    """Rows under headers."""

    def __init__(
        self, *headers: str, numbers: Collection[str] = (), drop: Sequence[str] = ()
    ) -> None:
        """Begin a table.

        Args:
            headers: The names of the columns.
            numbers: The columns that are set to the right.
            drop: The columns that may be left out, the first of them first.
        """
        self._headers = headers
        self._numbers = numbers
        self._drop = drop
        self._rows: list[list[Styled]] = []

    def add(self, *values: object) -> None:
        """Add a row; what is not `Styled` is shown as its text."""
        self._rows.append(
            [value if isinstance(value, Styled) else Styled(safe(value), "") for value in values]
        )

    def lines(self, width: int | None = None) -> list[str]:
        """Return the table's lines for a screen of `width` columns."""
        width = width or columns_of_screen()
        columns = list(range(len(self._headers)))
        dropped: list[str] = []
        waiting = list(self._drop)
        while self._narrowest(columns) > width and waiting:
            dropped.append(waiting.pop(0))
            columns.remove(self._headers.index(dropped[-1]))
        widths = self._widths(columns, width)
        head = [Styled(header, "bold") for header in self._headers]
        shown = [line for row in (head, *self._rows) for line in self._row(row, columns, widths)]
        if dropped:
            names = ", ".join(dropped)
            shown.append(paint(said(f"No caben: {names}", f"No room for: {names}"), "dim"))
        return shown

    def _cells(self, column: int) -> list[str]:
        return [self._headers[column], *(row[column].text for row in self._rows)]

    def _least(self, column: int) -> int:
        """Return the longest word of the column, a styled value counting as one."""
        cells = [row[column] for row in self._rows]
        words = [_width(one.text) if one.style else _longest_word(one.text) for one in cells]
        return max([_longest_word(self._headers[column]), *words])

    def _narrowest(self, columns: Sequence[int]) -> int:
        return sum(self._least(column) for column in columns) + _GAP * (len(columns) - 1)

    def _widths(self, columns: Sequence[int], width: int) -> dict[int, int]:
        """Return each column's width: what it needs, or its part of what there is."""
        least = {column: self._least(column) for column in columns}
        most = {column: max(map(_width, self._cells(column))) for column in columns}
        free = width - sum(least.values()) - _GAP * (len(columns) - 1)
        wanted = sum(most.values()) - sum(least.values())
        if wanted <= free:
            return most
        share = max(free, 0) / wanted if wanted else 0
        return {one: least[one] + int((most[one] - least[one]) * share) for one in columns}

    def _row(
        self, row: Sequence[Styled], columns: Sequence[int], widths: Mapping[int, int]
    ) -> list[str]:
        wrapped = [_wrapped(row[column].text, widths[column]) for column in columns]
        lines: list[str] = []
        for number in range(max(map(len, wrapped))):
            parts: list[str] = []
            for column, texts in zip(columns, wrapped, strict=True):
                text = texts[number] if number < len(texts) else ""
                space = " " * (widths[column] - _width(text))
                painted = paint(text, row[column].style) if text else ""
                right = self._headers[column] in self._numbers
                parts.append(f"{space}{painted}" if right else f"{painted}{space}")
            lines.append((" " * _GAP).join(parts).rstrip())
        return lines


def facts(rows: Mapping[str, object]) -> list[str]:
    """Return a line for each name with its value; long values go on under themselves."""
    names = max((_width(name) for name in rows), default=0)
    space = max(columns_of_screen() - names - _GAP, 20)
    lines: list[str] = []
    for name, value in rows.items():
        styled = value if isinstance(value, Styled) else Styled(safe(value), "")
        head = paint(name, "dim") + " " * (names - _width(name) + _GAP)
        for text in _wrapped(styled.text, space):
            lines.append((head + paint(text, styled.style)).rstrip())
            head = " " * (names + _GAP)
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    if _width(text) <= width:
        return [text]
    return textwrap.wrap(text, max(width, 1), break_long_words=False, break_on_hyphens=False)


def _longest_word(text: str) -> int:
    return max(map(_width, text.split()), default=0)


def _width(text: str) -> int:
    """Return how many columns a terminal gives the text."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(1 for letter in text if unicodedata.combining(letter))
