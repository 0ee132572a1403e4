"""Incidents of products: opened and closed once each, and told to the factory's people (§5.6)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from axon_factory.db.tables import Order, ProductIncident, ProductMachine
from axon_factory.domain.events import EventKind, LogLevel
from axon_factory.domain.names import OPS
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.product_watch import TROUBLES, ProductTrouble
from axon_factory.orders.change import Change
from axon_factory.orders.notifications.desk import how_to_act, line_page, order_page
from axon_factory.orders.notifications.outbox import notify, post_message
from axon_factory.orders.policy import Policy

__all__ = ["Downtime", "ProductsDown", "ProductsSeen", "note_products", "read_products_down"]

_FRESH = timedelta(seconds=60)
"""A machine that has not said for so long what it watches watches nothing."""
_FORGOTTEN = timedelta(days=1)
_WORSE = frozenset(
    {ProductTrouble.SIN_RESPUESTA, ProductTrouble.PUERTO_OCUPADO, ProductTrouble.BUCLE}
)
"""An open incident that becomes one of these is told again."""
_MOST_AT_ONCE = 500

# The same condition as in the partial index `orders_running_idx`.
_SHALL_RUN = """
    orders.deployment_open AND orders.deploy_url IS NOT NULL
    AND orders.estado IN ('listo', 'entregado')
"""
# Rows that another transaction has locked are looked at next time: the watch waits for no lock.
_CONCERNED = text(
    f"""
    WITH concerned AS (
        SELECT id FROM orders WHERE {_SHALL_RUN} AND slug = ANY (:troubled)
        UNION SELECT order_id FROM product_incidents WHERE closed_at IS NULL
    )
    SELECT orders.id, ({_SHALL_RUN}) AS shall_run FROM orders JOIN concerned USING (id)
    ORDER BY orders.id LIMIT :at_once
    FOR UPDATE OF orders SKIP LOCKED
    """  # noqa: S608 — a constant of this file
)
_UNWATCHED = f"""
    FROM orders WHERE {_SHALL_RUN} AND slug NOT IN (
        SELECT unnest(slugs) FROM product_machines WHERE checked_at > :fresh
    )
"""  # noqa: S608 — a constant of this file
_COUNT_UNWATCHED = text(f"SELECT count(*) {_UNWATCHED}")
_UNWATCHED_SLUGS = text(f"SELECT slug {_UNWATCHED} ORDER BY slug LIMIT :at_once")
_DOWN = text(
    """
    SELECT o.id, o.order_number, i.kind, i.opened_at
    FROM product_incidents i JOIN orders o ON o.id = i.order_id
    WHERE i.closed_at IS NULL ORDER BY i.opened_at, o.order_number
    """
)


@dataclass(frozen=True, slots=True)
class ProductsSeen:
    """What one machine's watch says of its `slugs`.

    `products` has the trouble of each product that was looked at, None for one that runs.
    """

    machine: str
    slugs: frozenset[str]
    products: Mapping[str, ProductTrouble | None]
    watched_since: datetime


@dataclass(frozen=True, slots=True)
class Downtime:
    """An open incident."""

    order_id: UUID
    order_number: str
    trouble: ProductTrouble
    since: datetime


@dataclass(frozen=True, slots=True)
class ProductsDown:
    """Products in trouble, the oldest incident first, and how many others no machine watches."""

    down: Sequence[Downtime]
    unwatched: int
    """From the machines of these no worker has been heard for a minute."""


async def read_products_down(session: AsyncSession, now: datetime) -> ProductsDown:
    """Look which of the products that should run do not."""
    rows = (await session.execute(_DOWN)).all()
    down = [Downtime(row[0], row[1], ProductTrouble(row[2]), row[3]) for row in rows]
    unwatched = await session.scalar(_COUNT_UNWATCHED, {"fresh": now - _FRESH})
    return ProductsDown(down, unwatched or 0)


async def note_products(
    session: AsyncSession, seen: ProductsSeen, policy: Policy, now: datetime
) -> None:
    """Open and close the incidents of the products that one machine has looked at.

    Each is told once when it opens, again when it turns out worse, and once when it is over. An
    order whose row is locked by another transaction is left for the next call.
    """
    await _note_machine(session, seen, now)
    products = {**await _abandoned(session, seen, now), **seen.products}
    opened, closed = list[_Told](), list[_Told]()
    for order, shall_run, incident in await _concerned(session, products):
        trouble = products.get(order.slug)
        if not shall_run or (trouble is None and order.slug in products):
            if incident is not None:
                incident.closed_at = now
                if shall_run:
                    closed.append(_Told(order, incident))
        elif trouble is not None and _opens(incident, trouble):
            opened.append(_Told(order, await _open(session, order, incident, trouble, seen, now)))
    if opened:
        await _tell(session, opened, policy, now, over=False)
    if closed:
        await _tell(session, closed, policy, now, over=True)


@dataclass(frozen=True, slots=True)
class _Told:
    order: Order
    incident: ProductIncident


def _opens(incident: ProductIncident | None, trouble: ProductTrouble) -> bool:
    return incident is None or (incident.kind != trouble and trouble in _WORSE)


async def _note_machine(session: AsyncSession, seen: ProductsSeen, now: datetime) -> None:
    values = {
        "slugs": sorted(seen.slugs),
        "watched_since": seen.watched_since,
        "checked_at": now,
    }
    statement = insert(ProductMachine).values(machine=seen.machine, **values)
    update = statement.on_conflict_do_update(index_elements=["machine"], set_=values)
    await session.execute(update)
    await session.execute(
        text("DELETE FROM product_machines WHERE checked_at < :old"), {"old": now - _FORGOTTEN}
    )


async def _abandoned(
    session: AsyncSession, seen: ProductsSeen, now: datetime
) -> dict[str, ProductTrouble]:
    """Return the products that no machine watches; none before the others could say so."""
    if now - seen.watched_since < _FRESH:
        return {}
    parameters = {"fresh": now - _FRESH, "at_once": _MOST_AT_ONCE}
    found = await session.scalars(_UNWATCHED_SLUGS, parameters)
    return dict.fromkeys(found, ProductTrouble.SIN_MAQUINA)


async def _concerned(
    session: AsyncSession, products: Mapping[str, ProductTrouble | None]
) -> Sequence[tuple[Order, bool, ProductIncident | None]]:
    """Lock the orders that a look may change, and return each with its open incident."""
    parameters = {
        "troubled": [slug for slug, trouble in products.items() if trouble is not None],
        "at_once": _MOST_AT_ONCE,
    }
    shall_run = {row[0]: row[1] for row in (await session.execute(_CONCERNED, parameters)).all()}
    if not shall_run:
        return []
    orders = await session.scalars(select(Order).where(col(Order.id).in_(shall_run)))
    incidents = await _open_incidents(session, shall_run)
    return [(one, shall_run[one.id], incidents.get(one.id)) for one in orders]


async def _open_incidents(
    session: AsyncSession, orders: Collection[UUID]
) -> dict[UUID, ProductIncident]:
    found = await session.scalars(
        select(ProductIncident).where(
            col(ProductIncident.order_id).in_(orders), col(ProductIncident.closed_at).is_(None)
        )
    )
    return {incident.order_id: incident for incident in found}


async def _open(
    session: AsyncSession,
    order: Order,
    incident: ProductIncident | None,
    trouble: ProductTrouble,
    seen: ProductsSeen,
    now: datetime,
) -> ProductIncident:
    detail = str(TROUBLES[trouble])
    if incident is None:
        incident = ProductIncident(
            order_id=order.id, kind=trouble, detail=detail, machine=seen.machine, opened_at=now
        )
        session.add(incident)
    incident.kind, incident.detail, incident.machine = trouble, detail, seen.machine
    await session.flush()
    return incident


async def _tell(
    session: AsyncSession, told: Sequence[_Told], policy: Policy, now: datetime, *, over: bool
) -> None:
    """Write an internal event a product, tell who listens, and write one mail for all of them."""
    for one in told:
        change = Change(session, one.order, OPS, policy, now)
        await _tell_staff(change, one.incident, over=over)
        await change.touch()
        kind = NotificationKind.PRODUCTO_RECUPERADO if over else NotificationKind.PRODUCTO_CAIDO
        await notify(session, one.order, kind, topic=_topic(one, over=over), now=now)
    first = told[0]
    many = f"{len(told)} productos"
    name = first.order.order_number if len(told) == 1 else many
    state = "en marcha de nuevo" if over else "sin marchar"
    page = order_page(policy, first.order) if len(told) == 1 else line_page(policy)
    advice = (
        "No hay nada que hacer.\n"
        if over
        else "La fábrica los inicia de nuevo por sí sola y avisa cuando vuelvan. Los registros "
        "están en deployments/<producto>/logs.\n\n" + how_to_act("Para mirar", page, "axon doctor")
    )
    await post_message(
        session,
        first.order if len(told) == 1 else None,
        topic=_topic(first, over=over),
        recipient=policy.approver_email,
        subject=f"{name}: {state}",
        body="\n".join(_line(one, now, over=over) for one in told) + f"\n\n{advice}",
        now=now,
    )


def _topic(told: _Told, *, over: bool) -> str:
    return f"incidente:{told.incident.id}:{'fin' if over else told.incident.kind}"


def _line(told: _Told, now: datetime, *, over: bool) -> str:
    order = told.order
    what = f"tras {_duration(told.incident, now)}" if over else told.incident.detail
    return f"{order.order_number} ({order.nombre_producto}, {order.deploy_url}): {what}"


def _duration(incident: ProductIncident, now: datetime) -> str:
    seconds = round((now - incident.opened_at).total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"  # noqa: PLR2004 — two minutes


async def _tell_staff(change: Change, incident: ProductIncident, *, over: bool) -> None:
    if over:
        await change.tell_staff(
            EventKind.PRODUCTO_RECUPERADO,
            f"El producto está de nuevo en marcha tras {_duration(incident, change.now)}",
            level=LogLevel.SUCCESS,
            incidente=incident.id,
        )
        return
    await change.tell_staff(
        EventKind.PRODUCTO_CAIDO,
        f"El producto no está en marcha: {incident.detail}",
        level=LogLevel.ERROR,
        incidente=incident.id,
        causa=incident.kind,
    )
