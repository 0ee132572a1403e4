"""The operations of the comparison on Litestar, msgspec and asyncpg, without authentication."""

import sys
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec
import uvicorn
from litestar import Litestar, Request, Response, get, patch, post
from litestar.exceptions import NotFoundException

_PORT, _DATABASE = int(sys.argv[1]), sys.argv[2]
_ONE = """
    SELECT id, order_number, tipo_producto, nombre_producto, cliente_id, datos_cliente, estado,
        plan, repo_url, deploy_url, resultado, progreso, asignado_a, session_id, created_at,
        updated_at,
        planificado_at, construccion_iniciada_at, qa_iniciada_at, entregado_at, prioridad, tags,
        notas_internas, (
            SELECT json_agg(json_build_object('timestamp', at, 'agente', agente, 'mensaje', mensaje,
                'tipo', tipo, 'metadata', metadata) ORDER BY seq)
            FROM (SELECT * FROM order_events WHERE order_id = orders.id
                  ORDER BY seq DESC LIMIT 200) AS newest
        ) AS logs
    FROM orders WHERE id = $1
"""
_PAGE = """
    SELECT id, order_number, tipo_producto, nombre_producto, estado, progreso, asignado_a,
        prioridad, created_at, updated_at
    FROM orders WHERE estado = $1 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3
"""
_COUNT = "SELECT count(*) FROM orders WHERE estado = $1"
_NUMBER = """
    INSERT INTO counters (year, last) VALUES ($1, 1)
    ON CONFLICT (year) DO UPDATE SET last = counters.last + 1 RETURNING last
"""
_PLACE = """
    INSERT INTO orders (id, order_number, tipo_producto, nombre_producto, cliente_id, datos_cliente,
        prioridad, tags, notas_internas)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING estado, progreso, created_at
"""
_REPORT = """
    UPDATE orders SET progreso = $2, updated_at = now(), last_event = last_event + 1
    WHERE id = $1
    RETURNING id, order_number, estado, progreso, asignado_a, updated_at, last_event
"""
_EVENT = """
    INSERT INTO order_events (order_id, seq, at, agente, mensaje, tipo, metadata)
    VALUES ($1, $2, now(), $3, $4, $5, $6)
"""


class Client(msgspec.Struct):
    nombre: str
    email: str
    telefono: str | None = None
    industria: str | None = None
    pais: str | None = None
    configuracion: dict[str, Any] = {}


class NewOrder(msgspec.Struct):
    tipo_producto: str
    nombre_producto: str
    datos_cliente: Client
    cliente_id: str | None = None
    prioridad: str = "normal"
    tags: list[str] = []
    notas_internas: str = ""


class Entry(msgspec.Struct):
    mensaje: str
    agente: str = "agente"
    tipo: str = "info"
    metadata: dict[str, Any] = {}


class Patch(msgspec.Struct):
    progreso: int
    logs: list[Entry] = []


async def _prepare(connection: asyncpg.Connection) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name,
            schema="pg_catalog",
            encoder=lambda value: msgspec.json.encode(value).decode(),
            decoder=msgspec.json.decode,
        )


@asynccontextmanager
async def _pool(app: Litestar) -> AsyncGenerator[None]:
    async with asyncpg.create_pool(_DATABASE, min_size=8, max_size=8, init=_prepare) as pool:
        app.state.pool = pool
        yield


@get("/api/orders/{order_id:uuid}")
async def show(request: Request, order_id: uuid.UUID) -> dict[str, Any]:
    row = await request.app.state.pool.fetchrow(_ONE, order_id)
    if row is None:
        raise NotFoundException
    return dict(row)


@get("/api/orders")
async def listed(request: Request, estado: str, limit: int = 50, offset: int = 0) -> dict[str, Any]:
    async with request.app.state.pool.acquire() as connection:
        total = await connection.fetchval(_COUNT, estado)
        rows = await connection.fetch(_PAGE, estado, limit, offset)
    orders = [dict(row) for row in rows]
    return {
        "total": total,
        "limit": limit,
        "offset": offset,
        "count": len(orders),
        "orders": orders,
    }


@post("/api/orders")
async def place(request: Request, data: NewOrder) -> Response:
    key = request.headers.get("idempotency-key")
    async with request.app.state.pool.acquire() as tx, tx.transaction():
        if key and (kept := await tx.fetchval("SELECT body FROM kept_answers WHERE key = $1", key)):
            return Response(kept, status_code=201)
        year = datetime.now(UTC).year
        number = f"ORD-{year}-{await tx.fetchval(_NUMBER, year):03d}"
        order_id = uuid.uuid4()
        client = msgspec.to_builtins(data.datos_cliente)
        placed = await tx.fetchrow(
            *(_PLACE, order_id, number, data.tipo_producto, data.nombre_producto),
            *(data.cliente_id, client, data.prioridad, data.tags, data.notas_internas),
        )
        body = {
            "id": order_id,
            "order_number": number,
            "tipo_producto": data.tipo_producto,
            "nombre_producto": data.nombre_producto,
            **dict(placed),
            "message": "Orden creada exitosamente. Super Axon Agent la procesará pronto.",
        }
        if key:
            await tx.execute("INSERT INTO kept_answers (key, body) VALUES ($1, $2)", key, body)
    return Response(body, status_code=201)


@patch("/api/orders/{order_id:uuid}")
async def report(request: Request, order_id: uuid.UUID, data: Patch) -> dict[str, Any]:
    async with request.app.state.pool.acquire() as tx, tx.transaction():
        row = await tx.fetchrow(_REPORT, order_id, data.progreso)
        if row is None:
            raise NotFoundException
        order = dict(row)
        first = order.pop("last_event")
        for place_, one in enumerate(data.logs):
            await tx.execute(
                *(_EVENT, order_id, first + place_, one.agente, one.mensaje, one.tipo),
                one.metadata,
            )
        await tx.execute("SELECT pg_notify('peer_events', $1)", str(order_id))
    return {**order, "message": "Orden actualizada exitosamente"}


app = Litestar([show, listed, place, report], lifespan=[_pool], openapi_config=None)

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=_PORT, access_log=False, log_level="warning")
