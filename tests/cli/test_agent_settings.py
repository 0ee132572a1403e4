"""Who builds is checked at start-up: a factory does not take orders that it cannot have built."""

import sys
from pathlib import Path

import pytest

from axon_factory.adapters.sandbox import Sandbox
from axon_factory.bootstrap.adapters import builders_of
from axon_factory.ports.builder import BuildRequest
from axon_factory.ports.errors import PortError
from axon_factory.settings import Settings, SettingsInvalid, load_settings
from tests.support.builds import make_request


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"BUILDER": "http"}, "AXON_AGENT_HTTP_URL is required by the builder http"),
        ({"BUILDER_BY_TYPE": "webhook_service=http"}, "AXON_AGENT_HTTP_URL is required"),
        ({"AGENT_HTTP_URL": "http://agent.example"}, "must start with https://"),
        ({"AGENT_HTTP_URL": "ftp://agent.example"}, "AXON_AGENT_HTTP_URL"),
        ({"AGENT_HTTP_URL": "https://agent.example/v1/"}, "AXON_AGENT_HTTP_URL"),
        ({"BUILDER": "a2a"}, "AXON_AGENT_A2A_URL is required by the builder a2a"),
        ({"AGENT_A2A_URL": "http://agent.example"}, "AXON_AGENT_A2A_URL must start with https://"),
        ({"BUILDER": "httpx"}, "AXON_BUILDER"),
    ],
)
def test_settings_that_no_order_could_be_built_with(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], complaint: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"AXON_{name}", value)
    with pytest.raises(SettingsInvalid, match=complaint):
        load_settings()


@pytest.mark.parametrize("url", ["https://agent.example/v1", "http://127.0.0.1:8", "http://[::1]"])
def test_an_agent_is_far_over_https_or_near(url: str) -> None:
    assert load_settings(builder="http", agent_http_url=url).agent_http_url == url


async def _start(settings: Settings, request: BuildRequest) -> None:
    sandbox = Sandbox(Path(sys.executable), bubblewrap=False)
    await builders_of(settings, sandbox).start(request, idempotency_key="k")


async def test_a_configured_agent_goes_on_with_its_orders_whoever_builds_new_ones(
    tmp_path: Path,
) -> None:
    request = make_request(tmp_path / "product", builder="http")
    with pytest.raises(PortError, match="no responde"):
        await _start(load_settings(agent_http_url="http://127.0.0.1:9"), request)
    with pytest.raises(PortError, match="no tiene el constructor 'http'"):
        await _start(load_settings(), request)


async def test_an_a2a_agent_is_offered_where_it_is_configured(tmp_path: Path) -> None:
    request = make_request(tmp_path / "product", builder="a2a")
    with pytest.raises(PortError, match="No hay conexión con el agente A2A"):
        await _start(load_settings(agent_a2a_url="http://127.0.0.1:9"), request)
