"""`/ws/orders`: the documented messages, in order, to whom they are for."""

import asyncio
from uuid import uuid4

from tests.realtime.sockets import opened, token_of
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
