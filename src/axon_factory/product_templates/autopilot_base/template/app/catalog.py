"""The client's catalogue: `productos` of the configuration, as texts or as objects."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from app.product import Product

MAX_NAME = 120


@dataclass(frozen=True, slots=True)
class Item:
    """Something the client sells; the price is None when it was not given."""

    name: str
    price: Decimal | None = None


def clean(text: str) -> str:
    """Return a text on one line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def configured_items(product: Product) -> list[Item]:
    """Return the catalogue that the configuration holds; what is not a product is left out."""
    value = product.configuration.get("productos")
    items = (_item(entry) for entry in value) if isinstance(value, list) else iter(())
    return list({item.name: item for item in items if item is not None}.values())


def _item(entry: Any) -> Item | None:
    if isinstance(entry, str):
        name, price = entry, None
    elif isinstance(entry, dict) and isinstance(entry.get("nombre"), str):
        name, price = entry["nombre"], _price(entry.get("precio"))
    else:
        return None
    name = clean(name)[:MAX_NAME].strip()
    return Item(name, price) if name else None


def _price(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        price = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return price if price.is_finite() and 0 <= price < 10**9 else None


def seed_items(connection: sqlite3.Connection, items: list[Item]) -> None:
    """Make the database's catalogue what the configuration says."""
    connection.execute("DELETE FROM productos")
    connection.executemany(
        "INSERT INTO productos (nombre, precio, posicion) VALUES (?, ?, ?)",
        [(item.name, _stored(item.price), place) for place, item in enumerate(items)],
    )


def load_items(connection: sqlite3.Connection) -> list[Item]:
    """Return the catalogue in the client's order."""
    return list(_rows(connection))


def _rows(connection: sqlite3.Connection) -> Iterator[Item]:
    for row in connection.execute("SELECT nombre, precio FROM productos ORDER BY posicion"):
        yield Item(row["nombre"], None if row["precio"] is None else Decimal(row["precio"]))


def _stored(price: Decimal | None) -> str | None:
    return None if price is None else str(price)


def money(product: Product, amount: Decimal) -> str:
    """Return an amount as people write it, in the configured currency."""
    return clean(f"${amount:,.2f} {product.text('moneda')[:10]}")
