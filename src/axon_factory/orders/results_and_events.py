"""The events and the products of single orders, read for many requests by one statement each.

As in `documents`, the statement finds out who is asking as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, NamedTuple, cast
from uuid import UUID

import psycopg

from axon_factory.db import tables
from axon_factory.db.principals import LIVE, REACHES, Presented, principal_of
from axon_factory.domain.events import Visibility
from axon_factory.domain.permissions import Principal
from axon_factory.orders.documents import reference_of, statement_parameters

__all__ = [
    "FoundEvents",
    "FoundResult",
    "WantedEvents",
    "WantedResult",
    "read_events",
    "read_results",
]


class WantedEvents(NamedTuple):
    """One request for the events of an order after a sequence."""

    presented: Presented
    reference: UUID | str
    after: int
    most: int


@dataclass(frozen=True, slots=True)
class FoundEvents:
    """Events that the caller may read, oldest first, with the attributes of the table's rows."""

    principal: Principal
    order_id: UUID
    order_number: str
    events: Sequence[tables.OrderEvent]


class _WholeEvent(NamedTuple):
    order_id: UUID
    seq: int
    kind: str
    tipo: str
    agente: str
    mensaje: str
    details: dict[str, Any]
    intento: int
    actor: str
    occurred_at: datetime
    received_at: datetime


_EVENTS = cast(
    "LiteralString",
    f"""
    WITH {LIVE},
    wanted AS (
        SELECT * FROM jsonb_to_recordset(%(wanted)s::jsonb) AS given(
            place integer, credential integer, id uuid, number text, after integer, most integer
        )
    )
    SELECT wanted.place, live.who, reached.id, reached.order_number, (
        SELECT json_agg(json_build_array(seq, kind, tipo, agente, mensaje, metadata, intento,
                                         actor, occurred_at, received_at) ORDER BY seq)
        FROM (
            SELECT * FROM order_events AS event
            WHERE event.order_id = reached.id AND event.seq > wanted.after
              AND (live.staff OR event.visibilidad = '{Visibility.CLIENTE}')
            ORDER BY event.seq LIMIT wanted.most
        ) AS following
    )
    FROM wanted JOIN live ON live.place = wanted.credential
    JOIN orders AS reached ON reached.id = coalesce(
        wanted.id, (SELECT id FROM orders WHERE order_number = wanted.number)
    ) AND {REACHES}
    """,  # noqa: S608 — constants of the code
)


async def read_events(
    connection: psycopg.AsyncConnection[tuple[Any, ...]], wanted: Sequence[WantedEvents]
) -> Sequence[FoundEvents | None]:
    """Return what each request finds, in their order; None where there is nothing for it."""
    credentials = list(dict.fromkeys(one.presented for one in wanted))
    places = {presented: place for place, presented in enumerate(credentials)}
    asked = [
        {
            **reference_of(place, one.reference, places[one.presented]),
            "after": one.after,
            "most": one.most,
        }
        for place, one in enumerate(wanted)
    ]
    rows = await connection.execute(_EVENTS, statement_parameters(credentials, asked), binary=True)
    found: list[FoundEvents | None] = [None] * len(wanted)
    moment = datetime.fromisoformat
    for place, who, order_id, number, events in await rows.fetchall():
        principal = principal_of(who)
        if principal is None:
            continue
        written = [
            _WholeEvent._make((order_id, *one[:-2], moment(one[-2]), moment(one[-1])))
            for one in events or ()
        ]
        found[place] = FoundEvents(principal, order_id, number, cast("Any", written))
    return found


class WantedResult(NamedTuple):
    """One request for the product of an order."""

    presented: Presented
    reference: UUID | str


class _Result(NamedTuple):
    id: UUID
    order_number: str
    tipo_producto: str
    nombre_producto: str
    estado: str
    resultado: dict[str, Any] | None
    repo_url: str | None
    deploy_url: str | None
    entregado_at: datetime | None


class _Link(NamedTuple):
    number: int
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundResult:
    """An order as its product is shown, and its newest portal link, if it has had one."""

    principal: Principal
    order: tables.Order
    link: tables.PortalLink | None


_RESULTS = cast(
    "LiteralString",
    f"""
    WITH {LIVE},
    wanted AS (
        SELECT * FROM jsonb_to_recordset(%(wanted)s::jsonb)
            AS given(place integer, credential integer, id uuid, number text)
    )
    SELECT wanted.place, live.who, {", ".join(f"reached.{name}" for name in _Result._fields)},
           newest.number, newest.expires_at, newest.revoked_at
    FROM wanted JOIN live ON live.place = wanted.credential
    JOIN orders AS reached ON reached.id = coalesce(
        wanted.id, (SELECT id FROM orders WHERE order_number = wanted.number)
    ) AND {REACHES}
    LEFT JOIN LATERAL (
        SELECT * FROM portal_links AS link WHERE link.order_id = reached.id
        ORDER BY link.number DESC LIMIT 1
    ) AS newest ON true
    """,  # noqa: S608 — constants of the code
)


async def read_results(
    connection: psycopg.AsyncConnection[tuple[Any, ...]], wanted: Sequence[WantedResult]
) -> Sequence[FoundResult | None]:
    """Return what each request finds, in their order; None where there is nothing for it."""
    credentials = list(dict.fromkeys(one.presented for one in wanted))
    places = {presented: place for place, presented in enumerate(credentials)}
    asked = [
        reference_of(place, one.reference, places[one.presented])
        for place, one in enumerate(wanted)
    ]
    rows = await connection.execute(_RESULTS, statement_parameters(credentials, asked), binary=True)
    found: list[FoundResult | None] = [None] * len(wanted)
    width = len(_Result._fields)
    for place, who, *columns in await rows.fetchall():
        principal = principal_of(who)
        if principal is not None:
            order: Any = _Result._make(columns[:width])
            link: Any = None if columns[width] is None else _Link._make(columns[width:])
            found[place] = FoundResult(principal, order, link)
    return found
