"""Orders (pedidos): taken, listed, paid, cancelled."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

MAX_QUANTITY = 999


@dataclass(frozen=True, slots=True)
class Line:
    """A product and how many of it."""

    product: str
    quantity: int
    price: Decimal | None = None


def total(lines: Sequence[Line]) -> Decimal | None:
    """Return what the lines cost, None if a price is missing."""
    if not lines or any(line.price is None for line in lines):
        return None
    return sum((line.quantity * line.price for line in lines if line.price), Decimal(0))


def moment(now: datetime) -> str:
    """Return a time as it is stored and shown: UTC, to the second."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def place_order(
    connection: sqlite3.Connection, channel: str, contact: str, lines: Sequence[Line], now: datetime
) -> int:
    """Write a confirmed order and return its number."""
    number = connection.execute(
        "INSERT INTO pedidos (canal, contacto, creado_at) VALUES (?, ?, ?)",
        (channel, contact, moment(now)),
    ).lastrowid
    connection.executemany(
        "INSERT INTO pedido_lineas (pedido_id, producto, cantidad, precio) VALUES (?, ?, ?, ?)",
        [
            (number, li.product, li.quantity, None if li.price is None else str(li.price))
            for li in lines
        ],
    )
    return int(number or 0)


def cancel_order(connection: sqlite3.Connection, number: int, contact: str) -> bool:
    """Cancel a contact's own order if it is neither paid nor delivered."""
    done = connection.execute(
        "UPDATE pedidos SET estado = 'cancelado'"
        " WHERE id = ? AND contacto = ? AND estado = 'confirmado'",
        (number, contact),
    )
    return done.rowcount == 1


def order_lines(connection: sqlite3.Connection, number: int) -> list[Line]:
    """Return what was ordered."""
    rows = connection.execute(
        "SELECT producto, cantidad, precio FROM pedido_lineas WHERE pedido_id = ? ORDER BY rowid",
        (number,),
    )
    return [
        Line(r["producto"], r["cantidad"], None if r["precio"] is None else Decimal(r["precio"]))
        for r in rows
    ]


def list_orders(
    connection: sqlite3.Connection, *, limit: int = 100, after: int = 0, contact: str | None = None
) -> list[dict[str, Any]]:
    """Return orders, newest first, with their lines; `after` is the number to continue below."""
    rows = connection.execute(
        "SELECT * FROM pedidos WHERE (? = 0 OR id < ?) AND (? IS NULL OR contacto = ?)"
        " ORDER BY id DESC LIMIT ?",
        (after, after, contact, contact, limit),
    ).fetchall()
    return [_as_dict(connection, row) for row in rows]


def find_order(connection: sqlite3.Connection, number: int) -> dict[str, Any] | None:
    """Return one order, or None."""
    row = connection.execute("SELECT * FROM pedidos WHERE id = ?", (number,)).fetchone()
    return _as_dict(connection, row) if row else None


def _as_dict(connection: sqlite3.Connection, row: sqlite3.Row) -> dict[str, Any]:
    lines = order_lines(connection, row["id"])
    amount = total(lines)
    return {
        **dict(row),
        "lineas": [
            {
                "producto": line.product,
                "cantidad": line.quantity,
                "precio": None if line.price is None else str(line.price),
            }
            for line in lines
        ],
        "total": None if amount is None else str(amount),
    }
