"""Going on where one was, slow readers, and filters of several orders."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from axon_factory.realtime import following, outbox
from tests.realtime.made import append_entries, made_update
from tests.realtime.sockets import Socket, deaf, frame, opened, token_of
from tests.support.workshop import Workshop


@pytest.fixture
async def staff(workshop: Workshop) -> AsyncIterator[Socket]:
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
        yield socket


async def test_who_comes_back_with_a_sequence_misses_nothing(
    workshop: Workshop, staff: Socket
) -> None:
    order_id = await workshop.place()
    await append_entries(workshop.container.database, order_id, 700)
    assert (await staff.subscribe(order_id, desde=1))["seq"] == 701
    seen = [(await staff.next())["seq"] for _ in range(700)]
    assert seen == list(range(2, 702))
    await workshop.patch(order_id, logs=[{"mensaje": "después"}])
    assert (await staff.next())["seq"] == 702


async def test_nothing_is_lost_between_what_was_and_what_comes(workshop: Workshop) -> None:
    """Readers subscribe while the order is being written to."""
    order_id = await workshop.place()
    total = 60

    async def write() -> None:
        for n in range(total):
            await workshop.patch(order_id, logs=[{"mensaje": f"entrada {n}"}])

    async def read() -> list[int]:
        async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
            await socket.subscribe(order_id, desde=0)
            seen = await socket.until(lambda message: message.get("seq") == total + 1)
            return [message["seq"] for message in seen]

    writing = asyncio.create_task(write())
    readers: list[asyncio.Task[list[int]]] = []
    for _ in range(10):
        readers.append(asyncio.create_task(read()))
        await asyncio.sleep(0.02)
    for seen in await asyncio.gather(*readers):
        assert seen == list(range(1, total + 2))
    await writing


@pytest.mark.parametrize("since", [0, 5000])
async def test_who_missed_too_much_is_told_to_read_again(
    workshop: Workshop, staff: Socket, monkeypatch: pytest.MonkeyPatch, since: int
) -> None:
    monkeypatch.setattr(following, "MOST_REPLAYED", 10)
    order_id = await workshop.place()
    await append_entries(workshop.container.database, order_id, 20)
    assert (await staff.subscribe(order_id, desde=since))["type"] == "subscribed"
    resync = await staff.next()
    assert (resync["type"], resync["order_id"], resync["seq"]) == ("resync", str(order_id), 21)
    await workshop.patch(order_id, logs=[{"mensaje": "después"}])
    assert (await staff.next())["seq"] == 22


async def test_filters_resume_with_the_cursor_of_the_last_update(workshop: Workshop) -> None:
    mark = uuid4().hex
    first, second = [await workshop.place(tags=[mark]) for _ in range(2)]
    url, token = workshop.http.base_url, token_of(workshop.headers["key_lectura"])
    async with opened(url, token) as socket:
        begun = await socket.subscribe(filtros={"tag": [mark]})
        await workshop.patch(first, logs=[{"mensaje": "uno"}])
        seen = await socket.next()
        assert begun["cursor"] != seen["cursor"]
    await workshop.patch(second, logs=[{"mensaje": "dos"}])
    await workshop.place()  # of nobody's interest
    await workshop.patch(first, logs=[{"mensaje": "tres"}])
    async with opened(url, token) as socket:
        again = await socket.subscribe(filtros={"tag": [mark]}, desde=seen["cursor"])
        assert again["cursor"] == seen["cursor"]
        rest = [await socket.next() for _ in range(2)]
        assert [one["last_log"]["mensaje"] for one in rest] == ["dos", "tres"]
        await workshop.patch(second, logs=[{"mensaje": "cuatro"}])
        assert (await socket.next())["last_log"]["mensaje"] == "cuatro"
    async with opened(url, token) as socket:  # from the beginning of the first connection
        await socket.subscribe(filtros={"tag": [mark]}, desde=begun["cursor"])
        rest = [(await socket.next())["last_log"]["mensaje"] for _ in range(4)]
        assert rest == ["uno", "dos", "tres", "cuatro"]


async def test_a_cursor_of_another_database_is_told_to_read_again(staff: Socket) -> None:
    begun = await staff.subscribe(filtros={}, desde="AAAAAAAAACqV2nXo1vT3Ew")
    assert begun["type"] == "subscribed"
    resync = await staff.next()
    assert (resync["type"], resync["filtros"]) == ("resync", {})


async def test_a_filter_of_states_tells_of_orders_that_leave_them(
    workshop: Workshop, staff: Socket
) -> None:
    mark = uuid4().hex
    order_id = await workshop.place(tags=[mark])
    await staff.subscribe(filtros={"estado": ["nuevo", "planificacion"], "tag": mark})
    await workshop.patch(order_id, logs=[{"mensaje": "aquí"}])
    assert (await staff.next())["last_log"]["mensaje"] == "aquí"
    await workshop.patch(order_id, estado="cancelado")
    assert (await staff.next())["estado"] == "cancelado"
    await staff.quiet()


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({"tipo_producto": "autopilot_whatsapp"}, True),
        ({"tipo_producto": "webhook_service"}, False),
        ({"prioridad": ["alta", "normal"]}, True),
        ({"prioridad": ["urgente"]}, False),
        ({"cliente_id": "cliente-dueño"}, True),
        ({"cliente_id": "otro"}, False),
        ({"estado": ["nuevo"]}, True),
        ({"estado": ["qa"]}, False),
        ({"tag": ["otra"]}, False),
    ],
)
async def test_each_filter_of_the_board(
    workshop: Workshop, staff: Socket, filters: dict[str, Any], *, passes: bool
) -> None:
    mark = uuid4().hex
    order_id = await workshop.place(tags=[mark])
    tags = [mark, *filters.get("tag", [])]
    assert (await staff.subscribe(filtros={**filters, "tag": tags}))["type"] == "subscribed"
    await workshop.patch(order_id, logs=[{"mensaje": "algo"}])
    probe = await workshop.place()
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as other:
        await other.subscribe(probe)
        await workshop.patch(probe, logs=[{"mensaje": "hasta aquí"}])
        await other.next()  # the fan-out is as far as this
    await staff.send({"type": "unsubscribe", "filtros": {}})
    seen = await staff.until(lambda message: message["type"] == "unsubscribed")
    assert [one["order_id"] for one in seen if "last_log" in one] == [str(order_id)] * passes


async def test_new_filters_replace_those_before_and_can_be_left(
    workshop: Workshop, staff: Socket
) -> None:
    first, second = uuid4().hex, uuid4().hex
    one, two = await workshop.place(tags=[first]), await workshop.place(tags=[second])
    await staff.subscribe(filtros={"tag": first})
    await staff.subscribe(filtros={"tag": second})
    await workshop.patch(one, logs=[{"mensaje": "de los de antes"}])
    await workshop.patch(two, logs=[{"mensaje": "de los nuevos"}])
    assert (await staff.next())["last_log"]["mensaje"] == "de los nuevos"
    await staff.send({"type": "unsubscribe", "filtros": {}})
    assert await staff.next() == {"type": "unsubscribed", "filtros": {"tag": [second]}}
    await workshop.patch(two, logs=[{"mensaje": "nadie escucha"}])
    await staff.quiet()


async def test_who_never_reads_harms_nobody_and_is_brought_up_to_date(workshop: Workshop) -> None:
    """What waits is bounded: the newest of each order stays, and the rest of the order is read."""
    database, url = workshop.container.database, str(workshop.http.base_url)
    order_id = await workshop.place()
    token = token_of(workshop.headers["admin"])
    with await deaf(url) as lazy:
        lazy.sendall(frame({"type": "auth", "token": token}))
        lazy.sendall(frame({"type": "subscribe", "order_id": str(order_id)}))
        async with opened(url, token) as other:
            await other.subscribe(order_id)
            last = 1
            for _ in range(20):  # more than the kernel keeps for who does not read
                await append_entries(database, order_id, 100, "x" * 1900)
                seen = await other.until(lambda message, last=last: message["seq"] == last + 100)
                assert len(seen) == 100  # who reads gets each of them
                last += 100
        told = await asyncio.to_thread(_read_until, lazy, f'"seq":{last}}}'.encode())
    assert 20 < told < 1900  # neither all nor none


def _read_until(reader: socket.socket, end: bytes) -> int:
    """Return how many updates come up to the one that ends like this."""
    came = b""
    while end not in came[-4096:]:
        came += reader.recv(2**20)
    return came.count(b'"order_update"')


async def test_too_many_orders_for_one_queue_are_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    queue = outbox.Outbox()
    monkeypatch.setattr(outbox, "_MOST_ORDERS", 2)
    monkeypatch.setattr(outbox, "_MOST", 5)
    for n in range(6):
        queue.put((made_update(n), False))
    assert queue.is_lapsed
    assert not queue


async def test_what_is_coalesced_stays_in_the_order_of_the_feed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbox, "_MOST", 5)
    queue = outbox.Outbox()
    queue.put(b"primero")
    for position, order in enumerate((1, 2, 1, 3, 2)):
        queue.put((made_update(order, position=position), order == 1))
    left = [one if isinstance(one, bytes) else one[0].news.position for one in queue.take()]
    assert left == [b"primero", 2, 3, 4]
