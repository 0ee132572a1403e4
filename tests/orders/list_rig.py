"""Orders written past the services, and what a list of them must say, computed the slow way."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import Database
from axon_factory.domain.building import Priority
from axon_factory.domain.permissions import Principal
from axon_factory.orders.lists.counts import fold
from axon_factory.orders.lists.page import list_orders
from axon_factory.orders.lists.query import ListQuery
from tests.support.workshop import ADMIN

__all__ = ["BEGIN", "Facts", "check", "delete", "expected", "fold_all", "insert", "update"]

BEGIN = datetime(2024, 1, 30, tzinfo=UTC)
_numbers = count(1)
_INSERT = text(
    """
    INSERT INTO orders (id, order_number, slug, tipo_producto, nombre_producto, cliente_id,
        datos_cliente, estado, progreso, asignado_a, created_at, updated_at, entregado_at,
        cancelado_at, fallo, plan_estado, espera, espera_causa, prioridad, tags, precio,
        moneda, catalogo, tenant, created_by)
    VALUES (gen_random_uuid(), :number, lower(:number), :tipo_producto, :nombre_producto,
        :cliente_id, jsonb_build_object('nombre', CAST(:nombre AS text),
            'email', CAST(:email AS text), 'configuracion', '{}'::jsonb),
        :estado, 100, :asignado_a, :created_at, :updated_at, :entregado_at, :created_at,
        CASE WHEN :estado = 'fallido' THEN '{}'::jsonb END, :plan_estado, :espera,
        CASE WHEN :espera = 'maquina' THEN '{}'::jsonb END,
        :prioridad, :tags, 1, 'USD',
        jsonb_build_object('id', CAST(:tipo_producto AS text), 'version', 1), 't', 't')
    """
)
_ROWS = text(
    "SELECT id, order_number, estado, tipo_producto, prioridad, asignado_a, cliente_id, tags,"
    " nombre_producto, datos_cliente, created_at, updated_at, entregado_at, plan_estado, espera"
    " FROM orders"
)
_WRITABLE = (
    "estado",
    "prioridad",
    "asignado_a",
    "tags",
    "updated_at",
    "nombre_producto",
    "plan_estado",
    "espera",
)


@dataclass(frozen=True)
class Facts:
    """What is random about an order; `day` and `second` place it in time."""

    estado: str
    tipo_producto: str
    prioridad: str
    asignado_a: str | None
    cliente_id: str | None
    tags: Sequence[str]
    nombre_producto: str
    nombre: str
    email: str
    day: int
    second: int
    late_days: int
    plan_estado: str | None = None
    espera: str | None = None

    @property
    def values(self) -> dict[str, Any]:
        created = BEGIN + timedelta(days=self.day, seconds=self.second)
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        later = created + timedelta(days=self.late_days)
        moments = {"created_at": created, "updated_at": later, "entregado_at": later}
        return values | moments | {"tags": list(self.tags)}


async def insert(session: AsyncSession, facts: Facts) -> None:
    values = facts.values
    number = f"ORD-{values['created_at'].year}-{next(_numbers):03}"
    await session.execute(_INSERT, {**values, "number": number})


async def update(session: AsyncSession, place: int, facts: Facts) -> None:
    """Overwrite what may change of some order."""
    changes = ", ".join(f"{name} = :{name}" for name in _WRITABLE)
    statement = text(
        f"UPDATE orders SET {changes},"  # noqa: S608 — constants of this file
        " espera_causa = CASE WHEN :espera = 'maquina' THEN '{}'::jsonb END,"
        " fallo = CASE WHEN :estado = 'fallido' THEN '{}'::jsonb END"
        " WHERE id = (SELECT id FROM orders ORDER BY id OFFSET"
        " (:place % greatest(1, (SELECT count(*) FROM orders))) LIMIT 1)"
    )
    await session.execute(statement, {**facts.values, "place": place})


async def delete(session: AsyncSession, place: int) -> None:
    statement = text("DELETE FROM orders WHERE right(order_number, 3)::integer % 7 = :place % 7")
    await session.execute(statement, {"place": place})


async def fold_all(database: Database) -> None:
    async with database.transaction("test") as session:
        await fold(session)


async def check(
    database: Database, query: ListQuery, principal: Principal = ADMIN
) -> list[dict[str, Any]]:
    """Read the page; it and its total must agree with the orders of the same moment."""
    async with database.reading() as session:
        page = await list_orders(session, query, principal)
        rows = (await session.execute(_ROWS)).mappings().all()
    ids = expected(rows, query, principal)
    assert page.total == len(ids), query
    shown = [order["id"] for order in page.orders]
    assert shown == ids[query.offset : query.offset + query.limit], query
    return list(page.orders)


def expected(
    rows: Iterable[Mapping[str, Any]], query: ListQuery, principal: Principal = ADMIN
) -> list[str]:
    """The ids that the list has, in its order."""
    kept = [row for row in rows if _matches(row, query, principal)]
    if query.sort_by == "prioridad":
        kept.sort(key=lambda row: (row["created_at"], row["id"]))
        kept.sort(key=lambda row: Priority(row["prioridad"]).rank, reverse=query.descending)
    else:
        kept.sort(key=lambda row: (row[query.sort_by], row["id"]), reverse=query.descending)
    return [str(row["id"]) for row in kept]


def _matches(row: Mapping[str, Any], query: ListQuery, principal: Principal) -> bool:
    choices = {
        "estado": query.states,
        "tipo_producto": query.product_types,
        "prioridad": query.priorities,
        "asignado_a": query.assignees,
        "cliente_id": query.client_ids,
        "order_number": query.order_numbers,
        "plan_estado": query.plan_states,
        "espera": query.waits,
    }
    ranges = {
        "created_at": (query.created_from, query.created_before),
        "updated_at": (query.updated_from, query.updated_before),
        "entregado_at": (query.delivered_from, query.delivered_before),
    }
    return (
        all(not values or row[name] in values for name, values in choices.items())
        and set(query.tags) <= set(row["tags"])
        and all(
            (begin is None or begin <= row[name]) and (end is None or row[name] < end)
            for name, (begin, end) in ranges.items()
        )
        and (not query.needs or _needs(row) in query.needs)
        and (principal.client_id is None or row["cliente_id"] == principal.client_id)
        and all(
            any(word.startswith(wanted) for word in _words(row))
            for wanted in _cut(query.text or "")
        )
    )


def _needs(row: Mapping[str, Any]) -> str:
    if row["estado"] in {"entregado", "cancelado"}:
        return "nadie"
    if row["espera"] == "cliente":
        return "cliente"
    due = (row["estado"], row["plan_estado"]) == ("planificacion", "pendiente_aprobacion")
    waits = row["espera"] not in {None, "maquina"}  # that one ends by itself
    return "persona" if waits or row["estado"] == "fallido" or due else "nadie"


def _words(row: Mapping[str, Any]) -> list[str]:
    client = row["datos_cliente"]
    number = row["order_number"].lower()
    said = _cut(f"{row['nombre_producto']} {client['nombre']} {client['email']}")
    return [*said, number, number[4:], number[9:]]


def _cut(source: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", source).lower()
    kept = "".join(
        character if character.isalnum() else " "
        for character in plain
        if not unicodedata.combining(character)
    )
    return kept.split()
