"""`/ws/orders`: the documented messages, in order, to whom they are for."""

import asyncio
import gc
import weakref
from uuid import uuid4

import pytest

from axon_factory.api.http_protocol import ServerLimits
from axon_factory.api.websocket_protocol import FrameProtocol
from axon_factory.bootstrap.application import application_of
from axon_factory.realtime.connection import Connection
from tests.realtime.sockets import handshake, opened, token_of
from tests.support.server import running
from tests.support.workshop import Workshop


async def test_auth_and_subscribe_sent_together_are_answered_in_order(workshop: Workshop) -> None:
    order_id = await workshop.place()
    async with opened(workshop.http.base_url) as socket:
        await socket.send(
            {"type": "auth", "token": token_of(workshop.headers["owner"])},
            {"type": "subscribe", "order_id": str(order_id)},
        )
        accepted = await socket.next()
        assert (accepted["type"], accepted["rol"]) == ("auth_ok", "client")
        assert accepted["vence_at"]
        assert await socket.next() == {
            "type": "subscribed",
            "order_id": str(order_id),
            "seq": 1,
            "estado": "nuevo",
            "progreso": 0,
        }
        await workshop.patch(order_id, logs=[{"mensaje": "uno"}])
        update = await socket.next()
        assert set(update) == {"type", "order_id", "estado", "progreso", "last_log", "seq"}
        assert (update["type"], update["seq"]) == ("order_update", 2)
        assert update["last_log"]["mensaje"] == "uno"


async def test_an_order_is_followed_by_its_number_too(workshop: Workshop) -> None:
    order_id = await workshop.place()
    number = (await workshop.order(order_id)).order_number
    async with opened(workshop.http.base_url, token_of(workshop.headers["key_lectura"])) as socket:
        assert (await socket.subscribe(number))["order_id"] == str(order_id)


async def test_unsubscribing_ends_the_updates(workshop: Workshop) -> None:
    order_id = await workshop.place()
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
        await socket.subscribe(order_id)
        await socket.send({"type": "unsubscribe", "order_id": str(order_id)})
        assert await socket.next() == {"type": "unsubscribed", "order_id": str(order_id)}
        await workshop.patch(order_id, logs=[{"mensaje": "nadie escucha"}])
        await asyncio.sleep(0.1)
        await socket.quiet()


async def test_an_order_that_there_is_not_is_an_error_as_in_the_api(workshop: Workshop) -> None:
    missing = str(uuid4())
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
        assert await socket.subscribe(missing) == {
            "type": "error",
            "codigo": "orden_no_encontrada",
            "message": f"No order exists with ID: {missing}",
            "order_id": missing,
        }
        await socket.quiet()


async def test_what_one_order_does_is_told_to_nobody_who_follows_another(
    workshop: Workshop,
) -> None:
    first, second = await workshop.place(), await workshop.place()
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
        await socket.subscribe(first)
        await workshop.patch(second, logs=[{"mensaje": "de otra"}])
        await workshop.patch(first, logs=[{"mensaje": "de esta"}])
        assert (await socket.next())["last_log"]["mensaje"] == "de esta"


async def test_subscribing_twice_tells_once(workshop: Workshop) -> None:
    order_id = await workshop.place()
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
        await socket.subscribe(order_id)
        await socket.subscribe(order_id)
        await socket.subscribe(filtros={"cliente_id": "cliente-dueño"})
        await workshop.patch(order_id, logs=[{"mensaje": "una vez"}])
        update = await socket.next()
        assert update["last_log"]["mensaje"] == "una vez"
        assert update["cursor"]
        await socket.quiet()


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("esto no es JSON", "type"),
        ("[]", "type"),
        ("{}", "type"),
        ('{"type":"otra"}', "type"),
        ('{"type":"subscribe"}', "body"),
        ('{"type":"subscribe","order_id":7}', "order_id"),
        ('{"type":"subscribe","order_id":"x","filtros":{}}', "body"),
        ('{"type":"subscribe","filtros":{"estado":"volando"}}', "filtros.estado.0"),
        ('{"type":"subscribe","filtros":{"color":"rojo"}}', "filtros.color"),
        ('{"type":"subscribe","filtros":{},"desde":7}', "body"),
        ('{"type":"subscribe","order_id":"x","desde":-1}', None),
        ('{"type":"unsubscribe"}', "body"),
        ('{"type":"ping","mas":1}', "mas"),
        ("[" * 8000, "type"),
        (b"\x00\x01", "body"),
        ("\ud7ff", "type"),
    ],
)
async def test_a_wrong_message_is_an_error_that_names_the_field(
    workshop: Workshop, message: str | bytes, field: str | None
) -> None:
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
        await socket.send_raw(message)
        error = await socket.next()
        assert (error["type"], error["codigo"]) == ("error", "validacion")
        assert error["message"]
        if field is not None:
            assert list(error["details"]) == [field]
        await socket.quiet()


async def test_errors_are_in_english_by_choice(workshop: Workshop) -> None:
    async with opened(
        workshop.http.base_url,
        token_of(workshop.headers["admin"]),
        headers={"Accept-Language": "en"},
    ) as socket:
        await socket.send_raw('{"type":"otra"}')
        assert "One of" in (await socket.next())["message"]


async def test_a_message_that_is_too_large_ends_the_connection(workshop: Workshop) -> None:
    async with opened(workshop.http.base_url) as socket:
        await socket.send_raw("x" * 20_000)
        assert (await socket.closed())[0] == 1009


async def test_a_flood_of_messages_ends_the_connection(workshop: Workshop) -> None:
    async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
        for _ in range(300):
            await socket.send_raw('{"type":"ping"}')
        seen = await socket.until(lambda message: message["type"] == "error")
        assert seen[-1]["codigo"] == "demasiados_mensajes"
        assert await socket.closed() == (4429, "demasiados_mensajes")


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81\x05hola!",  # not masked
        b"\xf1\x80" + bytes(4),  # reserved bits
        b"\x83\x80" + bytes(4),  # an opcode that there is not
        b"\x80\x80" + bytes(4),  # goes on with nothing
        b"\x89\xfe\x00\x7e" + bytes(4) + bytes(126),  # a ping that is too long
        b"\x81\xff\x7f" + b"\xff" * 7 + bytes(4),  # nine exabytes
        b"\x81\x82" + bytes(4) + b"\xff\xfe",  # no UTF-8
    ],
)
async def test_a_hostile_frame_harms_nobody_else(workshop: Workshop, frame: bytes) -> None:
    order_id = await workshop.place()
    url = workshop.http.base_url
    async with opened(url, token_of(workshop.headers["admin"])) as other:
        await other.subscribe(order_id)
        reader, writer = await handshake(str(url))
        writer.write(frame)
        async with asyncio.timeout(5):
            end = await reader.read()
        assert end[:1] == b"\x88"  # it says that it closes
        assert int.from_bytes(end[2:4]) in {1002, 1007, 1009}
        writer.close()
        await workshop.patch(order_id, logs=[{"mensaje": "sigue"}])
        assert (await other.next())["last_log"]["mensaje"] == "sigue"


async def test_a_connection_outlives_the_time_of_a_request(workshop: Workshop) -> None:
    """The clock of requests stops where the connection becomes a WebSocket's."""
    app = application_of(workshop.container)
    async with (
        running(app, ServerLimits(request_timeout_seconds=0.2)) as http,
        opened(http.base_url, token_of(workshop.headers["admin"])) as socket,
    ):
        await asyncio.sleep(0.5)
        await socket.quiet()


async def test_an_ended_connection_leaves_nothing_to_the_collector(workshop: Workshop) -> None:
    """Connections are out of its sight (`realtime.memory`), so that it would not find them."""
    order_id = await workshop.place()
    gc.collect()
    gc.disable()
    try:
        async with opened(workshop.http.base_url, token_of(workshop.headers["admin"])) as socket:
            await socket.subscribe(order_id)
            await socket.subscribe(filtros={})
            [one] = [weakref.ref(one) for one in gc.get_objects() if type(one) is Connection]
            [wire] = [weakref.ref(one) for one in gc.get_objects() if type(one) is FrameProtocol]
        async with asyncio.timeout(5):
            while one() is not None or wire() is not None:  # noqa: ASYNC110 — it has no event
                await asyncio.sleep(0.01)
    finally:
        gc.enable()
