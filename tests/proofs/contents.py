"""Everything that a database holds, so that two moments can be compared."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import text

from tests.support.workshop import Workshop

__all__ = ["Table", "contents", "growth"]

# Who used a credential when, and how much was asked in a minute, changes with every request.
_VOLATILE = ("last_used_at", "last_seen_at", "last_login_at")
_BESIDES = ("idempotency_keys", "rate_limit%", "login_%", "alembic_version", "procrastinate_%")
_TABLES = text(
    """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind = 'r' AND NOT c.relname LIKE ANY (:besides)
    ORDER BY c.relname
    """
)
_TABLE = """
    SELECT count(*), sum(hashtextextended((to_jsonb(t) - CAST(:volatile AS text[]))::text, 0))
    FROM {table} t
    """
_JOBS = "SELECT count(*), sum(hashtextextended(id::text || status, 0)) FROM procrastinate_jobs"


class Table(NamedTuple):
    """How many rows, and a sum over all of their contents."""

    rows: int
    digest: int | None


async def contents(workshop: Workshop) -> Mapping[str, Table]:
    """Return every table's contents, apart from kept answers and counters of requests."""
    async with workshop.container.database.reading() as session:
        names = list(await session.scalars(_TABLES, {"besides": list(_BESIDES)}))
        found = {}
        for name in names:
            statement = text(_TABLE.format(table=name))
            row = (await session.execute(statement, {"volatile": list(_VOLATILE)})).one()
            found[name] = Table(*row)
        found["procrastinate_jobs"] = Table(*(await session.execute(text(_JOBS))).one())
    return found


def growth(before: Mapping[str, Table], after: Mapping[str, Table]) -> Mapping[str, int]:
    """Return by how many rows each table grew."""
    return {
        name: after[name].rows - table.rows
        for name, table in before.items()
        if after[name].rows != table.rows
    }
