"""What is not the caller's does not exist for them."""

from collections.abc import Mapping
from uuid import UUID

import pytest

from axon_factory.domain.states import OrderState
from tests.support.workshop import Headers, Workshop

NOBODYS_ORDER = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize("suffix", ["", "/logs", "/result"])
async def test_other_peoples_orders_look_like_none(
    workshop: Workshop, templates: Mapping[OrderState, UUID], suffix: str
) -> None:
    headers = workshop.headers["other"]
    theirs = str(templates[OrderState.LISTO])
    answer = await workshop.http.get(f"/api/orders/{theirs}{suffix}", headers=headers)
    nothing = await workshop.http.get(f"/api/orders/{NOBODYS_ORDER}{suffix}", headers=headers)
    assert answer.status_code == nothing.status_code == 404
    hidden = (nothing.text.replace(NOBODYS_ORDER, "X"), answer.text.replace(theirs, "X"))
    assert hidden[0] == hidden[1]


async def test_client_lists_only_their_own(workshop: Workshop) -> None:
    mine = await workshop.place(tags=["de-quien"])
    await workshop.place(tags=["de-quien"], cliente_id="cliente-ajeno")
    answer = await workshop.http.get("/api/orders?tag=de-quien", headers=workshop.headers["owner"])
    assert answer.json()["total"] == 1
    assert [order["id"] for order in answer.json()["orders"]] == [str(mine)]


async def test_attempt_token_dies_with_its_attempt(
    workshop: Workshop, credentials: Mapping[str, Headers]
) -> None:
    order_id = await workshop.placed_in(OrderState.QA)
    token = await workshop.attempt_token(order_id)
    path = f"/api/orders/{order_id}"
    assert (await workshop.http.get(path, headers=token)).status_code == 200
    await workshop.patch(order_id, estado="construccion", motivo="No pasa")
    assert (await workshop.http.get(path, headers=token)).status_code == 401


async def test_who_asks_is_asked_before_what(workshop: Workshop) -> None:
    answer = await workshop.http.request(
        "PATCH", f"/api/orders/{NOBODYS_ORDER}", json={}, headers={"If-Match": "no es un ETag"}
    )
    assert answer.status_code == 401


async def test_a_method_that_an_address_lacks_is_told_so_whatever_it_brings(
    workshop: Workshop,
) -> None:
    answer = await workshop.http.request("DELETE", "/api/orders", json={"motivo": "x"})
    assert answer.status_code == 405
