"""Rows of several tables that one statement writes: they travel as one JSON document.

The driver would dump lists of columns element by element, and each row would be a round trip.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Column, LargeBinary
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapper

from axon_factory.db.tables.base import Table

__all__ = ["Insert", "RowBatch", "insert_of", "write_statement"]


@dataclass(frozen=True, slots=True)
class Insert:
    """A part of a statement that inserts the rows which a batch has under `name`."""

    name: str
    sql: str


def insert_of(model: type[Table], *attributes: str, conflict: str = "") -> Insert:
    """Return what inserts rows of a table with these attributes; columns left out have defaults.

    `conflict` is the SQL behind `ON CONFLICT`.
    """
    # Not `inspect`: that would configure every mapper, in commands too that read nothing.
    mapper: Mapper[Any] = vars(model)["__mapper__"]
    columns: Sequence[Column[Any]] = [mapper.columns[name] for name in attributes]
    name = str(mapper.local_table)
    dialect = postgresql.dialect()
    binary = {
        attribute
        for attribute, column in zip(attributes, columns, strict=True)
        if isinstance(column.type, LargeBinary)
    }
    types = ", ".join(
        f'"{attribute}" '
        + ("text" if attribute in binary else column.type.compile(dialect=dialect))
        for attribute, column in zip(attributes, columns, strict=True)
    )
    targets = ", ".join(f'"{column.name}"' for column in columns)
    values = ", ".join(
        f"decode(\"{attribute}\", 'hex')" if attribute in binary else f'"{attribute}"'
        for attribute in attributes
    )
    sql = (
        f"INSERT INTO {name} ({targets}) SELECT {values} FROM given, "  # noqa: S608 — from tables
        f"jsonb_to_recordset(given.rows -> '{name}') AS fresh({types})"
    )
    return Insert(name, f"{sql} ON CONFLICT {conflict}" if conflict else sql)


def write_statement(
    inserts: Sequence[Insert],
    parts: Mapping[str, str] | None = None,
    results: Sequence[str] = ("1",),
) -> bytes:
    """Return the text of one statement with the parameter `rows` (`RowBatch.document`).

    Args:
        inserts: tables that get rows.
        parts: further common table expressions by name; `given.rows` is the document.
        results: what the statement selects at its end. A function stands here, for a common table
            expression that only reads does not run.
    """
    expressions = {f"new_{insert.name}": insert.sql for insert in inserts} | dict(parts or {})
    texts = ["given AS MATERIALIZED (SELECT %(rows)s::jsonb AS rows)"]
    texts += [f"{name} AS ({sql})" for name, sql in expressions.items()]
    return f"WITH {', '.join(texts)} SELECT {', '.join(results)}".encode()


class RowBatch:
    """Rows by table, for one `write_statement`."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Mapping[str, Any]]] = {}

    def add(self, name: str, row: Mapping[str, Any]) -> None:
        """Add a row of the table `name`, by the attributes of its model."""
        self._rows.setdefault(name, []).append(row)

    def document(self) -> str:
        """Return the value of the statement's parameter `rows`."""
        return to_json(self._rows, bytes_mode="hex").decode()
