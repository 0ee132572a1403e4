"""An order may name who builds it, among those that this factory has."""

from pathlib import Path

import pytest

from axon_factory.bootstrap.options import policy_of
from axon_factory.domain.states import OrderState
from axon_factory.settings import load_settings
from tests.support.copies import order_in
from tests.support.workshop import Workshop, example_order, make_container


async def test_the_order_keeps_the_builder_that_it_names(workshop: Workshop) -> None:
    order_id = await order_in(workshop, OrderState.CONSTRUCCION, construye="templates")
    assert (await workshop.show(order_id))["construye"] == "templates"
    assert (await workshop.show(order_id, "operator"))["construye"] == "templates"
    assert "construye" not in await workshop.show(order_id, "owner")


@pytest.mark.parametrize(
    ("named", "sentence"),
    [
        ("a2a", "Esta fábrica no tiene ese constructor. Opciones: templates"),
        ("marte", None),
        (1, None),
    ],
)
async def test_a_builder_that_is_not_there_is_refused(
    workshop: Workshop, named: object, sentence: str | None
) -> None:
    for query in ("", "?dry_run=true"):
        answer = await workshop.http.post(
            f"/api/orders{query}",
            json=example_order(construye=named),
            headers=workshop.headers["admin"],
        )
        assert answer.status_code == 400, answer.text
        assert list(answer.json()["details"]) == ["construye"]
        assert sentence in {None, answer.json()["details"]["construye"]}


def test_whoever_is_configured_is_offered(tmp_path: Path) -> None:
    container = make_container("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    container.passwords.close()
    settings = load_settings(
        agent_http_url="http://127.0.0.1:1",
        builder="a2a",
        agent_a2a_url="http://127.0.0.1:2",
        agent_command_program=Path("/usr/bin/true"),
    )
    offered = policy_of(settings, container.portal_links).agents.offered
    assert offered == {"templates", "http", "a2a", "command"}
    assert policy_of(load_settings(), container.portal_links).agents.offered == {"templates"}
