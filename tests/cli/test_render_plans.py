"""What a terminal tells of a plan's models, and where commands say that the API is."""

from pathlib import Path
from typing import Any

import pytest

from axon_factory.cli.context import as_served
from axon_factory.cli.plans import render_plans
from axon_factory.db.embedded import DataDirLock
from axon_factory.settings import load_settings

NOTHING_USED = {
    "llamadas": 0,
    "tokens_entrada": 0,
    "tokens_salida": 0,
    "costo_usd": None,
    "llamadas_sin_precio": 0,
    "presupuesto_usd": None,
}
ONE_CALL = {"llamadas": 1, "tokens_entrada": 900, "tokens_salida": 300}


@pytest.mark.parametrize(
    ("usage", "told"),
    [
        ({}, ["ninguna llamada", "el de la configuración"]),
        (ONE_CALL | {"llamadas_sin_precio": 1}, ["1 llamada, 1200 tokens, 1 sin precio conocido"]),
        (ONE_CALL | {"costo_usd": "0.0120"}, ["1 llamada, 1200 tokens, 0.012 USD"]),
        (
            ONE_CALL | {"llamadas": 3, "llamadas_sin_precio": 1, "costo_usd": "2.0000"},
            ["3 llamadas, 1200 tokens, 2 USD, 1 sin precio conocido"],
        ),
        ({"presupuesto_usd": "5.0000"}, ["5 USD"]),
    ],
)
def test_an_order_without_a_plan_tells_what_models_used(
    usage: dict[str, Any], told: list[str]
) -> None:
    shown = "\n".join(render_plans({"planes": [], "uso": NOTHING_USED | usage}))
    for text in ("Todavía no hay un plan.", *told):
        assert text in shown


def test_links_name_the_address_at_which_axon_up_serves(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    assert as_served(settings).base_url == settings.base_url
    with DataDirLock(tmp_path) as lock:
        assert as_served(settings).base_url == settings.base_url  # it does not serve yet
        lock.publish(url="http://127.0.0.1:8471")
        assert as_served(settings).base_url == "http://127.0.0.1:8471"
