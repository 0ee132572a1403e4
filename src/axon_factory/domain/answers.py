"""Answers as models: one class documents an answer, says who reads each field and encodes rows.

A field says all there is to say of its key: type, description, readers and the row's attribute.
`AnswerModel.of` makes the answer as a dict ready for JSON; nothing is validated while answering.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from operator import attrgetter
from types import MappingProxyType, UnionType
from typing import Annotated, Any, ClassVar, TypeVar, Union, get_args, get_origin
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo

from axon_factory.domain.permissions import Grant
from axon_factory.domain.text import timestamp

__all__ = [
    "AnswerModel",
    "Column",
    "Count",
    "ForReader",
    "Message",
    "OrderNumber",
    "Readers",
    "Timestamp",
    "Written",
    "column_writers",
    "fields_marked",
    "readers_of",
]

Encode = Callable[[Any], Any]
Marker = TypeVar("Marker")
_EVERYBODY = frozenset(Grant)


@dataclass(frozen=True, slots=True)
class Readers:
    """Marks a field that only these grants read; the others' answers have no such key."""

    grants: frozenset[Grant]


@dataclass(frozen=True, slots=True)
class Column:
    """Marks a field whose value is the row's attribute `name`, not the one of the key's name."""

    name: str


@dataclass(frozen=True, slots=True)
class Written:
    """Marks a field whose value from the row passes through `encode`."""

    encode: Encode


@dataclass(frozen=True, slots=True)
class ForReader:
    """Marks a field whose value from the row passes through `encode`, with the reader's grant."""

    encode: Callable[[Any, Grant], Any]


def _finish(schema: dict[str, Any], model: type["AnswerModel"]) -> None:
    """Show the model's example, no defaults, and as required what each reader always gets."""
    for member in schema.get("properties", {}).values():
        member.pop("default", None)
    some = fields_marked(model, Readers)
    required = [name for name in schema.pop("required", ()) if name not in some]
    if required:
        schema["required"] = required
    if model.EXAMPLE is not None:
        schema["examples"] = [dict(model.EXAMPLE)]


class AnswerModel(BaseModel):
    """An answer, or a part of one. A field with a default may be missing from it.

    The docstring of each model is its description in the OpenAPI document, so it is in Spanish.
    """

    model_config = ConfigDict(json_schema_extra=_finish, defer_build=True)  # pyright: ignore[reportArgumentType] — Pydantic passes the class that has the schema
    EXAMPLE: ClassVar[Mapping[str, Any] | None] = None
    READERS: ClassVar[frozenset[Grant] | None] = None
    """Who reads fields without `Readers` of their own; None: each caller of the operation."""
    FURTHER_READERS: ClassVar[frozenset[Grant] | None] = None
    """Who reads keys that are no field; None: such a key is left out."""

    @classmethod
    def of(
        cls,
        row: object,
        grant: Grant | None = None,
        /,
        **given: Any,  # noqa: ANN401 — any JSON value
    ) -> dict[str, Any]:
        """Return the answer about `row` as `grant` may read it.

        None is for models that show the same to each caller.

        A key is written as it is `given`. Other keys come from the row's attributes; of those a
        document or an agent's name is cut to what `grant` may read. A field with a default has a
        key only if it is given.

        Raises:
            TypeError: a key is given that is no field of the model, or the grant is missing.
            AttributeError: the row lacks an attribute that was not given.
        """
        form = _form(cls, grant, tuple(given))
        document = form.keys.copy()
        if form.read is not None:
            document.update(zip(form.names, form.read(row), strict=True))
        for name, encode in form.encoders:
            document[name] = encode(document[name])
        for name in form.given:
            document[name] = given[name]
        return document

    @classmethod
    def part(cls, document: Mapping[str, Any], grant: Grant) -> dict[str, Any]:
        """Return the members of a stored JSON document that `grant` may read."""
        members, takes_others = _parts(cls, grant)
        return {
            name: value if (cut := members.get(name)) is None else cut(value)
            for name, value in document.items()
            if name in members or (takes_others and name not in cls.model_fields)
        }


def readers_of(model: type[AnswerModel]) -> Mapping[str, frozenset[Grant]]:
    """Return who reads each key, also `key.member` of objects that some read in part.

    `key.*` stands for members that are no field.
    """
    return MappingProxyType(dict(_readers(model)))


def fields_marked(model: type[AnswerModel], marker: type) -> frozenset[str]:
    """Return the names of the fields that carry a marker of this class."""
    return frozenset(
        name for name, field in model.model_fields.items() if _marker(field, marker) is not None
    )


def column_writers(model: type[AnswerModel], grant: Grant) -> Mapping[str, Encode | None]:
    """Return the keys that `grant` may read, each with what writes its column's value."""
    return {slot.name: slot.encode for slot in _slots(model, grant)}


@dataclass(frozen=True, slots=True)
class _Slot:
    name: str
    column: str
    encode: Encode | None
    is_optional: bool


@cache
def _slots(model: type[AnswerModel], grant: Grant | None) -> tuple[_Slot, ...]:
    if grant is None and (model.READERS or _depends_on_reader(model)):
        raise TypeError(f"what {model.__name__} shows depends on its reader; give the grant")
    return tuple(
        _Slot(
            name,
            column.name if (column := _marker(field, Column)) else name,
            _encoder(field, grant),
            not field.is_required(),
        )
        for name, field in model.model_fields.items()
        if grant is None or grant in _readers_of_field(model, field)
    )


@dataclass(frozen=True, slots=True)
class _Form:
    """How an answer is made: which keys in which order, and where their values come from."""

    keys: dict[str, Any]
    names: tuple[str, ...]
    """Keys that are read from the row, in the order of what `read` returns."""
    read: Callable[[object], tuple[Any, ...]] | None
    encoders: tuple[tuple[str, Encode], ...]
    given: tuple[str, ...]


@cache
def _form(model: type[AnswerModel], grant: Grant | None, given: tuple[str, ...]) -> _Form:
    if not set(given) <= model.model_fields.keys():
        unknown = ", ".join(set(given) - model.model_fields.keys())
        raise TypeError(f"{model.__name__} has no field {unknown}")
    shown = [slot for slot in _slots(model, grant) if slot.name in given or not slot.is_optional]
    read = [slot for slot in shown if slot.name not in given]
    return _Form(
        dict.fromkeys(slot.name for slot in shown),
        tuple(slot.name for slot in read),
        _reader([slot.column for slot in read]),
        tuple((slot.name, slot.encode) for slot in read if slot.encode is not None),
        tuple(slot.name for slot in shown if slot.name in given),
    )


def _reader(columns: Sequence[str]) -> Callable[[object], tuple[Any, ...]] | None:
    if not columns:
        return None
    if len(columns) == 1:
        one = attrgetter(columns[0])
        return lambda row: (one(row),)
    return attrgetter(*columns)


@cache
def _parts(model: type[AnswerModel], grant: Grant) -> tuple[Mapping[str, Encode | None], bool]:
    members = {
        name: _cut(field, grant)
        for name, field in model.model_fields.items()
        if grant in _readers_of_field(model, field)
    }
    return members, grant in (model.FURTHER_READERS or ())


def _encoder(field: FieldInfo, grant: Grant | None) -> Encode | None:
    """Return what writes a row's value as JSON, None if nothing needs to."""
    if written := _marker(field, Written):
        return written.encode
    if for_reader := _marker(field, ForReader):
        return None if grant is None else lambda value: for_reader.encode(value, grant)
    kind = _kind(field.annotation)
    if kind is datetime:
        return timestamp
    if kind is UUID:
        return _text
    return None if grant is None else _cut(field, grant)


def _cut(field: FieldInfo, grant: Grant) -> Encode | None:
    """Return what cuts an object of the field to what `grant` reads, None if it reads all."""
    kind = _kind(field.annotation)
    if not (isinstance(kind, type) and issubclass(kind, AnswerModel) and _is_cut(kind)):
        return None
    return lambda value: None if value is None else kind.part(value, grant)


def _is_cut(model: type[AnswerModel]) -> bool:
    return model.FURTHER_READERS is not None or any(
        _marker(field, Readers) for field in model.model_fields.values()
    )


def _depends_on_reader(model: type[AnswerModel]) -> bool:
    return bool(fields_marked(model, Readers) or fields_marked(model, ForReader))


def _readers_of_field(model: type[AnswerModel], field: FieldInfo) -> frozenset[Grant]:
    own = _marker(field, Readers)
    return own.grants if own else model.READERS or _EVERYBODY


def _readers(model: type[AnswerModel], prefix: str = "") -> Iterator[tuple[str, frozenset[Grant]]]:
    for name, field in model.model_fields.items():
        yield prefix + name, _readers_of_field(model, field)
        for kind in _models(field.annotation):
            if _is_cut(kind) or any(_is_cut(below) for below in _below(kind)):
                yield from _readers(kind, f"{prefix}{name}.")
    if model.FURTHER_READERS is not None:
        yield f"{prefix}*", model.FURTHER_READERS


def _below(model: type[AnswerModel]) -> Iterator[type[AnswerModel]]:
    for field in model.model_fields.values():
        yield from _models(field.annotation)


def _models(annotation: Any) -> Iterator[type[AnswerModel]]:  # noqa: ANN401 — a type
    """Yield the models of answers that stand in a type."""
    if isinstance(annotation, type) and issubclass(annotation, AnswerModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _kind(annotation: Any) -> Any:  # noqa: ANN401 — a type
    """Return the type without `Annotated` and without None beside it."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    others = [one for one in get_args(annotation) if one is not type(None)]
    if get_origin(annotation) in {Union, UnionType} and len(others) == 1:
        return _kind(others[0])
    return annotation


def _marker(field: FieldInfo, marker: type[Marker]) -> Marker | None:
    return next((item for item in field.metadata if isinstance(item, marker)), None)


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


Timestamp = Annotated[datetime, Field(description="UTC, en segundos: `2025-11-14T10:00:00Z`.")]
Count = Annotated[int, Field(ge=0)]
Message = Annotated[str, Field(description="Una frase para personas.")]
OrderNumber = Annotated[
    str,
    Field(
        description="Número legible, único y sin huecos por año.",
        pattern=r"^ORD-\d{4}-\d{3,}$",
    ),
]
