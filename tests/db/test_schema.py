"""The schema itself: CHECKs, append-only events, agreement with the tables, parallel migration."""

import asyncio
import sys
from collections.abc import Iterable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DatabaseError
from sqlmodel import SQLModel

from axon_factory.db import migrations, tables
from axon_factory.db.migrate import newest_revision, schema_state
from axon_factory.db.sessions import Database
from axon_factory.domain.building import Priority
from tests.support.databases import empty_database

INSERT = text(
    """
    INSERT INTO orders (id, order_number, slug, tipo_producto, nombre_producto, datos_cliente,
        precio, moneda, catalogo, tenant, created_by)
    VALUES (:id, 'ORD-2026-001', 'bot-2026-001', 'autopilot_whatsapp', 'Bot',
        '{"nombre": "A", "email": "a@example.com", "configuracion": {}}', 1, 'USD',
        '{"id": "autopilot_whatsapp", "version": 1}', 't', 't')
    """
)
INSERT_EVENT = text(
    """
    INSERT INTO order_events (order_id, seq, kind, tipo, agente, mensaje, visibilidad, intento,
        actor, occurred_at)
    VALUES (:id, :seq, 'k', :tipo, 'a', 'm', :visibilidad, :intento, 't', now())
    """
)
REFUSED = [
    "tipo_producto = 'autopilot_marte'",
    "nombre_producto = ''",
    "nombre_producto = repeat('x', 201)",
    "datos_cliente = '[]'",
    'datos_cliente = \'{"nombre": "A", "configuracion": {}}\'',
    'datos_cliente = \'{"nombre": "A", "email": "a", "configuracion": 1}\'',
    "estado = 'zzz'",
    "estado = 'fallido'",  # without a cause
    "estado = 'entregado', progreso = 100",  # without its time
    "estado = 'cancelado'",  # without its time
    "estado = 'listo', progreso = 99",
    "fallo = '{}'",  # a cause without a failure
    "fallo = '1', estado = 'fallido'",
    "plan_estado = 'zzz'",
    "plan = '[]'",
    "plan = 'null'",
    "plan_version = -1",
    "plan_hash = 'no'",
    "resultado = '1'",
    "progreso = -1",
    "progreso = 101",
    "progreso = 4000",
    "prioridad = 'zzz'",
    "version = 0",
    "fence = -1",
    "intento = 0",
    "retrabajos = -1",
    "espera = 'zzz'",
    "precio = -1",
    "moneda = 'usd'",
    "catalogo = '[]'",
    "catalogo = '{}'",
    'catalogo = catalogo || \'{"id": "webhook_service"}\'',
    "tenant = ''",
    "event_seq = -1",
    "slug = '../x'",
    "slug = ''",
]


@pytest.fixture
async def order_id(database: Database) -> UUID:
    order_id = uuid4()
    async with database.transaction("test") as session:
        await session.execute(INSERT, {"id": order_id})
        await session.execute(
            INSERT_EVENT,
            {"id": order_id, "seq": 1, "tipo": "info", "visibilidad": "cliente", "intento": 1},
        )
    return order_id


async def assert_refused(database: Database, statement: str, code: str) -> None:
    async with database.reading() as session:
        with pytest.raises(DatabaseError) as refusal:
            await session.execute(text(statement))
    assert isinstance(refusal.value.orig, psycopg.Error)
    assert refusal.value.orig.sqlstate == code, statement


CHECK, UNIQUE, APPEND_ONLY = "23514", "23505", "23001"


async def test_checks_refuse_what_is_out_of_range(database: Database, order_id: UUID) -> None:
    for change in REFUSED:
        await assert_refused(database, f"UPDATE orders SET {change}", CHECK)  # noqa: S608 — constants of this file


async def test_client_data_has_a_configuration(database: Database, order_id: UUID) -> None:
    change = """datos_cliente = '{"nombre": "A", "email": "a"}'"""
    await assert_refused(database, f"UPDATE orders SET {change}", CHECK)  # noqa: S608 — a constant


@pytest.mark.parametrize(
    "change", [{"seq": 0}, {"tipo": "debug"}, {"visibilidad": "todos"}, {"intento": 0}, {"seq": 1}]
)
async def test_events_are_checked(
    database: Database, order_id: UUID, change: dict[str, Any]
) -> None:
    event = {"id": order_id, "seq": 2, "tipo": "info", "visibilidad": "cliente", "intento": 1}
    async with database.reading() as session:
        with pytest.raises(DatabaseError) as refusal:
            await session.execute(INSERT_EVENT, event | change)
    assert isinstance(refusal.value.orig, psycopg.Error)
    assert refusal.value.orig.sqlstate == (UNIQUE if change == {"seq": 1} else CHECK)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE order_events SET mensaje = 'otro'",
        "UPDATE order_events SET mensaje = mensaje",
        "UPDATE order_events SET mensaje = '[borrado]', dedupe_key = NULL",  # of no erased order
        "SELECT erase_order_events(order_id) FROM order_events",
        "DELETE FROM order_events",
        "TRUNCATE order_events",
        "TRUNCATE orders CASCADE",
    ],
)
async def test_events_are_append_only(database: Database, order_id: UUID, statement: str) -> None:
    await assert_refused(database, statement, APPEND_ONLY)


@pytest.mark.parametrize(
    "change",
    [
        "mensaje = 'otro'",
        "mensaje = '[borrado]', kind = 'otro'",
        "mensaje = '[borrado]', actor = 'otro'",
        "mensaje = '[borrado]', agente = 'otro'",
        "mensaje = '[borrado]', occurred_at = now()",
        """mensaje = '[borrado]', metadata = '{"otro": 1}'""",
    ],
)
async def test_of_an_erased_order_only_the_texts_go(
    database: Database, order_id: UUID, change: str
) -> None:
    async with database.transaction("test") as session:
        await session.execute(text("UPDATE orders SET borrado_at = now()"))
    await assert_refused(database, f"UPDATE order_events SET {change}", APPEND_ONLY)  # noqa: S608 — constants of this file
    await assert_refused(database, "DELETE FROM order_events", APPEND_ONLY)
    async with database.transaction("test") as session:
        erased = await session.execute(
            text("SELECT * FROM erase_order_events(:id)"), {"id": order_id}
        )
        assert erased.one().erased == 1
    async with database.reading() as session:
        found = await session.execute(text("SELECT mensaje, agente, kind FROM order_events"))
        assert found.one() == ("[borrado]", "[borrado]", "k")


async def test_ranks_of_the_database_are_those_of_the_domain(
    database: Database, order_id: UUID
) -> None:
    for priority in Priority:
        async with database.reading() as session:
            rank = await session.scalar(
                text("UPDATE orders SET prioridad = :value RETURNING prioridad_rank"),
                {"value": priority.value},
            )
        assert rank == priority.rank


def test_tables_map_the_migrated_schema(database_url: str) -> None:
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            assert list(_differences(connection)) == []
    finally:
        engine.dispose()


def _differences(connection: Connection) -> Iterable[Any]:
    def is_ours(_object: object, name: str | None, kind: str, *_rest: object) -> bool:
        if kind == "table":
            # The queue is Procrastinate's; counter and lists have plain SQL of their own.
            return not (name or "").startswith(
                ("procrastinate_", "order_number_counters", "order_count", "listed_orders")
            )
        # Indexes and constraints are the migrations' alone.
        return kind in {"column", "foreign_key_constraint"}

    context = MigrationContext.configure(
        connection, opts={"include_object": is_ours, "compare_type": True}
    )
    assert tables.Order.metadata is SQLModel.metadata
    return compare_metadata(context, SQLModel.metadata)


async def test_two_processes_migrate_an_empty_database_at_once(postgres_url: str) -> None:
    script = (
        "import asyncio, sys; from axon_factory.db.migrate import migrate; "
        "print(*asyncio.run(migrate(sys.argv[1])))"
    )
    async with empty_database(postgres_url) as url:
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                script,
                url,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            for _ in range(2)
        ]
        outputs = [await process.communicate() for process in processes]
        assert [process.returncode for process in processes] == [0, 0], outputs
        current, newest = await schema_state(url)
        assert current == newest


def test_the_newest_revision_is_alembics() -> None:
    [folder] = migrations.__path__
    assert newest_revision() == ScriptDirectory(folder).get_current_head()
