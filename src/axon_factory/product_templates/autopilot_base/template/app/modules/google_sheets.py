"""Google Sheets: the orders as a CSV feed that IMPORTDATA can read.

IMPORTDATA sends no headers, so the feed has a token of its own in the address: derived from the
API key, good for reading this feed only, and changed with the key.
"""

import csv
import hashlib
import hmac
import io
from typing import Any

from fastapi import APIRouter, HTTPException
from starlette.responses import Response

from app.module import Context, ContextDep, Help, Module, Section
from app.orders import list_orders
from app.security import same

MAX_ROWS = 5000
COLUMNS = ["pedido", "fecha", "estado", "contacto", "producto", "cantidad", "precio"]
router = APIRouter()


def feed_token(api_key: str) -> str:
    """Return the token of the feed, "" without an API key."""
    if not api_key:
        return ""
    return hmac.new(api_key.encode(), b"/api/pedidos.csv", hashlib.sha256).hexdigest()


def cell(value: Any) -> str:
    """Return a value that no spreadsheet takes for a formula."""
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in set("=+-@\t\r") else text


@router.get("/api/pedidos.csv")
def orders_csv(context: ContextDep, token: str = "") -> Response:
    """Return one row a line of an order, newest first."""
    if not same(token, feed_token(context.settings.api_key)):
        raise HTTPException(403, "El token no es válido.")
    with context.database.reading() as connection:
        orders = list_orders(connection, limit=MAX_ROWS)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for order in orders:
        for line in order["lineas"]:
            row = [order["id"], order["creado_at"], order["estado"], order["contacto"]]
            row += [line["producto"], line["cantidad"], line["precio"]]
            writer.writerow(cell(value) for value in row)
    return Response(file.getvalue(), media_type="text/csv; charset=utf-8")


def _section(context: Context, _connection: object) -> dict[str, Any]:
    token = feed_token(context.settings.api_key)
    address = f"{context.settings.public_url}/api/pedidos.csv?token={token}"
    return {"formula": f'=IMPORTDATA("{address}")' if token else ""}


def _help(_context: Context) -> list[str]:
    return [
        "Copie en una hoja la fórmula que muestra el panel: los pedidos aparecen y se renuevan."
    ]


module = Module(
    name="google_sheets",
    router=router,
    integrations={"google_sheets": lambda context: bool(context.settings.api_key)},
    sections=(Section("Google Sheets", "google_sheets.html", _section),),
    help=(Help("Google Sheets", _help),),
)
