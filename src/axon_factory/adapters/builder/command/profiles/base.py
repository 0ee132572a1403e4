"""What a profile is: a command line, and what its JSON lines mean."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from axon_factory.domain.events import LogLevel

Json = Mapping[str, Any]

_LONGEST_TEXT = 500
_LARGEST_COUNT = 2**31 - 1
LARGEST_AMOUNT = Decimal(100_000)
_LATEST_MILLISECONDS = 4_102_444_800_000  # the year 2100


@dataclass(frozen=True, slots=True)
class Said:
    """One thing for the log. `internal`: how the agent works, which is for staff only."""

    message: str
    level: LogLevel = LogLevel.INFO
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Used:
    """What requests to a model have cost; `model` and `cost_usd` are None where it does not say."""

    input_tokens: int
    output_tokens: int
    cost_usd: Decimal | None = None
    model: str | None = None
    latency_ms: int = 0


class Ending(StrEnum):
    """What a tool's own lines say of its end; a process may end without any of them."""

    DONE = "hecho"
    EMPTY = "vacio"
    """Done, but the model's last answer holds no word."""
    CUT = "cortado"
    """The model's answer reached its longest length."""
    BLOCKED = "bloqueado"
    """The model, or a filter of its provider, refused."""
    GAVE_UP = "rendido"
    """An error ended the work."""


class Sign(StrEnum):
    """What a line proves of the work."""

    LIFE = "vida"
    ERROR = "error"
    """Only that something failed: it is no sign of life."""
    TRY = "intento"
    """A part of an answer: only its end tells whether it is one. Repeated, it is a failed try."""
    UNKNOWN = "desconocida"
    """A line that the profile does not know: a sign of life, unless it is repeated."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one line means.

    Attributes:
        said: entries for the log.
        used: what models have cost since the line before.
        error: what went wrong, in the words of the agent or of its provider.
        ending: how the work ended, if the line says so.
        answered: True after words of the model, False after work that it still has to answer for.
            None leaves it as it was.
        sign: what the line proves of the work.
        at: the line's own time.
    """

    said: tuple[Said, ...] = ()
    used: tuple[Used, ...] = ()
    error: str | None = None
    ending: Ending | None = None
    answered: bool | None = None
    sign: Sign = Sign.LIFE
    at: datetime | None = None


def spoken(text: str, sign: Sign = Sign.LIFE) -> Reading:
    """Return the reading of the model's own words, for everybody who reads the order."""
    return Reading(said=(Said(text),), answered=True, sign=sign) if text else Reading(sign=sign)


def complaint(text: str, *, ending: Ending | None = None) -> Reading:
    """Return the reading of an error: its words are for staff only."""
    level = LogLevel.WARNING if ending is None else LogLevel.ERROR
    said = (Said(text, level, internal=True),)
    return Reading(said, error=text, ending=ending, sign=Sign.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A coding agent's command line. The prompt comes by standard input.

    Attributes:
        name: what `AXON_AGENT_COMMAND_PROFILE` calls it.
        program: the name under which it is usually installed.
        first_words: what stands behind the program.
        last_words: what ends the command line.
        environment: what it needs to be told besides the words: never a secret.
        read: returns what a line means; None for one of an unknown kind.
        configured_model: returns the model that the tool's own configuration names, None: none.
            It takes further words and environment. The words win, as they do in the tool.
        priced_as: returns a model's name and the provider whose prices hold for it, None: any.
    """

    name: str
    program: str
    first_words: tuple[str, ...]
    last_words: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    read: Callable[[Json], Reading | None]
    configured_model: Callable[[Sequence[str], Mapping[str, str]], str | None]
    priced_as: Callable[[str], tuple[str, str | None]]

    def words(self, program: Path, model: str | None, arguments: Sequence[str]) -> list[str]:
        """Return the command line; `arguments` are further words of the factory's owner."""
        chosen = ["--model", model] if model else []
        return [str(program), *self.first_words, *chosen, *arguments, *self.last_words]


def option_of(words: Sequence[str], *names: str) -> str | None:
    """Return the value of the last option with one of the names, as `-m x` or `--model=x`."""
    found: str | None = None
    for place, word in enumerate(words):
        name, separator, value = word.partition("=")
        if word in names and place + 1 < len(words):
            found = words[place + 1]
        elif separator and name in names:
            found = value
    return found


def one_line(value: object, longest: int = _LONGEST_TEXT) -> str:
    """Return a text of others as one printable line, shortened."""
    text = value if isinstance(value, str) else ""
    # Cut first: an agent may say megabytes in one line.
    flat = re.sub(r"\s+", " ", text[: longest * 4]).strip()
    clean = "".join(letter for letter in flat if letter.isprintable())
    return clean if len(clean) <= longest else clean[: longest - 1] + "…"


def mapping(value: object) -> Json:
    """Return a JSON object, or an empty one for anything else."""
    return cast("Json", value) if isinstance(value, dict) else {}


def count(value: object) -> int:
    """Return a number of tokens or milliseconds; 0 for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**63:
        return 0
    return min(int(value), _LARGEST_COUNT)


def amount(value: object) -> Decimal | None:
    """Return an amount in US dollars; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found <= LARGEST_AMOUNT else None


def moment(milliseconds: object) -> datetime | None:
    """Return a time given in milliseconds since 1970; None for anything else."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        return None
    if not 0 < milliseconds < _LATEST_MILLISECONDS:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
