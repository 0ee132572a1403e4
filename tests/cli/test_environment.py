"""Commands read the settings that the factory has, without loading them."""

import os
from pathlib import Path

import pytest

from axon_factory.api.list_parameters import ListParameters
from axon_factory.cli import orders
from axon_factory.cli.environment import KNOWN_NAMES, data_folder
from axon_factory.settings import Settings, load_settings


def test_every_setting_is_known() -> None:
    assert {f"AXON_{name.upper()}" for name in Settings.model_fields} == KNOWN_NAMES


@pytest.mark.parametrize(
    "variables",
    [{}, {"XDG_DATA_HOME": "/x/data"}, {"AXON_DATA_DIR": "/x/axon", "XDG_DATA_HOME": "/x/data"}],
)
def test_the_data_folder_is_the_factory_s(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name in ("AXON_DATA_DIR", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert data_folder(None) == load_settings().data_dir
    assert data_folder(Path("/given")) == Path("/given")


def test_a_list_has_every_filter_of_the_api() -> None:
    options = set(orders.list_all.__annotations__)
    renamed = {"tipo_producto": "tipo"}
    assert {renamed.get(name, name) for name in ListParameters.model_fields} <= options


def test_the_language_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "AXON_LANG", "en")
    assert load_settings().lang == "en"
