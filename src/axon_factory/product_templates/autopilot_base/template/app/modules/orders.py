"""Orders and messages: `/api/pedidos`, and their part of the administration page."""

import sqlite3
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query
from starlette.responses import RedirectResponse, Response

from app.catalog import configured_items, load_items, seed_items
from app.module import Context, ContextDep, Help, Module, Section
from app.orders import find_order, list_orders
from app.security import ApiKeyDep
from app.sessions import AdminFormDep

router = APIRouter()
Number = Annotated[int, Path(ge=1, le=2**53)]
NEXT_STATES = {
    "confirmado": ("entregado", "cancelado"),
    "pagado": ("entregado",),
    "entregado": (),
    "cancelado": (),
}


@router.get("/api/pedidos", dependencies=[ApiKeyDep])
def orders(
    context: ContextDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    antes_de: Annotated[int, Query(ge=0, le=2**53)] = 0,
) -> dict[str, Any]:
    """Return the newest orders; `antes_de` continues below that number."""
    with context.database.reading() as connection:
        found = list_orders(connection, limit=limit, after=antes_de)
        count = connection.execute("SELECT count(*) FROM pedidos").fetchone()[0]
    return {"pedidos": found, "total": count}


@router.get("/api/pedidos/{number:int}", dependencies=[ApiKeyDep])
def order(context: ContextDep, number: Number) -> dict[str, Any]:
    """Return one order."""
    with context.database.reading() as connection:
        found = find_order(connection, number)
    if found is None:
        raise HTTPException(404, "No existe ese pedido.")
    return found


@router.get("/api/productos", dependencies=[ApiKeyDep])
def products(context: ContextDep) -> dict[str, Any]:
    """Return the catalogue."""
    with context.database.reading() as connection:
        items = load_items(connection)
    return {
        "productos": [
            {"nombre": i.name, "precio": None if i.price is None else str(i.price)} for i in items
        ]
    }


@router.post("/admin/pedidos/{number:int}/estado")
def change_state(context: ContextDep, number: Number, form: AdminFormDep) -> Response:
    """Deliver or cancel an order from the administration page."""
    wanted = form.get("estado", "")
    allowed = [state for state, following in NEXT_STATES.items() if wanted in following]
    with context.database.transaction() as connection:
        found = find_order(connection, number)
        if found is None or found["estado"] not in allowed:
            raise HTTPException(409, "El pedido ya no admite ese cambio.")
        connection.execute("UPDATE pedidos SET estado = ? WHERE id = ?", (wanted, number))
    return RedirectResponse("/admin", 303)


def _seed(context: Context, connection: sqlite3.Connection) -> None:
    seed_items(connection, configured_items(context.product))


def _summary(_context: Context, connection: sqlite3.Connection) -> dict[str, Any]:
    states = connection.execute("SELECT estado, count(*) FROM pedidos GROUP BY estado ORDER BY 1")
    messages, contacts = connection.execute(
        "SELECT count(*), count(DISTINCT contacto) FROM mensajes"
    ).fetchone()
    figures = {"Mensajes recibidos": messages, "Contactos": contacts}
    return {"figures": figures | {f"Pedidos: {state}": count for state, count in states}}


def _orders(_context: Context, connection: sqlite3.Connection) -> dict[str, Any]:
    return {"orders": list_orders(connection), "next_states": NEXT_STATES}


def _messages(_context: Context, connection: sqlite3.Connection) -> dict[str, Any]:
    rows = connection.execute("SELECT * FROM mensajes ORDER BY id DESC LIMIT 100").fetchall()
    return {"messages": [dict(row) for row in rows]}


def _help(_context: Context) -> list[str]:
    return [
        "Los pedidos confirmados aparecen en el panel y en /api/pedidos.",
        "En el panel puede marcarlos como entregados o cancelarlos.",
    ]


module = Module(
    name="orders",
    router=router,
    seed=_seed,
    sections=(
        Section("Resumen", "summary.html", _summary),
        Section("Pedidos", "orders.html", _orders),
        Section("Mensajes", "messages.html", _messages),
    ),
    help=(Help("Pedidos", _help),),
    endpoints={"pedidos": "/api/pedidos", "productos": "/api/productos"},
)
