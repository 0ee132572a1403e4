"""Lists for many requests at once: one round trip, each list by one statement of its own."""

from collections.abc import Sequence
from typing import Any, LiteralString, NamedTuple, cast

import psycopg
from pydantic_core import to_json

from axon_factory.db.principals import LIVE, Presented, asked_credentials
from axon_factory.domain.permissions import Principal
from axon_factory.orders.lists.page import Page, page_of
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.lists.statement import PLANNED, ListStatement, statement_of

__all__ = ["AskedList", "read_lists", "who_asks"]

_Connection = psycopg.AsyncConnection[tuple[Any, ...]]
_WHO = cast("LiteralString", f"WITH {LIVE} SELECT place, who FROM live")  # noqa: S608 — constants


class AskedList(NamedTuple):
    """A list without `q`, and the principal whose it is."""

    query: ListQuery
    principal: Principal


async def who_asks(
    connection: _Connection, credentials: Sequence[Presented]
) -> dict[Presented, str]:
    """Return the row of `live` for each credential that holds (`principals.principal_of`)."""
    rows = await connection.execute(_WHO, _asked(credentials))
    return _by_credential(credentials, await rows.fetchall())


async def read_lists(
    connection: _Connection, credentials: Sequence[Presented], lists: Sequence[AskedList]
) -> tuple[dict[Presented, str], Sequence[Page]]:
    """Return who asks (`who_asks`) and the pages, by one round trip.

    The pages are those of the principals that were named, whoever asks now: a page whose caller is
    another one by now must not be shown.
    """
    statements = [statement_of(one.query, one.principal, None) for one in lists]
    async with connection.pipeline():
        asked = await connection.execute(_WHO, _asked(credentials))
        cursors = [
            await connection.execute(one.text, one.values, binary=True)
            for one in statements
            if not one.needs_plan
        ]
        cursors += await _planned(connection, [one for one in statements if one.needs_plan])
        who = _by_credential(credentials, await asked.fetchall())
        read = iter([await cursor.fetchall() for cursor in cursors])
    order = sorted(range(len(lists)), key=lambda place: statements[place].needs_plan)
    rows = {place: next(read) for place in order}
    return who, [page_of(*one, rows[place]) for place, one in enumerate(lists)]


async def _planned(
    connection: _Connection, statements: Sequence[ListStatement]
) -> list[psycopg.AsyncCursor[tuple[Any, ...]]]:
    """Send statements whose plans depend on their values."""
    if not statements:
        return []
    async with connection.transaction():
        for setting in PLANNED.split(";"):
            await connection.execute(setting, prepare=False)
        return [await connection.execute(one.text, one.values, binary=True) for one in statements]


def _by_credential(
    credentials: Sequence[Presented], rows: Sequence[tuple[Any, ...]]
) -> dict[Presented, str]:
    return {credentials[place]: who for place, who in rows}


def _asked(credentials: Sequence[Presented]) -> dict[str, str]:
    return {"asked": to_json(asked_credentials(credentials)).decode()}
