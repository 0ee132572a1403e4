"""Orders whose data were erased: nothing waits about them, and no page of theirs fails."""

from axon_factory.domain.states import OrderState
from tests.api.desk.conftest import Pages
from tests.support.copies import order_in


async def test_an_erased_order_is_read_and_waits_for_nobody(pages: Pages) -> None:
    order_id = await order_in(pages.workshop, OrderState.QA)
    await pages.workshop.patch(order_id, tags=["borrada"], estado="fallido")
    assert [one["clase"] for one in await pages.pending(order_id)] == ["fallo"]
    number = (await pages.workshop.show(order_id))["order_number"]
    await pages.act(order_id, "erase", motivo="Solicitud del titular", orden=number)
    assert await pages.pending(order_id) == []
    found = await pages.get(f"/api/orders/{order_id}/timeline")
    assert found["paradas"][3]["situacion"] == "fallo"
    board = await pages.get("/api/board", limit=200)
    cards = {one["id"]: one for one in board["te_necesita"]["tarjetas"]}
    assert cards[str(order_id)]["actos"] == []
    brief = await pages.workshop.http.get(
        f"/api/orders/{order_id}/plans/1/brief", headers=pages.workshop.headers["admin"]
    )
    assert brief.status_code == 404
