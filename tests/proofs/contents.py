"""Everything that a database holds, so that two moments can be compared."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support.workshop import Workshop

__all__ = ["Table", "contents", "growth"]

# Who used a credential when, and how much was asked in a minute, changes with every request.
_VOLATILE = ("last_used_at", "last_seen_at", "last_login_at")
_BESIDES = (
    "idempotency_keys",
    "rate_limit%",
    "login_%",
    "alembic_version",
    "procrastinate_%",
)
_TABLES = text(
    """
    SELECT c.relname, EXISTS (SELECT FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = ANY (CAST(:volatile AS text[])))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind = 'r' AND NOT c.relname LIKE ANY (:besides)
    ORDER BY c.relname
    """
)
# A written row is another version in another place. To compare what the rows say takes a hundred
# times as long, and is needed only where some columns do not count.
_VERSIONS = "hashtextextended(xmin::text || ctid::text, 0)"
_VALUES = "hashtextextended((to_jsonb(t) - CAST(:volatile AS text[]))::text, 0)"
_TABLE = "SELECT '{table}' AS name, count(*) AS rows, sum({digest}) AS digest FROM {table} t"
_JOBS = "hashtextextended(id::text || status, 0)"
_statements: list[str] = []  # one for every database: they are copies of one template


class Table(NamedTuple):
    """How many rows, and a sum over all of their versions."""

    rows: int
    digest: int | None


async def contents(workshop: Workshop) -> Mapping[str, Table]:
    """Return every table's contents, apart from kept answers and counters of requests."""
    async with workshop.container.database.reading() as session:
        if not _statements:
            _statements.append(await _statement(session))
        found = await session.execute(text(_statements[0]), {"volatile": list(_VOLATILE)})
        return {row.name: Table(row.rows, row.digest) for row in found}


async def _statement(session: AsyncSession) -> str:
    names = {"besides": list(_BESIDES), "volatile": list(_VOLATILE)}
    tables = (await session.execute(_TABLES, names)).all()
    digests = {table: _VALUES if volatile else _VERSIONS for table, volatile in tables}
    return " UNION ALL ".join(
        _TABLE.format(table=table, digest=digest)
        for table, digest in {**digests, "procrastinate_jobs": _JOBS}.items()
    )


def growth(before: Mapping[str, Table], after: Mapping[str, Table]) -> Mapping[str, int]:
    """Return by how many rows each table grew."""
    return {
        name: after[name].rows - table.rows
        for name, table in before.items()
        if after[name].rows != table.rows
    }
