"""The feed of all events: commit order, without a gap and without a double, for each caller."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from axon_factory.db.sessions import Database
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.events import EventKind, NewEvent, Visibility
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.permissions import Grant, Principal, Role
from axon_factory.orders import feed
from axon_factory.orders.events import append_event
from axon_factory.orders.feed import FeedPage, FeedQuery, newest_cursor, read_feed
from axon_factory.orders.read import lock_order_by_id
from tests.support.workshop import ADMIN

Event = tuple[UUID, int]

PLACE = text(
    """
    INSERT INTO orders (id, order_number, slug, tipo_producto, nombre_producto, datos_cliente,
        cliente_id, precio, moneda, catalogo, tenant, created_by)
    VALUES (:id, :number, lower(:number), 'autopilot_whatsapp', 'Bot',
        '{"nombre": "A", "email": "a@example.com", "configuracion": {}}', :client, 1, 'USD',
        '{"id": "autopilot_whatsapp", "version": 1}', 't', 't')
    """
)
OWNER = Principal("user:1", "Ana", Role.CLIENT, Grant.CLIENT_OWN, client_id="ana")


async def place(database: Database, number: int, client: str | None = None) -> UUID:
    order_id = uuid4()
    values = {"id": order_id, "number": f"ORD-2026-{number:03d}", "client": client}
    async with database.transaction("test") as session:
        await session.execute(PLACE, values)
    return order_id


async def tell(
    database: Database,
    order_id: UUID,
    *,
    count: int = 1,
    kind: EventKind = EventKind.ACTUALIZACION,
    visibility: Visibility = Visibility.CLIENTE,
    written: asyncio.Event | None = None,
    commit: asyncio.Event | None = None,
) -> None:
    """Append events in one transaction, which stays open from `written` until `commit` is set."""
    async with database.transaction("test") as session:
        order = await lock_order_by_id(session, order_id)
        for _ in range(count):
            event = NewEvent(kind=kind, agent="QA Agent", message="m", visibility=visibility)
            await append_event(session, order, event, actor=ADMIN.actor, now=datetime.now(UTC))
        if written is not None:
            written.set()
        if commit is not None:
            await commit.wait()


class Reader:
    """Asks for what follows what it has, and keeps all that it got."""

    def __init__(self, database: Database, limit: int = 200, by: Principal = ADMIN) -> None:
        self.database, self.limit, self.by = database, limit, by
        self.after: str | None = None
        self.seen: list[Event] = []

    async def poll(self) -> FeedPage:
        async with self.database.reading() as session:
            query = FeedQuery(after=self.after, limit=self.limit)
            page = await read_feed(session, query, self.by)
        self.seen += events_of(page)
        self.after = page.cursor
        return page

    async def catch_up(self) -> list[Event]:
        while (await self.poll()).more:
            pass
        return self.seen


def events_of(page: FeedPage) -> list[Event]:
    return [(entry.event.order_id, entry.event.seq) for entry in page.entries]


async def test_a_transaction_that_stays_open_is_neither_skipped_nor_waited_for(
    database: Database,
) -> None:
    slow, quick = await place(database, 1), await place(database, 2)
    reader, written, commit = Reader(database), asyncio.Event(), asyncio.Event()
    held = asyncio.create_task(tell(database, slow, count=3, written=written, commit=commit))
    await written.wait()
    for number in range(1, 6):
        await tell(database, quick)
        await reader.poll()  # what others commit meanwhile does not wait for the open one
        assert reader.seen == [(quick, seq) for seq in range(1, number + 1)]
    commit.set()
    await held
    await tell(database, quick)
    await reader.poll()
    assert reader.seen[5:] == [(slow, 1), (slow, 2), (slow, 3), (quick, 6)]
    assert (await reader.poll()).entries == ()


async def test_a_commit_that_has_its_number_is_not_overtaken(database: Database) -> None:
    first, second, reader = await place(database, 1), await place(database, 2), Reader(database)
    async with database.transaction("test") as session:
        order = await lock_order_by_id(session, first)
        event = NewEvent(kind=EventKind.ACTUALIZACION, agent="a", message="m")
        await append_event(session, order, event, actor=ADMIN.actor, now=datetime.now(UTC))
        # What the commit does first, so that the rest of the commit can be made to last.
        await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        other = asyncio.create_task(tell(database, second))
        await asyncio.wait({other}, timeout=0.3)
        await reader.poll()
        assert (reader.seen, other.done()) == ([], False)
    await other
    assert await reader.catch_up() == [(first, 1), (second, 1)]


async def test_nothing_is_skipped_or_repeated_while_many_commit(database: Database) -> None:
    chance = random.Random(13)  # noqa: S311 — a schedule, no secret
    orders = [await place(database, number) for number in range(1, 7)]
    done = asyncio.Event()

    async def write(order_id: UUID) -> None:
        for _ in range(8):
            commit = asyncio.Event()
            asyncio.get_running_loop().call_later(chance.random() / 40, commit.set)
            await tell(database, order_id, count=chance.randint(1, 3), commit=commit)

    async def read(reader: Reader) -> Sequence[Event]:
        while not done.is_set():
            await reader.poll()
        return await reader.catch_up()

    readers = [asyncio.create_task(read(Reader(database, limit))) for limit in (1, 7, 200)]
    await asyncio.gather(*(write(order_id) for order_id in orders))
    done.set()
    results = await asyncio.gather(*readers)
    async with database.reading() as session:
        rows = await session.execute(text("SELECT order_id, seq FROM order_events"))
        everything = {(row.order_id, row.seq) for row in rows}
    for seen in results:
        assert len(seen) == len(set(seen))
        assert set(seen) == everything
        assert seen == results[0]  # the same order for all of them
        for order_id in orders:
            assert [seq for one, seq in seen if one == order_id] == sorted(
                seq for one, seq in everything if one == order_id
            )


async def test_what_is_rolled_back_never_appears(database: Database) -> None:
    order_id, reader = await place(database, 1), Reader(database)
    written, forever = asyncio.Event(), asyncio.Event()
    held = asyncio.create_task(tell(database, order_id, written=written, commit=forever))
    await written.wait()
    held.cancel()
    await asyncio.wait({held})
    await tell(database, order_id)
    assert await reader.catch_up() == [(order_id, 1)]


async def test_callers_read_what_is_theirs_and_filters_narrow_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_WINDOW", 3)  # pages end between events that do not fit
    ana, berta = await place(database, 1, "ana"), await place(database, 2, "berta")
    for order_id in (berta, ana, berta, berta, berta, ana, berta):
        await tell(database, order_id)
    await tell(database, ana, visibility=Visibility.INTERNO)
    await tell(database, ana, kind=EventKind.ENTREGADO)

    async def read(by: Principal = ADMIN, **filters: object) -> list[Event]:
        seen: list[Event] = []
        query = FeedQuery(limit=2, **filters)  # pyright: ignore[reportArgumentType] — by name
        while True:
            async with database.reading() as session:
                page = await read_feed(session, query, by)
            seen += events_of(page)
            if not page.more:
                return seen
            query = FeedQuery(after=page.cursor, limit=2, **filters)  # pyright: ignore[reportArgumentType] — by name

    assert await read(OWNER) == [(ana, 1), (ana, 2), (ana, 4)]
    assert await read(OWNER, client_ids=["berta"]) == []
    assert (
        await read(client_ids=["ana"])
        == await read(order_id=ana)
        == [(ana, seq) for seq in range(1, 5)]
    )
    assert await read(kinds=[EventKind.ENTREGADO]) == [(ana, 4)]
    assert len(await read()) == 9


async def test_the_events_of_one_order_come_at_once_however_many_others_there_are(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_WINDOW", 3)
    busy, quiet = await place(database, 1), await place(database, 2)
    await tell(database, busy, count=10)
    await tell(database, quiet, count=3)
    await tell(database, busy, count=10)
    async with database.reading() as session:
        first = await read_feed(session, FeedQuery(order_id=quiet, limit=2), ADMIN)
        assert (events_of(first), first.more) == ([(quiet, 1), (quiet, 2)], True)
        query = FeedQuery(order_id=quiet, after=first.cursor, limit=2)
        rest = await read_feed(session, query, ADMIN)
        assert (events_of(rest), rest.more) == ([(quiet, 3)], False)
        assert rest.cursor == await newest_cursor(session)


@pytest.mark.parametrize("cursor", ["", "x", "!", "AAAA", "A" * 22, "ñ", "A" * 400])
async def test_what_is_no_cursor_is_refused(database: Database, cursor: str) -> None:
    await tell(database, await place(database, 1))
    async with database.reading() as session:
        with pytest.raises(ValidationFailed) as refusal:
            await read_feed(session, FeedQuery(after=cursor), ADMIN)
    assert set(refusal.value.details or {}) == {"after"}


async def test_a_cursor_of_another_history_is_refused(database: Database) -> None:
    """After a restore the same positions hold other events: going on would skip some."""
    first, second = await place(database, 1), await place(database, 2)
    await tell(database, first, count=2)
    async with database.reading() as session:
        cursor = await newest_cursor(session)
    async with database.transaction("test") as session:  # as a restore and other events would
        await session.execute(text("ALTER TABLE feed_positions DISABLE TRIGGER USER"))
        await session.execute(text("DELETE FROM feed_positions"))
        await session.execute(text("ALTER TABLE feed_positions ALTER position RESTART"))
        await session.execute(text("ALTER TABLE feed_positions ENABLE TRIGGER USER"))
    await tell(database, second, count=3)
    async with database.reading() as session:
        with pytest.raises(ValidationFailed):
            await read_feed(session, FeedQuery(after=cursor), ADMIN)


async def test_the_end_is_where_what_comes_begins(database: Database) -> None:
    order_id = await place(database, 1)
    async with database.reading() as session:
        assert await newest_cursor(session) is None
    await tell(database, order_id, count=3)
    async with database.reading() as session:
        cursor = await newest_cursor(session)
    await tell(database, order_id)
    async with database.reading() as session:
        page = await read_feed(session, FeedQuery(after=cursor), ADMIN)
    assert events_of(page) == [(order_id, 4)]


async def test_an_upgrade_numbers_what_was_there_and_changes_no_listener(
    database_url: str, database: Database
) -> None:
    migration = import_module("axon_factory.db.migrations.versions.0012_feed_and_webhooks")
    order_id = await place(database, 1)
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute(migration.DOWN)
    await tell(database, order_id, count=3)
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        await connection.execute(
            "INSERT INTO notification_destinations (id, kind, name, host, events, sealed, "
            "created_at, created_by) VALUES (gen_random_uuid(), 'slack', 'todo', 'h', '{}', '{}', "
            "now(), 't'), (gen_random_uuid(), 'slack', 'una', 'h', '{orden.fallida}', '{}', "
            "now(), 't')"
        )
        await connection.execute(migration.UP)
    assert await Reader(database).catch_up() == [(order_id, seq) for seq in (1, 2, 3)]
    async with database.reading() as session:
        rows = await session.execute(
            text("SELECT name, events FROM notification_destinations ORDER BY name")
        )
        everything, one = (row.events for row in rows)
    assert one == ["orden.fallida"]
    assert set(everything) < set(NotificationKind)
    assert set(NotificationKind) - set(everything) == {
        "orden.creada",
        "orden.estado_cambiado",
        "orden.plan_listo",
        "orden.aprobada",
        "orden.lista",
        "orden.cancelada",
        # Made after that upgrade.
        "producto.caido",
        "producto.recuperado",
        "linea.maquina",
        "prueba",
    }
