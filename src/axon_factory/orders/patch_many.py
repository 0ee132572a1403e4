"""Report on many orders in one transaction: progress, entries of the log, who is responsible.

The rules are those of `update.patch_order`. A patch of anything else is not for this.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, LiteralString, NamedTuple, cast
from uuid import UUID

import psycopg

from axon_factory.db import tables
from axon_factory.db.principals import (
    LIVE,
    REACHES,
    Presented,
    principal_of,
)
from axon_factory.domain.building import Priority
from axon_factory.domain.errors import AxonError
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import OrderState, attempt_is_over
from axon_factory.orders.documents import reference_of, statement_parameters
from axon_factory.orders.requests import OrderPatch
from axon_factory.orders.update import (
    REPORTED,
    entry_event,
    keep_progress,
    makes_due,
    refuse_fields,
    refuse_reporter,
    set_progress,
)
from axon_factory.orders.writes import OrderWrites

__all__ = [
    "PATCHED",
    "Locked",
    "Report",
    "keep_row",
    "keys_of",
    "known_entries",
    "lock_reported",
    "report",
]


class Report(NamedTuple):
    """A patch, whose credential it comes with, and the id or the number of its order."""

    presented: Presented
    reference: UUID | str
    patch: OrderPatch


@dataclass(slots=True)
class ReportedOrder:
    """What a report reads and writes of an order, named as in `tables.Order`."""

    id: UUID
    order_number: str
    tipo_producto: str
    nombre_producto: str
    cliente_id: str | None
    tags: list[str]
    estado: str
    plan: dict[str, Any] | None
    plan_version: int
    plan_hash: str | None
    catalogo: dict[str, Any]
    fallo: dict[str, Any] | None
    progreso: int
    asignado_a: str | None
    session_id: str | None
    updated_at: datetime
    prioridad: str
    version: int
    intento: int
    retrabajos: int
    heartbeat_at: datetime | None
    silence: str | None
    reported: dict[str, Any] | None
    event_seq: int
    borrado_at: datetime | None


class Locked(NamedTuple):
    """An order, its row locked until the transaction ends, and who reports on it.

    Reports on the same order share it.
    """

    principal: Principal
    order: ReportedOrder


_COLUMNS = ", ".join(f"reached.{field.name}" for field in fields(ReportedOrder))
# An order that somebody else holds is left to the application, which waits for it: the others of
# the batch must not.
_LOCK = cast(
    "LiteralString",
    f"""
    WITH {LIVE},
    wanted AS (
        SELECT * FROM jsonb_to_recordset(%(wanted)s::jsonb)
            AS given(place integer, credential integer, id uuid, number text)
    )
    SELECT wanted.place, live.who, {_COLUMNS}
    FROM wanted JOIN live ON live.place = wanted.credential
    JOIN orders AS reached ON reached.id = coalesce(
        wanted.id, (SELECT id FROM orders WHERE order_number = wanted.number)
    ) AND {REACHES}
    FOR UPDATE OF reached SKIP LOCKED
    """,  # noqa: S608 — columns and constants of the code
)
_KNOWN = (
    "SELECT order_id, dedupe_key FROM order_events"
    " WHERE order_id = ANY (%(orders)s) AND dedupe_key = ANY (%(keys)s)"
)
_ROW = "reports"
_UPDATED = {
    "progreso": "smallint",
    "asignado_a": "text",
    "updated_at": "timestamptz",
    "version": "integer",
    "heartbeat_at": "timestamptz",
    "reported": "jsonb",
    "event_seq": "integer",
}
_UPDATE = f"""
    UPDATE orders SET {", ".join(f"{name} = fresh.{name}" for name in _UPDATED)}
    FROM given, jsonb_to_recordset(given.rows -> '{_ROW}')
        AS fresh(id uuid, {", ".join(f"{name} {kind}" for name, kind in _UPDATED.items())})
    WHERE orders.id = fresh.id
"""  # noqa: S608 — columns and constants of the code
PATCHED = {"patched": _UPDATE}
"""The part of `writes.orders_statement` that writes the rows of `keep_row`."""


async def lock_reported(
    connection: psycopg.AsyncConnection[tuple[Any, ...]], reports: Sequence[Report]
) -> Sequence[Locked | None]:
    """Lock the orders of the reports; None where the caller reaches none, or no credential holds.

    None also stands for an order that another transaction holds at present. Two reports on the
    same order get the same object.
    """
    credentials = list(dict.fromkeys(one.presented for one in reports))
    places = {presented: place for place, presented in enumerate(credentials)}
    wanted = [
        reference_of(place, one.reference, places[one.presented])
        for place, one in enumerate(reports)
    ]
    rows = await connection.execute(_LOCK, statement_parameters(credentials, wanted), binary=True)
    locked: list[Locked | None] = [None] * len(reports)
    orders: dict[UUID, ReportedOrder] = {}
    for place, who, *columns in await rows.fetchall():
        principal = principal_of(who)
        order = orders.setdefault(columns[0], ReportedOrder(*columns))
        if principal is not None:
            locked[place] = Locked(principal, order)
    return locked


async def known_entries(
    connection: psycopg.AsyncConnection[tuple[Any, ...]],
    orders: Sequence[UUID],
    keys: Sequence[str],
) -> set[tuple[UUID, str]]:
    """Return which of the keys of entries the locked orders have already."""
    if not keys:
        return set()
    rows = await connection.execute(_KNOWN, {"orders": [*orders], "keys": [*keys]}, binary=True)
    return {(order, key) for order, key in await rows.fetchall()}


def report(
    writes: OrderWrites, locked: Locked, patch: OrderPatch, known: set[tuple[UUID, str]]
) -> bool:
    """Apply a patch to its locked order; False, with nothing changed, where it is refused.

    A refusal is worded by `update.patch_order`. The row itself is written by `keep_row`. An entry
    that is `known` is left out, and known from then on.
    """
    principal, reported = locked
    order: Any = reported
    row = cast("tables.Order", order)
    if not _is_for_reports(reported, principal, patch):
        return False
    try:
        refuse_fields(patch, principal)
        refuse_reporter(row, patch, principal)
        set_progress(row, patch, reported.progreso, OrderState(reported.estado))
    except AxonError:
        return False
    now, actor = writes.now, principal.actor
    reported.version += 1
    reported.updated_at = now
    if principal.attempt is not None and reported.estado == OrderState.CONSTRUCCION:
        reported.heartbeat_at = max(now, reported.heartbeat_at or now)
    keep_progress(row, patch, actor, now)
    if patch.asignado_a is not None:
        reported.asignado_a = patch.asignado_a
    for entry in patch.logs:
        event = entry_event(entry, principal)
        if event.dedupe_key is None:
            writes.append(reported, event, actor=actor)
        elif (reported.id, event.dedupe_key) not in known:
            known.add((reported.id, event.dedupe_key))
            writes.append(reported, event, actor=actor)
    if makes_due(row, patch):
        writes.wake(reported.id, rank=Priority(reported.prioridad).rank)
    return True


def keep_row(writes: OrderWrites, order: ReportedOrder) -> None:
    """Write the row of an order, once all reports on it are applied."""
    kept = {name: getattr(order, name) for name in _UPDATED}
    writes.rows.add(_ROW, {"id": order.id, **kept})


def keys_of(locked: Locked, patch: OrderPatch) -> list[str]:
    """Return the keys by which entries with a time of their own are known again."""
    dated = (entry for entry in patch.logs if entry.timestamp is not None)
    return [
        event.dedupe_key or "" for event in (entry_event(one, locked.principal) for one in dated)
    ]


def _is_for_reports(order: ReportedOrder, principal: Principal, patch: OrderPatch) -> bool:
    """Return whether the patch is a plain report; the end of a silence is an event of its own."""
    if not patch.fields or not patch.fields <= REPORTED or order.borrado_at is not None:
        return False
    attempt = principal.attempt
    if attempt is None:
        return True
    return order.silence is None and not attempt_is_over(
        attempt, order.intento, OrderState(order.estado)
    )
