"""The board: orders by state, those that wait for a person apart, by two statements."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import psycopg.rows
from psycopg import sql
from psycopg.types.json import set_json_loads
from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.sessions import driver_connection
from axon_factory.domain.building import Silence
from axon_factory.domain.permissions import Principal
from axon_factory.domain.progress import Pace
from axon_factory.domain.states import OrderState, PlanStatus, WaitsFor
from axon_factory.domain.text import Sentence, timestamp
from axon_factory.orders.answers.board import (
    Board,
    BoardCard,
    BoardColumn,
    BoardLane,
    BoardMilestone,
    BoardPromise,
    MilestoneState,
)
from axon_factory.orders.answers.desk_order import amounts
from axon_factory.orders.desk import words
from axon_factory.orders.desk.acts import Act, acts_on_order
from axon_factory.orders.desk.estimate import estimate_of, is_at_risk, range_document
from axon_factory.orders.lists.conditions import NEEDS, condition_of
from axon_factory.orders.lists.query import ListQuery
from axon_factory.orders.policy import Policy
from axon_factory.orders.promise import measured_paces

__all__ = ["CARD_COLUMNS", "FOLDED_CARDS", "BoardQuery", "card_of", "read_board", "reason_of"]

FOLDED_CARDS = 10
"""Cards of a folded column."""
_FOLDED = (OrderState.ENTREGADO, OrderState.CANCELADO)
_LANE = "te_necesita"
_LANE_NAME = Sentence("Te necesita", "Needs you")
_EVERYTHING = sql.SQL("true")

CARD_COLUMNS = sql.SQL(
    """
           o.id, o.order_number, o.nombre_producto, o.tipo_producto,
           o.datos_cliente ->> 'nombre' AS cliente, o.cliente_id, o.prioridad, o.estado, o.precio,
           o.moneda, o.progreso, o.intento, o.retrabajos, o.espera, o.plan_estado, o.plan_version,
           o.asignado_a, o.heartbeat_at, o.silence, o.queued_at, o.tags, o.version,
           o.session_open, o.created_by, o.borrado_at, o.fallo,
           o.espera_causa ->> 'codigo' AS trouble,
           o.promised_from, o.promised_until, o.paused_at, o.entregado_at,
           o.plan -> 'milestones' AS milestones,
           coalesce(o.plan ->> 'estimacion_horas', o.catalogo ->> 'estimacion_horas')::float
               AS hours,
           ARRAY(SELECT milestone_id FROM order_milestones
                 WHERE order_id = o.id AND intento = o.intento) AS done,
           EXISTS (SELECT FROM order_questions q
                   WHERE q.order_id = o.id AND q.audience <> 'planificador'
                     AND q.answered_at IS NULL AND q.closed_at IS NULL) AS asked
    """
)
"""What a card needs of the order `o`."""

# An order's place in its column: urgent first, then the one that has been longest in its state.
# What changes by itself (signs of life, progress) moves no card.
_BOARD = sql.SQL(
    """
    WITH open AS MATERIALIZED (
        SELECT id, estado, prioridad_rank, precio, moneda, ({needs}) = 'persona' AS needed
        FROM orders
        WHERE estado IN ('nuevo', 'planificacion', 'construccion', 'qa', 'listo', 'fallido')
          AND {condition}
    ), placed AS MATERIALIZED (
        SELECT open.*, stage.entered_at AS since,
               CASE WHEN needed THEN 'te_necesita' ELSE estado END AS lane
        FROM open LEFT JOIN LATERAL (
            SELECT entered_at FROM order_stages WHERE order_id = open.id
            ORDER BY ordinal DESC LIMIT 1
        ) AS stage ON true
    ), ended AS MATERIALIZED (
        SELECT id, estado, precio, moneda, estado AS lane,
               CASE estado WHEN 'entregado' THEN entregado_at ELSE cancelado_at END AS since
        FROM orders
        WHERE estado IN ('entregado', 'cancelado') AND updated_at >= %(since)s
          AND CASE estado WHEN 'entregado' THEN entregado_at ELSE cancelado_at END >= %(since)s
          AND {condition}
    ), listed AS (
        SELECT id, lane, since, row_number() OVER (
            PARTITION BY lane ORDER BY prioridad_rank DESC, since, id
        ) AS place, %(rows)s AS rows FROM placed
        UNION ALL
        SELECT id, lane, since, row_number() OVER (
            PARTITION BY lane ORDER BY since DESC, id
        ), least(%(rows)s, %(folded)s) FROM ended
    ), sums AS (
        SELECT lane, estado, moneda, count(*) AS many, min(since) AS since,
               sum(precio)::text AS worth
        FROM (SELECT lane, estado, moneda, since, precio FROM placed
              UNION ALL SELECT lane, estado, moneda, since, precio FROM ended) AS each
        GROUP BY 1, 2, 3
    ), totals AS (
        SELECT (SELECT jsonb_agg(to_jsonb(sums)) FROM sums) AS sums, (
            SELECT jsonb_object_agg(estado, many) FROM (
                SELECT estado, count(*) AS many FROM orders
                WHERE estado IN ('entregado', 'cancelado') AND {condition} GROUP BY 1
            ) AS counted) AS over
    )
    SELECT CASE WHEN first.row THEN totals.sums END AS sums,
           CASE WHEN first.row THEN totals.over END AS over, listed.lane, listed.since,
           {columns}
    FROM totals
    LEFT JOIN (
        SELECT listed.*, row_number() OVER (ORDER BY lane, place) AS number
        FROM listed WHERE place <= rows
    ) AS listed ON true
    CROSS JOIN LATERAL (SELECT coalesce(listed.number, 1) = 1 AS row) AS first
    LEFT JOIN orders o ON o.id = listed.id
    ORDER BY listed.lane, listed.place
    """
)


@dataclass(frozen=True, slots=True)
class BoardQuery:
    """Which orders (the states of `filters` do not count), and how many cards a column has."""

    filters: ListQuery
    limit: int = 50
    days: int = 7


async def read_board(
    session: AsyncSession, query: BoardQuery, principal: Principal, policy: Policy, now: datetime
) -> dict[str, Any]:
    """Return the board as the caller may act on it.

    Raises:
        ValidationFailed: there is no word in `q`.
    """
    connection = await driver_connection(session)
    condition, values = await condition_of(connection, query.filters, principal)
    statement = _BOARD.format(
        needs=sql.SQL(NEEDS), condition=condition or _EVERYTHING, columns=CARD_COLUMNS
    )
    cursor = connection.cursor(row_factory=psycopg.rows.namedtuple_row)
    set_json_loads(from_json, cursor)
    shown = {
        "rows": query.limit,
        "folded": FOLDED_CARDS,
        "since": now - timedelta(days=query.days),
    }
    await cursor.execute(statement, {**values, **shown})
    rows = cast("Sequence[Any]", await cursor.fetchall())
    paces = await measured_paces(session)
    cards: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    own_orders = policy.approval.own_orders
    for row in rows:
        if row.lane is not None:
            pace = paces.get(row.tipo_producto)
            cards[row.lane].append(card_of(row, principal, pace, now, own_orders=own_orders))
    sums = _Sums(rows[0].sums or [], rows[0].over or {})
    return Board.of(
        None,
        abiertas=sums.count(),
        limit=query.limit,
        dias=query.days,
        te_necesita=BoardLane.of(None, nombre=_LANE_NAME, **sums.lane(_LANE, cards[_LANE])),
        columnas=[_column(state, sums, cards[state]) for state in _STATES],
    )


_STATES = (
    OrderState.NUEVO,
    OrderState.PLANIFICACION,
    OrderState.CONSTRUCCION,
    OrderState.QA,
    OrderState.LISTO,
    OrderState.FALLIDO,
    *_FOLDED,
)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Counts and sums by lane, state and currency; `over` counts all orders that have ended."""

    groups: Sequence[Mapping[str, Any]]
    over: Mapping[str, int]

    def count(self, lane: str | None = None, state: str | None = None) -> int:
        """Return how many orders are in a lane, of a state; without a lane, how many are open."""
        return sum(
            group["many"]
            for group in self.groups
            if (group["lane"] == lane if lane else group["lane"] not in _FOLDED)
            and (state is None or group["estado"] == state)
        )

    def lane(self, name: str, cards: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what a lane and a column share."""
        groups = [group for group in self.groups if group["lane"] == name]
        since = [datetime.fromisoformat(group["since"]) for group in groups if group["since"]]
        return {
            "total": self.count(name),
            "count": len(cards),
            "desde": timestamp(min(since, default=None)),
            "valor": amounts(_by_currency(groups)),
            "tarjetas": cards,
        }


def _by_currency(groups: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for group in groups:
        sums[group["moneda"]] += Decimal(group["worth"])
    return {currency: str(total) for currency, total in sums.items()}


def _column(state: OrderState, sums: _Sums, cards: list[dict[str, Any]]) -> dict[str, Any]:
    shared = sums.lane(state, cards)
    folded, recent, apart = state in _FOLDED, shared["total"], sums.count(_LANE, state)
    total = sums.over.get(state, 0) if folded else recent + apart
    return BoardColumn.of(
        None,
        nombre=words.STATES[state],
        estado=state.value,
        en_te_necesita=apart,
        plegada=folded,
        recientes=recent,
        **{**shared, "total": total},
    )


def card_of(
    row: Any,  # noqa: ANN401 — a row
    principal: Principal,
    pace: Pace | None,
    now: datetime,
    *,
    own_orders: bool,
) -> dict[str, Any]:
    """Return the card of a row of the board's statement, with the acts that `principal` may do."""
    acts = acts_on_order(row, principal, own_orders=own_orders, question=row.asked)
    promised = _promise(row, now)
    estimate = estimate_of(row.estado, row.hours, row.progreso, pace, now)
    late = promised is not None and promised["tarde"]
    return BoardCard.of(
        row,
        razon=reason_of(row, decides=Act.APROBAR in acts),
        hitos=_milestones(row),
        promesa=promised,
        estimado=range_document(estimate),
        en_riesgo=late or is_at_risk(estimate, row.promised_until),
        actos=[act.value for act in acts],
    )


def reason_of(row: Any, *, decides: bool) -> Sentence | None:  # noqa: ANN401 — a row or an order
    """Return what keeps an order, or what is wanted of a person; None if it goes on by itself.

    Args:
        row: an order, with `trouble` of its wait for the machine.
        decides: whether the reader may decide about its plan.
    """
    state, waits = OrderState(row.estado), row.espera
    if state is OrderState.FALLIDO:
        failure: Mapping[str, str] = row.fallo or {}
        return words.failed(failure.get("estado"), failure.get("causa"))
    if state in _FOLDED:
        return None
    if (
        state is OrderState.PLANIFICACION
        and row.plan_estado == PlanStatus.PENDIENTE_APROBACION
        and waits is None
    ):
        return words.plan_waits(row.plan_version, corrected=False, decides=decides)
    if waits is not None:
        return _waiting(row, WaitsFor(waits))
    if row.queued_at is not None:
        return words.QUEUED
    return None if row.silence is None else words.SILENT[Silence(row.silence)]


def _waiting(row: Any, waits: WaitsFor) -> Sentence:  # noqa: ANN401 — a row
    match waits:
        case WaitsFor.PERSONA:
            return words.review_waits(row.retrabajos + 1)
        case WaitsFor.CLIENTE:
            return words.WAITS_FOR_CLIENT
        case WaitsFor.OPERADOR:
            return words.QUESTION
        case WaitsFor.PRESUPUESTO:
            return words.BUDGET
        case WaitsFor.MAQUINA:
            return words.machine_waits(row.trouble)


def _milestones(row: Any) -> list[dict[str, Any]]:  # noqa: ANN401 — a row
    """Return the plan's milestones; the first that is missing says how the order stands."""
    done = set(row.done)
    state = _state_of_next(row)
    found: list[dict[str, Any]] = []
    for planned in row.milestones or ():
        verified = planned["id"] in done
        found.append(
            BoardMilestone.of(
                None,
                id=planned["id"],
                nombre=planned["nombre"],
                horas=planned["estimacion_horas"],
                estado="verificado" if verified else state,
            )
        )
        if not verified:
            state = "pendiente"
    return found


def _state_of_next(row: Any) -> MilestoneState:  # noqa: ANN401 — a row
    state = OrderState(row.estado)
    failure: Mapping[str, str] = row.fallo or {}
    if state is OrderState.FALLIDO and failure.get("estado") == OrderState.CONSTRUCCION:
        return "fallo"
    if state is not OrderState.CONSTRUCCION or row.queued_at is not None:
        return "pendiente"
    return "en_curso" if row.espera is None else "espera"


def _promise(row: Any, now: datetime) -> dict[str, Any] | None:  # noqa: ANN401 — a row
    if row.promised_from is None or row.promised_until is None:
        return None
    # The clock stands still while the client owes an answer.
    reached = row.entregado_at or row.paused_at or now
    ended = row.estado == OrderState.CANCELADO
    return BoardPromise.of(
        None,
        desde=timestamp(row.promised_from),
        hasta=timestamp(row.promised_until),
        pausada_desde=timestamp(row.paused_at),
        tarde=not ended and reached > row.promised_until,
    )
