"""The program's role: it runs a whole order, and cannot touch what happened."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from axon_factory.cli.follow_rows import follow
from axon_factory.db.audit import AuditQuery, append_audit, cut, list_audit, verify_audit
from axon_factory.db.embedded import APP_ROLE, EmbeddedPostgres
from axon_factory.db.embedded.cluster import Cluster
from axon_factory.db.migrate import migrate
from axon_factory.db.server import RoleMissing, RoleUnfit, grant_app, owns_trail
from axon_factory.db.sessions import Database
from axon_factory.domain.audit import AuditEntry
from axon_factory.domain.permissions import Action
from tests.support.ports import example_ports
from tests.support.workshop import ADMIN, open_workshop

PRIVILEGE = "42501"
FORBIDDEN = [
    f"{statement} {table}{rest}"
    for table in ("audit_entries", "order_events")
    for statement, rest in (
        ("UPDATE", " SET actor = 'otro'"),
        ("DELETE FROM", ""),
        ("TRUNCATE", ""),
        ("ALTER TABLE", " DISABLE TRIGGER ALL"),
        ("ALTER TABLE", " ADD COLUMN spare text"),
        ("DROP TABLE", " CASCADE"),
    )
] + [
    "UPDATE audit_heads SET seq = 0",
    "INSERT INTO audit_heads SELECT 'a', 0, hash FROM audit_heads",
    "DELETE FROM audit_heads",
    "INSERT INTO feed_positions (event_position) VALUES (1)",
    "DELETE FROM feed_positions",
    "SELECT nextval('audit_positions')",
    "UPDATE alembic_version SET version_num = '0000'",
    "ALTER FUNCTION audit_head(text) RENAME TO other",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE sql AS ''",
    "SET session_replication_role = replica",
    "SET ROLE axon",
    "CREATE DATABASE other",
]


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[EmbeddedPostgres]:
    async with EmbeddedPostgres(tmp_path_factory.mktemp("roles") / "data") as server:
        await migrate(server.dsn)
        await grant_app(server.dsn, APP_ROLE)
        yield server


async def test_a_whole_order_runs_and_nothing_of_its_past_can_be_changed(
    server: EmbeddedPostgres, tmp_path: Path
) -> None:
    assert conninfo_to_dict(server.app_dsn)["user"] == APP_ROLE
    stop = asyncio.Event()
    async with open_workshop(server.app_dsn, tmp_path) as workshop:
        container = workshop.container
        working = asyncio.create_task(
            container.worker(example_ports(container.secret_box)).run(stop)
        )
        order_id = await workshop.place()
        async with asyncio.timeout(60):
            async for order, _ in follow(container, str(order_id), ADMIN):
                if order.plan_estado == "pendiente_aprobacion":
                    await _approve(workshop.http, order_id, order.plan_hash, workshop.headers)
        stop.set()
        await working
        assert (await workshop.order(order_id)).estado == "entregado"
        async with container.database.transaction("test") as session:
            await append_audit(session, AuditEntry.by(ADMIN, Action.UPDATE_ORDER, chain="a"))
    await _is_whole(server.app_dsn)
    for statement in FORBIDDEN:
        with pytest.raises(psycopg.Error) as refusal:
            _execute(server.app_dsn, statement)
        assert refusal.value.sqlstate == PRIVILEGE, statement


async def test_a_table_of_the_sessions_own_does_not_stand_for_the_heads(
    server: EmbeddedPostgres,
) -> None:
    database = Database(server.app_dsn, pool_size=1)
    async with database.transaction("test") as session:
        connection = await session.connection()
        await connection.exec_driver_sql("CREATE TEMP TABLE audit_heads (LIKE public.audit_heads)")
        await append_audit(session, AuditEntry.by(ADMIN, Action.UPDATE_ORDER, chain="temporal"))
        await connection.exec_driver_sql("DROP TABLE pg_temp.audit_heads")
    await database.dispose()
    await _is_whole(server.app_dsn)


async def test_granting_is_repeatable_and_refuses_roles_that_could_alter_the_trail(
    server: EmbeddedPostgres,
) -> None:
    await grant_app(server.dsn, APP_ROLE)
    await grant_app(server.dsn, APP_ROLE)
    for role, refusal in (
        ("nobody_here", RoleMissing),
        ("axon", RoleUnfit),
        ("postgres", RoleUnfit),
    ):
        with pytest.raises(refusal):
            await grant_app(server.dsn, role)
    assert await owns_trail(server.dsn)
    assert not await owns_trail(server.app_dsn)


async def test_a_data_folder_of_the_first_release_gets_the_role(own_data_dir: Path) -> None:
    cluster = Cluster(own_data_dir)
    memory = cluster.load()
    assert memory is not None
    async with EmbeddedPostgres(own_data_dir) as server:
        _execute(server.dsn, "SELECT 1")
        superuser = f"postgresql://postgres:{memory.superuser_password}@127.0.0.1:{server.port}"
        _execute(f"{superuser}/postgres", f"DROP ROLE {APP_ROLE}")
    known = own_data_dir / "postgresql.json"
    known.write_text(known.read_text().replace(f', "app_password": "{memory.app_password}"', ""))
    async with EmbeddedPostgres(own_data_dir) as server:
        _execute(server.app_dsn, "SELECT 1")


async def _is_whole(url: str) -> None:
    database = Database(url)
    async with database.transaction("test") as session:
        position = await cut(session)
    async with database.reading() as session:
        assert await list_audit(session, AuditQuery(limit=1))
    async with database.reading() as session:
        assert (await verify_audit(session, position)).holds
    await database.dispose()


async def _approve(http, order_id: UUID, digest: str | None, headers) -> None:  # noqa: ANN001
    answer = await http.post(
        f"/api/orders/{order_id}/approve",
        json={"plan_version": 1, "plan_hash": digest},
        headers=headers["admin"],
    )
    assert answer.status_code in {200, 409}, answer.text


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())
