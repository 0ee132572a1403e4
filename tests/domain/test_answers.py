"""A model of an answer encodes a row, and shows each reader their part of it."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest
from pydantic import Field

from axon_factory.domain.answers import (
    AnswerModel,
    Column,
    ForReader,
    Readers,
    Timestamp,
    Written,
    readers_of,
)
from axon_factory.domain.permissions import Grant

ADMIN = Readers(frozenset({Grant.ADMIN}))
BOTH = frozenset({Grant.ADMIN, Grant.CLIENT_OWN})


def named(name: str, grant: Grant) -> str:
    return name if grant is Grant.ADMIN else "alguien"


class Contact(AnswerModel):
    """Quién."""

    READERS: ClassVar = BOTH
    FURTHER_READERS: ClassVar = ADMIN.grants

    nombre: str
    telefono: Annotated[str | None, ADMIN]


class Thing(AnswerModel):
    """Una cosa."""

    READERS: ClassVar = BOTH

    id: UUID
    creada: Annotated[Timestamp | None, Column("created_at")]
    precio: Annotated[str, Written(str)]
    nota: Annotated[str, ADMIN]
    autor: Annotated[
        str, ForReader(lambda name, grant: name if grant is Grant.ADMIN else "alguien")
    ]
    contacto: Contact
    extra: int = Field(default=0)


ROW = SimpleNamespace(
    id=UUID(int=1),
    created_at=datetime(2025, 11, 14, 10, 0, 0, 5, tzinfo=UTC),
    precio=12.5,
    nota="interna",
    autor="Ana",
    contacto={"nombre": "Luis", "telefono": "1", "otra": 2},
)
WHOLE: dict[str, Any] = {
    "id": "00000000-0000-0000-0000-000000000001",
    "creada": "2025-11-14T10:00:00Z",
    "precio": "12.5",
    "nota": "interna",
    "autor": "Ana",
    "contacto": {"nombre": "Luis", "telefono": "1", "otra": 2},
}


def test_staff_reads_it_all_in_the_fields_order() -> None:
    document = Thing.of(ROW, Grant.ADMIN)
    assert document == WHOLE
    assert list(document) == list(WHOLE)


def test_others_read_their_part() -> None:
    document = Thing.of(ROW, Grant.CLIENT_OWN)
    rest = {name: value for name, value in WHOLE.items() if name != "nota"}
    assert document == rest | {"autor": "alguien", "contacto": {"nombre": "Luis"}}


def test_who_is_no_reader_reads_nothing() -> None:
    assert Thing.of(ROW, Grant.SYSTEM_COUNCIL) == {}


def test_a_given_value_is_written_as_it_is_but_only_for_its_readers() -> None:
    assert Thing.of(ROW, Grant.ADMIN, nota="otra", extra=3) == WHOLE | {"nota": "otra", "extra": 3}
    assert "nota" not in Thing.of(ROW, Grant.CLIENT_OWN, nota="otra")


def test_an_undeclared_key_a_missing_value_or_no_reader_is_an_error() -> None:
    with pytest.raises(TypeError, match="sin_declarar"):
        Thing.of(ROW, Grant.ADMIN, sin_declarar=1)
    with pytest.raises(AttributeError):
        Thing.of(SimpleNamespace(id=UUID(int=1)), Grant.ADMIN)
    with pytest.raises(TypeError, match="reader"):
        Thing.of(ROW)


def test_the_table_of_readers_and_the_schema_follow_from_the_fields() -> None:
    readers = readers_of(Thing)
    assert readers["nota"] == readers["contacto.telefono"] == readers["contacto.*"] == ADMIN.grants
    assert readers["id"] == readers["contacto.nombre"] == BOTH
    required = Thing.model_json_schema(mode="serialization")["required"]
    assert required == ["id", "creada", "precio", "autor", "contacto"]
