"""Is this body JSON that every part of the factory reads alike and PostgreSQL can store?

RFC 8259 leaves duplicate keys, lone surrogates and huge numbers to the reader; I-JSON (RFC 7493)
forbids them, and so does this. Each is refused with the field that it stands in, never with its
content.
"""

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.text import Sentence

__all__ = ["JsonLimits", "certain_json", "check_json"]

_INTEGER_DIGITS = 19
_INTEGERS = range(-(2**63), 2**63)
_DEEP_PATH = 2
"""Of a path that is too deep, so many parts are told."""
# It always matches and never goes back, or hostile quotes would cost the square of their number.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class JsonLimits:
    """`depth` counts lists and objects inside one another, `nodes` every value and member."""

    depth: int = 32
    nodes: int = 2000


class _Members(list[tuple[str, Any]]):
    """An object as it was written: with its order and its duplicates."""


class _HugeInteger:
    """Stands for an integer beyond 64 bits."""


def check_json(body: bytes, limits: JsonLimits) -> None:
    """Refuse `body` unless it is one I-JSON document within `limits`.

    Raises:
        ValidationFailed: naming the field, or `body` where there is none.
    """
    _check_size(body, limits.nodes)
    _Check(limits).value(_parsed(body), (), 1)


def certain_json(body: bytes, limits: JsonLimits) -> object | None:
    """Return the document of a body that `check_json` certainly accepts, at a tenth of its cost.

    None is for any doubt, and for `null`.
    """
    openings = body.count(b"{") + body.count(b"[")
    if body.count(b",") + openings + 1 > limits.nodes:
        return None
    if b"\\u" in body and _STRANGE_ESCAPE.search(body):
        return None
    try:
        document: object = _STRICT.decode(body.decode())
    except (ValueError, RecursionError):
        return None
    return document if openings <= limits.depth or _is_flat(document, limits.depth) else None


_STRANGE_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _small(digits: str) -> int:
    value = _integer(digits)
    if isinstance(value, _HugeInteger):
        raise ValueError  # noqa: TRY004 — doubt is told by one exception
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


_STRICT = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_small, parse_float=_finite, parse_constant=_finite
)


def _is_flat(value: object, levels: int) -> bool:
    """Return whether lists and objects stand inside one another at most so many times."""
    match value:
        case dict():
            inner = cast("dict[str, object]", value).values()
        case list():
            inner = cast("list[object]", value)
        case _:
            return True
    return levels > 0 and all(_is_flat(one, levels - 1) for one in inner)


def _check_size(body: bytes, most: int) -> None:
    """Refuse more values than `most` before Python makes an object of each."""
    structure = _STRING.sub(b"", body)
    openings = structure.count(b"[") + structure.count(b"{")
    if max(structure.count(b",") + 1, openings) > most:
        _refuse_size(most)


def _parsed(body: bytes) -> object:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        _refuse((), "El cuerpo no es UTF-8 válido", "The body is not valid UTF-8")
    if text.startswith("\ufeff"):
        _refuse((), "El cuerpo empieza con un BOM", "The body begins with a byte order mark")
    try:
        return json.loads(
            text, object_pairs_hook=_Members, parse_int=_integer, parse_constant=_not_finite
        )
    except RecursionError:
        _refuse((), "El cuerpo está anidado demasiado", "The body is nested too deeply")
    except ValueError:
        _refuse((), "El cuerpo no es JSON válido", "The body is not valid JSON")


def _integer(digits: str) -> int | _HugeInteger:
    # Python refuses to read thousands of digits, and reading hundreds costs.
    if len(digits) > _INTEGER_DIGITS + 1 or (value := int(digits)) not in _INTEGERS:
        return _HugeInteger()
    return value


def _not_finite(_name: str) -> float:
    return math.nan


@dataclass(slots=True)
class _Check:
    limits: JsonLimits
    nodes: int = 0

    def value(self, value: object, path: Path, depth: int) -> None:
        self._count()
        match value:
            case str():
                _check_text(value, path)
            case _HugeInteger():
                _refuse(path, "El número no cabe en 64 bits", "The number exceeds 64 bits")
            case float() if not math.isfinite(value):
                _refuse(path, "Los números deben ser finitos", "Numbers must be finite")
            case _Members():
                self._object(value, path, depth)
            case list():
                self._enter(path, depth)
                for index, item in enumerate(cast("list[object]", value)):
                    self.value(item, (*path, index), depth + 1)
            case _:
                pass

    def _object(self, members: Iterable[tuple[str, object]], path: Path, depth: int) -> None:
        self._enter(path, depth)
        seen: set[str] = set()
        for key, item in members:
            _check_text(key, path)
            if key in seen:
                _refuse((*path, key), "Este campo está repetido", "This field is given twice")
            seen.add(key)
            self.value(item, (*path, key), depth + 1)

    def _enter(self, path: Path, depth: int) -> None:
        most = self.limits.depth
        if depth > most:
            _refuse(
                path[:_DEEP_PATH],
                f"Admite como máximo {most} niveles",
                f"At most {most} levels are allowed",
            )

    def _count(self) -> None:
        self.nodes += 1
        most = self.limits.nodes
        if self.nodes > most:
            _refuse_size(most)


def _check_text(text: str, path: Path) -> None:
    if "\x00" in text:
        _refuse(path, "No puede contener el carácter NUL", "It must not contain the character NUL")
    if _SURROGATE.search(text):
        _refuse(
            path,
            "Contiene un carácter que no es Unicode válido",
            "It contains a character that is not valid Unicode",
        )


def _refuse_size(most: int) -> NoReturn:
    _refuse(
        (),
        f"El cuerpo admite como máximo {most} valores",
        f"The body may have at most {most} values",
    )


def _refuse(path: Path, spanish: str, english: str) -> NoReturn:
    # Of the caller's own names only plain ones are repeated.
    parts = [str(part) if _PLAIN_NAME.fullmatch(str(part)) else "?" for part in path]
    field = ".".join(parts) or "body"
    raise ValidationFailed({field: Sentence(spanish, english)}) from None
