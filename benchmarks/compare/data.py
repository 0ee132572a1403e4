"""The same orders for every contender: 20,000 of them, each with a plan and twelve entries."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from axon_factory.bootstrap import Container
from axon_factory.domain.permissions import KeyScope
from benchmarks.orders import make_planned_order

__all__ = ["ENTRIES", "LISTED_STATES", "fill_factory", "fill_peers", "order_id"]

ENTRIES = 12
LISTED_STATES = ("construccion", "qa", "planificacion", "listo")
_STATES = "(ARRAY['construccion', 'qa', 'planificacion', 'listo'])[1 + n %% 4]"
_NUMBER = "'ORD-2025-' || lpad(n::text, greatest(3, length(n::text)), '0')"
_ENTRY = "'Avance de la construcción, módulo ' || k"
_FACTS = """CASE WHEN k %% 4 = 0 THEN '{"modulo": 3, "archivos": ["a.py", "b.py"]}'::jsonb
    ELSE '{}'::jsonb END"""

_PEERS = """
CREATE TABLE orders (
    id uuid PRIMARY KEY, order_number text NOT NULL UNIQUE, tipo_producto text NOT NULL,
    nombre_producto text NOT NULL, cliente_id text, datos_cliente jsonb NOT NULL,
    estado text NOT NULL DEFAULT 'nuevo', plan jsonb, repo_url text, deploy_url text,
    resultado jsonb, progreso integer NOT NULL DEFAULT 0, asignado_a text, session_id text,
    created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
    planificado_at timestamptz, construccion_iniciada_at timestamptz, qa_iniciada_at timestamptz,
    entregado_at timestamptz, prioridad text NOT NULL DEFAULT 'normal',
    tags text[] NOT NULL DEFAULT '{}', notas_internas text NOT NULL DEFAULT '',
    last_event integer NOT NULL DEFAULT 0
);
CREATE INDEX ON orders (estado, created_at, id);
CREATE INDEX ON orders (created_at, id);
CREATE TABLE order_events (
    order_id uuid NOT NULL REFERENCES orders, seq integer NOT NULL, at timestamptz NOT NULL,
    agente text NOT NULL, mensaje text NOT NULL, tipo text NOT NULL, metadata jsonb NOT NULL,
    PRIMARY KEY (order_id, seq)
);
CREATE TABLE counters (year integer PRIMARY KEY, last integer NOT NULL);
CREATE TABLE kept_answers (key text PRIMARY KEY, body jsonb NOT NULL);
CREATE TABLE design_orders (
    id varchar PRIMARY KEY, order_number varchar NOT NULL UNIQUE, tipo_producto varchar NOT NULL,
    nombre_producto varchar NOT NULL, cliente_id varchar, datos_cliente json,
    estado varchar NOT NULL, plan json, repo_url varchar, deploy_url varchar, resultado json,
    progreso integer NOT NULL, asignado_a varchar, session_id varchar, logs json,
    created_at timestamp NOT NULL, updated_at timestamp NOT NULL, planificado_at timestamp,
    construccion_iniciada_at timestamp, qa_iniciada_at timestamp, entregado_at timestamp,
    prioridad varchar NOT NULL, tags json, notas_internas varchar NOT NULL
);
CREATE INDEX ON design_orders (tipo_producto);
CREATE INDEX ON design_orders (cliente_id);
CREATE INDEX ON design_orders (estado);
CREATE INDEX ON design_orders (created_at);
"""


def order_id(number: int) -> UUID:
    """Return the id of an order by its number, 1 to the number of orders."""
    return UUID(hashlib.md5(str(number).encode()).hexdigest())  # noqa: S324 — no secret


async def fill_factory(container: Container, orders: int) -> str:
    """Fill a migrated, empty factory with copies of a planned order; return an API key."""
    first = await make_planned_order(container, datetime.now(UTC))
    async with container.database.transaction("benchmark") as session:
        key = await container.api_keys.create(
            session, name="medición", scope=KeyScope.ADMIN, created_by="benchmark"
        )
    async with await _connect(container.database.url) as connection:
        columns = await _columns(connection)
        differing = {
            "id": "md5(n::text)::uuid",
            "order_number": _NUMBER,
            "slug": "'producto-' || n",
            "estado": _STATES,
            "plan_estado": "'aprobado'",
            "event_seq": str(ENTRIES),
            "created_at": "created_at - n * interval '1 minute'",
            "progreso": "CASE WHEN n %% 4 = 3 THEN 100 ELSE 0 END",
        }
        values = ", ".join(differing.get(name, f"original.{name}") for name in columns)
        await connection.execute(
            f"INSERT INTO orders ({', '.join(columns)}) SELECT {values}"  # noqa: S608 — columns
            " FROM orders AS original, generate_series(1, %(orders)s) AS n WHERE id = %(first)s",
            {"orders": orders, "first": first},
        )
        await connection.execute(
            f"""
            INSERT INTO order_events (order_id, seq, kind, tipo, agente, mensaje, metadata,
                visibilidad, intento, actor, occurred_at, received_at)
            SELECT id, k, 'agente.registro', 'info', 'Builder Agent', {_ENTRY}, {_FACTS}, 'cliente',
                1, 'token:medicion', now(), now()
            FROM orders, generate_series(1, %(entries)s) AS k WHERE id <> %(first)s
            """,  # noqa: S608 — constants
            {"entries": ENTRIES, "first": first},
        )
        await connection.execute("UPDATE api_keys SET last_used_at = now()")
        await connection.execute("VACUUM ANALYZE")
    return key.plaintext


async def template_of(container: Container) -> dict[str, Any]:
    """Return the row that the factory's orders are copies of."""
    async with await _connect(container.database.url) as connection:
        found = await connection.execute(
            "SELECT to_jsonb(orders) FROM orders WHERE id = md5('1')::uuid"
        )
        row = await found.fetchone()
    return {} if row is None else row[0]


async def fill_peers(url: str, template: dict[str, Any], orders: int) -> None:
    """Make the tables of the peers, with orders like `template`."""
    async with await _connect(url) as connection:
        await connection.execute(_PEERS)
        values: dict[str, Any] = {
            "orders": orders,
            "entries": ENTRIES,
            **{name: json.dumps(template[name]) for name in ("datos_cliente", "plan")},
            **{name: template[name] for name in ("tipo_producto", "nombre_producto", "tags")},
        }
        await connection.execute(
            f"""
            INSERT INTO orders (id, order_number, tipo_producto, nombre_producto, datos_cliente,
                estado, plan, created_at, tags, last_event, progreso)
            SELECT md5(n::text)::uuid, {_NUMBER},
                %(tipo_producto)s, %(nombre_producto)s, %(datos_cliente)s, {_STATES}, %(plan)s,
                now() - n * interval '1 minute', %(tags)s, %(entries)s,
                CASE WHEN n %% 4 = 3 THEN 100 ELSE 0 END
            FROM generate_series(1, %(orders)s) AS n
            """,  # noqa: S608 — constants
            values,
        )
        await connection.execute(
            f"""
            INSERT INTO order_events
            SELECT id, k, now(), 'Builder Agent', {_ENTRY}, 'info', {_FACTS}
            FROM orders, generate_series(1, %(entries)s) AS k
            """,  # noqa: S608 — constants
            values,
        )
        await connection.execute(
            """
            INSERT INTO design_orders
            SELECT id::text, order_number, tipo_producto, nombre_producto, cliente_id,
                datos_cliente, estado, plan, repo_url, deploy_url, resultado, progreso, asignado_a,
                session_id,
                (SELECT json_agg(json_build_object('timestamp', at, 'agente', agente,
                    'mensaje', mensaje, 'tipo', tipo, 'metadata', metadata) ORDER BY seq)
                 FROM order_events WHERE order_id = orders.id),
                created_at, updated_at, planificado_at, construccion_iniciada_at, qa_iniciada_at,
                entregado_at, prioridad, to_json(tags), notas_internas
            FROM orders
            """
        )
        await connection.execute("VACUUM ANALYZE")


async def _columns(connection: psycopg.AsyncConnection[Any]) -> list[str]:
    found = await connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'orders'"
        " AND is_generated = 'NEVER' AND identity_generation IS NULL"
    )
    return [name for (name,) in await found.fetchall()]


async def _connect(url: str) -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(url, autocommit=True)
