"""Whether credentials that were let in still hold, asked for many by one statement."""

from collections.abc import Sequence
from typing import Any, LiteralString, cast

import psycopg
from pydantic_core import to_json

from axon_factory.db.principals import HELD, LIVE, Presented, asked_credentials

__all__ = ["read_live"]

# The use of a key is noted where it lets somebody in, and not as often as it is looked at.
_WHO = {
    noted: cast("LiteralString", f"WITH {rows} SELECT place, who FROM {name}")  # noqa: S608 — constants
    for noted, rows, name in ((True, LIVE, "live"), (False, HELD, "held"))
}


async def read_live(
    connection: psycopg.AsyncConnection[tuple[Any, ...]],
    credentials: Sequence[Presented],
    *,
    noted: bool,
) -> Sequence[str | None]:
    """Return of each credential who it is (`db.principals.principal_of`), None if it holds no more.

    `noted` counts as a use of a key. A login's signature and expiry are the caller's to check: they are in the token, not in a row.
    """
    asked = to_json(asked_credentials(credentials)).decode()
    found: list[str | None] = [None] * len(credentials)
    for place, who in await (await connection.execute(_WHO[noted], {"asked": asked})).fetchall():
        found[place] = who
    return found
