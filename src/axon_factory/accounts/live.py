"""Whether credentials that were let in still hold, asked for many by one statement."""

from collections.abc import Sequence
from typing import Any, LiteralString, cast

import psycopg
from pydantic_core import to_json

from axon_factory.db.principals import HELD, LIVE, Presented, asked_credentials

__all__ = ["read_live"]

# The use of a key is noted where it lets somebody in, and not as often as it is looked at.
_NOTED = cast("LiteralString", f"WITH {LIVE} SELECT place, who FROM live")  # noqa: S608 — constants
_LOOKED_AT = cast("LiteralString", f"WITH {HELD} SELECT place, who FROM held")  # noqa: S608 — constants


async def read_live(
    connection: psycopg.AsyncConnection[tuple[Any, ...]],
    credentials: Sequence[Presented],
    *,
    noted: bool,
) -> Sequence[str | None]:
    """Return of each credential who it is (`db.principals.principal_of`), None if it holds no more.

    `noted` counts as a use of a key. A login's signature and expiry are the caller's to check: they
    are in the token, not in a row.
    """
    asked = to_json(asked_credentials(credentials)).decode()
    found: list[str | None] = [None] * len(credentials)
    statement = _NOTED if noted else _LOOKED_AT
    for place, who in await (await connection.execute(statement, {"asked": asked})).fetchall():
        found[place] = who
    return found
