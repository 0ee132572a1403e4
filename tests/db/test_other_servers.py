"""The schema on every PostgreSQL at hand, and on none half."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

import axon_factory
from axon_factory.db.embedded import APP_ROLE, EmbeddedPostgres
from axon_factory.db.embedded.programs import find_installations
from axon_factory.db.migrate import MigrationFailed, migrate, schema_state
from axon_factory.db.server import SUPPORTED_MAJORS, grant_app
from tests.support.databases import GIVEN_SERVER, empty_database, folder_in_memory

GIVEN_PROGRAMS = "AXON_TEST_POSTGRES"
"""Folders with programs of further servers, separated by colons, as AXON_PG_BIN takes them."""
DEBIAN = Path("/usr/lib/postgresql")
SUITES = ("tests/db", "tests/orders", "tests/worker", "tests/insights", "tests/line",
          "tests/api", "tests/realtime", "tests/accounts")  # fmt: skip

# What only later versions know (release notes of PostgreSQL 15 to 18, appendix E): in any SQL of
# ours it would end on an older one in a syntax error.
LATER_SQL = {
    15: r"NULLS (NOT )?DISTINCT|\bMERGE\s+INTO|security_invoker|STRATEGY\s+\w+_|regexp_(like|count|"
    r"substr|instr)\(|range_agg\(\w*multirange|GRANT\s+\w+\s+ON\s+PARAMETER",
    16: r"\b(bytea|text|jsonb?)\s+STORAGE\s+(MAIN|PLAIN|EXTERNAL|EXTENDED)|\bJSON_(ARRAY|OBJECT|"
    r"ARRAYAGG|OBJECTAGG)\s*\(|\bIS\s+JSON\b|any_value\(|random_normal\(|pg_input_is_valid|"
    r"array_(sample|shuffle)\(|date_add\(|date_subtract\(|system_user\b",
    17: r"\bJSON_(EXISTS|VALUE|QUERY|TABLE|SERIALIZE|SCALAR)\s*\(|MERGE\s.*RETURNING|ON_ERROR|"
    r"to_(bin|oct)\(|uuid_extract_|transaction_timeout|AT\s+LOCAL|SET\s+EXPRESSION",
    18: r"uuidv7\(|RETURNING\s+(OLD|NEW|WITH)\b|WITHOUT\s+OVERLAPS|\bVIRTUAL\b|NOT\s+ENFORCED|"
    r"array_(sort|reverse)\(",
}  # fmt: skip


@asynccontextmanager
async def server(programs: Path) -> AsyncGenerator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(
        prefix="axon-test-", dir=folder_in_memory(), ignore_cleanup_errors=True
    ) as folder:
        async with EmbeddedPostgres(Path(folder), binaries=programs) as running:
            yield running


def _debian() -> list[Path]:
    """The programs that Debian's packages brought, of supported versions."""
    return [DEBIAN / str(major) for major in SUPPORTED_MAJORS if (DEBIAN / str(major)).is_dir()]


async def _others() -> list[Path]:
    """All programs at hand but the newest of the wheel, which every other test runs on."""
    given = [Path(name) for name in os.environ.get(GIVEN_PROGRAMS, "").split(":") if name]
    wheel = [one.bin for one in (await find_installations(None))[1:]]
    return [*wheel, *_debian(), *given]


@pytest.mark.parametrize(
    "programs", _debian() or [DEBIAN], ids=lambda programs: f"debian-{programs.name}"
)
async def test_migrations_run_on_the_server_of_debian(programs: Path) -> None:
    if programs == DEBIAN:
        pytest.skip("Debian's package postgresql is not installed")
    async with server(programs) as running:
        current, newest = await migrate(running.dsn)
        assert current == newest
        await grant_app(running.dsn, APP_ROLE)


async def test_a_failing_migration_leaves_nothing_of_itself(postgres_url: str) -> None:
    async with empty_database(postgres_url) as url:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            # The fourth migration makes a table of this name, after functions and other tables.
            await connection.execute("CREATE TABLE order_bitmap_survey ()")
            with pytest.raises(
                MigrationFailed, match=r"0003: .*order_bitmap_survey.* already exists"
            ):
                await migrate(url)
            assert (await schema_state(url))[0] == "0003"
            found = await connection.execute(
                "SELECT to_regclass('order_terms'), to_regproc('search_words')"
            )
            assert await found.fetchone() == (None, None)
            await connection.execute("DROP TABLE order_bitmap_survey")
        current, newest = await migrate(url)
        assert current == newest


def test_no_sql_needs_a_later_version_than_the_oldest_supported() -> None:
    sources = Path(axon_factory.__file__).parent
    found = [
        f"{path.relative_to(sources)}: PostgreSQL {major}: {match[0]}"
        for path in sources.rglob("*.py")
        if "product_templates" not in path.parts
        for major, pattern in LATER_SQL.items()
        if major > SUPPORTED_MAJORS.start
        for match in re.finditer(pattern, path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_the_factory_runs_on_every_other_server() -> None:
    """Runs whole suites on each server at hand: name more in AXON_TEST_POSTGRES."""
    others = await _others()
    for programs in others:
        async with server(programs) as running:
            code = subprocess.run(  # noqa: ASYNC221 — nothing else runs here
                [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *SUITES],
                env=os.environ | {GIVEN_SERVER: running.dsn},
                check=False,
            ).returncode
            assert code == 0, programs
