"""Whether credentials that were let in still hold, asked for many by one statement."""

from collections.abc import Sequence
from typing import Any, LiteralString, cast

import psycopg
from pydantic_core import to_json

from axon_factory.db.principals import LIVE, Presented, asked_credentials

__all__ = ["read_live"]

_LIVE = cast("LiteralString", f"WITH {LIVE} SELECT place, who FROM live")  # noqa: S608 — a constant


async def read_live(
    connection: psycopg.AsyncConnection[tuple[Any, ...]], credentials: Sequence[Presented]
) -> Sequence[str | None]:
    """Return of each credential who it is (`db.principals.principal_of`), None if it holds no more.

    A login's signature and expiry are the caller's to check: they are in the token, not in a row.
    """
    asked = to_json(asked_credentials(credentials)).decode()
    found: list[str | None] = [None] * len(credentials)
    for place, who in await (await connection.execute(_LIVE, {"asked": asked})).fetchall():
        found[place] = who
    return found
