"""Statements on the driver's own connection: asked one by one, or sent together with the next one.

They take a fraction of the time that the ORM takes for a statement. A statement that is sent needs
no answer. It runs before the session's next statement that is asked or made by the ORM, and before
the commit; an ORM flush may overtake it.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

__all__ = ["APART", "JOINS", "QUEUE", "ask", "send", "send_waiting"]

APART: Mapping[str, bool] = {"apart": True}
"""Execution options of a statement that neither reads nor writes what the session has pending."""
JOINS = "joins_writes"
QUEUE = "statements_to_send"
_CONNECTION = "driver_connection"
_Parameters = Mapping[str, object]


async def ask(session: AsyncSession, statement: TextClause, parameters: _Parameters) -> Any:  # noqa: ANN401 — a row of the statement's columns
    """Run a statement that returns at most one row, and return the row or None.

    It does not see what the session has pending, if it joins its writes.

    Raises:
        DBAPIError: the database refuses it, or one that waited to be sent.
    """
    if not session.info.get(JOINS):
        found = await session.execute(statement, parameters, execution_options=APART)
        return found.one_or_none()
    connection = await _connection(session)
    cursor = connection.cursor(row_factory=namedtuple_row)
    waiting = session.info.pop(QUEUE, None)
    try:
        if waiting:
            async with connection.pipeline():
                for sql, values in waiting:
                    await connection.execute(sql, values)
                await cursor.execute(_sql(statement), parameters)
        else:
            await cursor.execute(_sql(statement), parameters)
        return await cursor.fetchone()
    except psycopg.Error as error:
        raise _without_values(error) from error


async def send(session: AsyncSession, statement: TextClause, parameters: _Parameters) -> None:
    """Have a statement run whose result nobody needs: soon, if the session joins its writes."""
    if not session.info.get(JOINS):
        await session.execute(statement, parameters, execution_options=APART)
        return
    await _connection(session)
    session.info.setdefault(QUEUE, []).append((_sql(statement), parameters))


async def send_waiting(
    info: dict[Any, Any], also: Sequence[tuple[TextClause, _Parameters]] = ()
) -> None:
    """Run what waits to be sent in the session of `info`, and `also`.

    Raises:
        DBAPIError: the database refuses one of them.
    """
    waiting = [*info.pop(QUEUE, ()), *((_sql(one), values) for one, values in also)]
    connection: psycopg.AsyncConnection[Any] = info[_CONNECTION]
    try:
        async with connection.pipeline():
            for sql, values in waiting:
                await connection.execute(sql, values)
    except psycopg.Error as error:
        raise _without_values(error) from error


async def _connection(session: AsyncSession) -> psycopg.AsyncConnection[Any]:
    """Return the connection of the session's transaction."""
    known = session.info.get(_CONNECTION)
    if known is None:
        raw = await (await session.connection()).get_raw_connection()
        known = session.info[_CONNECTION] = raw.driver_connection
    if not isinstance(known, psycopg.AsyncConnection):
        raise TypeError("the session does not run on psycopg")
    return known  # pyright: ignore[reportUnknownVariableType] — its row type is not known


@cache
def _sql(statement: TextClause) -> bytes:
    """Return a constant statement as the driver writes it."""
    return str(statement.compile(dialect=PGDialect_psycopg())).encode()


def _without_values(error: psycopg.Error) -> Exception:
    """Return the error as the ORM raises it: its text may be logged."""
    return DBAPIError.instance(None, None, error, psycopg.Error, hide_parameters=True)
