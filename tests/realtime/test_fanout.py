"""The fan-out of a process: one read for all, and nothing lost by what can be lost."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from axon_factory.db.embedded import EmbeddedPostgres
from axon_factory.db.migrate import migrate
from axon_factory.orders.events import CHANNEL
from axon_factory.realtime import fanout
from axon_factory.realtime.update import Update
from tests.realtime.made import append_entries
from tests.realtime.sockets import Socket, opened, token_of
from tests.support.workshop import Workshop, open_workshop

_LISTENERS = f"""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND query LIKE 'LISTEN%{CHANNEL}%'
"""  # noqa: S608 — a constant


async def test_a_change_is_read_once_and_made_once_for_all_who_listen(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = await workshop.place()
    read: list[int] = []
    made: list[UUID] = []
    read_news, document = fanout.read_news, getattr(Update, "_document")  # noqa: B009 — counted

    async def counted(connection: Any, after: int) -> Any:  # noqa: ANN401 — as it is
        found = await read_news(connection, after)
        read.extend(news.seq for news in found if news.order_id == order_id)
        return found

    def noted(update: Update, *given: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401 — as it is
        if update.order_id == order_id:
            made.append(update.order_id)
        return document(update, *given, **options)

    monkeypatch.setattr(fanout, "read_news", counted)
    monkeypatch.setattr(Update, "_document", noted)
    url, headers = workshop.http.base_url, workshop.headers
    async with contextlib.AsyncExitStack() as stack:
        readers: list[Socket] = []
        for name in ("admin", "owner"):
            for _ in range(8):
                socket = await stack.enter_async_context(opened(url, token_of(headers[name])))
                await socket.subscribe(order_id)
                readers.append(socket)
        answer = await stack.enter_async_context(
            workshop.http.stream(
                "GET",
                f"/api/orders/{order_id}/stream",
                headers={**headers["admin"], "Last-Event-ID": "1"},
            )
        )
        lines = answer.aiter_lines()
        await anext(lines)  # it is let in
        await append_entries(workshop.container.database, order_id, 1)
        for socket in readers:
            assert (await socket.next())["seq"] == 2
        async for line in lines:
            if line == "id: 2":
                break
    assert read == [2]
    assert len(made) == 2  # one for staff, one for clients: the stream took that of staff


async def test_a_lost_notification_costs_time_and_no_update(workshop: Workshop) -> None:
    order_id = await workshop.place()
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
        await socket.subscribe(order_id)
        await append_entries(workshop.container.database, order_id, 3, notify=False)
        async with asyncio.timeout(5):
            assert [(await socket.next())["seq"] for _ in range(3)] == [2, 3, 4]


async def test_a_connection_that_no_longer_listens_is_replaced(workshop: Workshop) -> None:
    order_id = await workshop.place()
    database = workshop.container.database
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
        await socket.subscribe(order_id)
        await append_entries(database, order_id, 1)
        assert (await socket.next())["seq"] == 2
        async with database.raw() as connection:
            found = await (await connection.execute(_LISTENERS)).fetchall()
            assert found  # somebody listened
        await append_entries(database, order_id, 1)
        assert (await socket.next())["seq"] == 3
        await asyncio.sleep(0.5)  # until it listens again
        started = asyncio.get_running_loop().time()
        await append_entries(database, order_id, 1)
        assert (await socket.next())["seq"] == 4
        assert asyncio.get_running_loop().time() - started < 1.5  # woken, not looked


async def test_a_restarted_postgresql_costs_nobody_their_connection(tmp_path: Path) -> None:
    folder = tmp_path / "pg"
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(EmbeddedPostgres(folder))
        await migrate(server.dsn)
        workshop = await stack.enter_async_context(open_workshop(server.dsn, tmp_path / "data"))
        order_id = await workshop.place()
        socket = await stack.enter_async_context(
            opened(workshop.http.base_url, token_of(workshop.headers["admin"]))
        )
        await socket.subscribe(order_id)
        await server.stop()
        await socket.quiet()  # it stays
        await socket.send({"type": "subscribe", "order_id": str(order_id)})
        refused = await socket.next()
        assert (refused["type"], refused["codigo"]) == ("error", "no_disponible")
        again = await stack.enter_async_context(EmbeddedPostgres(folder))
        assert again.dsn == server.dsn
        async with asyncio.timeout(20):
            answer = await socket.subscribe(order_id, desde=1)
            while answer["type"] == "error":
                await asyncio.sleep(0.2)
                answer = await socket.subscribe(order_id, desde=1)
        await append_entries(workshop.container.database, order_id, 2)
        assert [(await socket.next())["seq"] for _ in range(2)] == [2, 3]


async def test_shutting_down_says_so(tmp_path: Path, database_url: str) -> None:
    async with open_workshop(database_url, tmp_path) as workshop:
        order_id = await workshop.place()
        async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
            await socket.subscribe(order_id)
            await workshop.container.end_streams()
            assert (await socket.next())["codigo"] == "reinicio"
            assert await socket.closed() == (1012, "reinicio")
