"""What answers about single orders are made of, read for many requests by one statement.

The statement finds out who is asking as well (`accounts.principals`), so a request is one round
trip. A caller that has a document already sends its validator, and reads nothing more while the
order is the same.
"""

from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, LiteralString, NamedTuple, cast
from uuid import UUID

import psycopg
from pydantic_core import to_json

from axon_factory.db import tables
from axon_factory.db.principals import (
    LIVE,
    REACHES,
    Presented,
    asked_credentials,
    principal_of,
)
from axon_factory.domain.events import Visibility
from axon_factory.domain.permissions import Principal
from axon_factory.orders.evidence import Receipts, receipts_of
from axon_factory.orders.read import NEWEST_EVENTS

__all__ = [
    "Found",
    "OrderParts",
    "Wanted",
    "read_documents",
    "reference_of",
    "statement_parameters",
]


class Wanted(NamedTuple):
    """One request: whose credential, which order, and the validator of what the caller has."""

    presented: Presented
    reference: UUID | str
    """The id, or the number."""
    known: str | None = None


@dataclass(frozen=True, slots=True)
class OrderParts:
    """A row of `orders` with its newest events, oldest first, and its current receipts.

    They have the attributes of the tables' rows, and belong to no session.
    """

    order: tables.Order
    events: Sequence[tables.OrderEvent]
    receipts: Receipts


@dataclass(frozen=True, slots=True)
class Found:
    """An order that the caller reaches. `parts` is None while `known` is its validator."""

    principal: Principal
    validator: str
    """It changes whenever the row does, and so with each event and receipt of the order."""
    version: int
    parts: OrderParts | None


_UNREAD = frozenset(
    {
        "budget_usd",
        "deployment_open",
        "event_seq",
        "fence",
        "prioridad_rank",
        "product_erased",
        "promise_told_until",
        "session_cursor",
        "session_open",
        "tenant",
    }
)
_CUT = {
    "catalogo": "CASE WHEN found.catalogo ? 'verificaciones' THEN jsonb_build_object("
    "'verificaciones', found.catalogo -> 'verificaciones') ELSE '{}' END",
    "resultado": "CASE WHEN found.resultado IS NOT NULL THEN 'true'::jsonb END",
}
"""Of large documents what an answer about the whole order reads."""
_COLUMNS = tuple(
    column.name
    for column in tables.Order.metadata.tables["orders"].columns
    if column.name not in _UNREAD
)
_Row = namedtuple("_Row", _COLUMNS)  # noqa: PYI024 # pyright: ignore[reportUntypedNamedTuple] — the columns are known at run time


class _Event(NamedTuple):
    seq: int
    tipo: str
    agente: str
    mensaje: str
    details: dict[str, Any]
    actor: str
    occurred_at: datetime
    received_at: datetime


class _Milestone(NamedTuple):
    milestone_id: str
    agente: str
    commit_id: str
    completed_at: datetime


class _Check(NamedTuple):
    check_name: str
    passed: bool
    commit_id: str | None


class _Deployment(NamedTuple):
    commit_id: str
    withdrawn_at: str | None


@cache
def _statement() -> LiteralString:
    columns = ", ".join(f"{_CUT.get(name, f'found.{name}')} AS {name}" for name in _COLUMNS)
    return cast(
        "LiteralString",
        f"""
        WITH {LIVE},
        wanted AS (
            SELECT * FROM jsonb_to_recordset(%(wanted)s::jsonb)
                AS given(place integer, credential integer, id uuid, number text, known text)
        )
        SELECT wanted.place, live.who, found.validator, found.version, whole.*
        FROM wanted JOIN live ON live.place = wanted.credential
        JOIN LATERAL (
            SELECT reached.*,
                   reached.xmin::text || ':' || reached.version || ':' || reached.event_seq
                       AS validator
            FROM orders AS reached
            WHERE reached.id = coalesce(
                wanted.id, (SELECT id FROM orders WHERE order_number = wanted.number)
            ) AND {REACHES}
        ) AS found ON true
        LEFT JOIN LATERAL (
            SELECT {columns}, (
                SELECT json_agg(json_build_array(seq, tipo, agente, mensaje, metadata, actor,
                                                 occurred_at, received_at) ORDER BY seq)
                FROM (
                    SELECT * FROM order_events AS event
                    WHERE event.order_id = found.id
                      AND (live.staff OR event.visibilidad = '{Visibility.CLIENTE}')
                    ORDER BY event.seq DESC LIMIT {NEWEST_EVENTS}
                ) AS newest
            ) AS events, (
                SELECT json_agg(json_build_array(milestone_id, agente, commit_id, completed_at)
                                ORDER BY completed_at, milestone_id)
                FROM order_milestones AS receipt
                WHERE receipt.order_id = found.id AND receipt.intento = found.intento
            ) AS milestones, (
                SELECT json_agg(json_build_array(check_name, passed, commit_id)
                                ORDER BY created_at, check_name)
                FROM order_checks AS receipt
                WHERE receipt.order_id = found.id AND receipt.intento = found.intento
            ) AS checks, (
                SELECT json_agg(json_build_array(commit_id, withdrawn_at) ORDER BY created_at)
                FROM order_deployments AS receipt
                WHERE receipt.order_id = found.id AND receipt.intento = found.intento
            ) AS deployments
            WHERE found.validator IS DISTINCT FROM wanted.known
        ) AS whole ON true
        """,  # noqa: S608 — columns and constants of the code
    )


_PARTS = 4
"""Where the columns of `whole` begin."""


async def read_documents(
    connection: psycopg.AsyncConnection[tuple[Any, ...]], wanted: Sequence[Wanted]
) -> Sequence[Found | None]:
    """Return what each request finds, in their order; None where there is nothing for it.

    Why there is nothing is not told: no such order, not the caller's, no credential that holds.
    """
    credentials = list(dict.fromkeys(one.presented for one in wanted))
    places = {presented: place for place, presented in enumerate(credentials)}
    asked = [
        {**reference_of(place, one.reference, places[one.presented]), "known": one.known}
        for place, one in enumerate(wanted)
    ]
    rows = await connection.execute(
        _statement(), statement_parameters(credentials, asked), binary=True
    )
    found: list[Found | None] = [None] * len(wanted)
    for row in await rows.fetchall():
        principal = principal_of(row[1])
        if principal is not None:
            parts = None if row[_PARTS] is None else _parts(row[_PARTS:])
            found[row[0]] = Found(principal, row[2], row[3], parts)
    return found


def _parts(columns: tuple[Any, ...]) -> OrderParts:
    count = len(_COLUMNS)
    order = _Row._make(columns[:count])
    events, milestones, checks, deployments = columns[count:]
    moment = datetime.fromisoformat
    written = [
        _Event(seq, kind, agent, text, details, actor, moment(at), moment(received))
        for seq, kind, agent, text, details, actor, at, received in events or ()
    ]
    proven = order.plan is not None
    done = [
        _Milestone(name, agent, commit, moment(at))
        for name, agent, commit, at in milestones or ()
        if proven
    ]
    passed = [_Check._make(one) for one in checks or () if proven]
    running = [_Deployment._make(one) for one in deployments or () if proven]
    # They are no rows of the tables' classes, and have the attributes that readers use.
    row: Any = order
    receipts = receipts_of(row, cast("Any", done), cast("Any", passed), cast("Any", running))
    return OrderParts(row, cast("Any", written), receipts)


def statement_parameters(
    credentials: Sequence[Presented], asked: Sequence[object]
) -> dict[str, str]:
    """Return the parameters of a statement for many requests: `asked` of `LIVE`, and `wanted`."""
    return {
        "asked": to_json(asked_credentials(credentials)).decode(),
        "wanted": to_json(asked).decode(),
    }


def reference_of(place: int, reference: UUID | str, credential: int) -> dict[str, Any]:
    """Return what `wanted` says of a request: its places, and the id or the number."""
    is_number = isinstance(reference, str)
    return {
        "place": place,
        "credential": credential,
        "id": None if is_number else reference,
        "number": reference if is_number else None,
    }
