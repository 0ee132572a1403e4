"""What an agent that means ill can reach, and what of its files can mislead us."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from axon_factory.adapters.sandbox import Sandbox
from axon_factory.ports.errors import PortError
from tests.support.command_agents import MILESTONES, Bench, command_options
from tests.support.products import git

Open = Callable[..., Bench]


@pytest.fixture
def bench(tmp_path: Path, sandbox: Sandbox) -> Open:
    """Return what opens a bench whose agent takes the given steps."""

    def make(*steps: Any, **changes: Any) -> Bench:  # noqa: ANN401 — see command_options
        return Bench(tmp_path, sandbox, command_options(tmp_path, *steps, **changes))

    return make


async def probed(at: Bench) -> dict[str, Any]:
    await at.run()
    return json.loads(git(at.request.product_dir, "show", "main:probe.json"))


@pytest.mark.parametrize("network", [pytest.param(True, marks=pytest.mark.proven("agents")), False])
async def test_an_agent_sees_and_writes_its_own_only(
    network: bool, bench: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    secret, outside = tmp_path / "secret.key", tmp_path / "escrito"
    secret.write_text("valor", encoding="utf-8")
    monkeypatch.setenv("AXON_SECRET_KEY", "no-es-para-agentes")
    at = bench(["probe", port], ["everything"], network=network)
    options = at.builder._options
    extra = {"PROBE_SECRET": str(secret), "PROBE_WRITE": str(outside)}
    at = at.again(replace(options, secrets={**options.secrets, **extra}))
    async with server:
        found = await probed(at)
    assert found["/etc/shadow"] == found[str(secret)] == "FileNotFoundError"
    assert "written" not in {found["/usr/escrito"], found["/etc/escrito"], found[str(outside)]}
    assert not outside.exists()
    assert (found["network"] == "reached") is network
    assert found["uid"] != 0
    assert found["environment"]["PWD"] == str(at.workspace)
    assert found["processes"] < 10
    own = {"PATH", "HOME", "LANG", "FAKE_AGENT", *extra, *options.profile.environment}
    assert set(found["environment"]) - {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"} == own
    written = "".join(
        path.read_text(errors="replace")
        for path in at.session.rglob("*")
        if path.is_file() and "datos" not in path.parts
    )
    assert "FAKE_AGENT" not in written


@pytest.mark.proven("agents")
async def test_without_bubblewrap_it_works_and_says_why(
    bench: Open, sandbox: Sandbox, tmp_path: Path
) -> None:
    at = bench(["everything"], ["finish"])
    plain = Sandbox(sandbox.python, bubblewrap=False)
    at = Bench(tmp_path, plain, at.builder._options)
    seen = await at.run()
    assert len(seen.milestones) == 3
    assert "desactivado" in await plain.probe()


@pytest.mark.proven("agents")
async def test_links_and_settings_of_the_agent_lead_nowhere(bench: Open) -> None:
    at = bench(
        ["link", "PREGUNTA.json", "/etc/hostname"],
        ["link", "../.entrega.bundle", "/etc/hostname"],
        ["git", "config", "core.fsmonitor", "touch ../escrito; false"],
        ["everything"],
    )
    seen = await at.run()
    assert not any(report.questions for report in seen.reports)
    assert seen.milestones == list(MILESTONES)


async def test_a_workspace_that_is_a_link_is_not_followed(bench: Open, tmp_path: Path) -> None:
    foreign = tmp_path / "ajeno"
    foreign.mkdir()
    (foreign / "PREGUNTA.json").write_text('{"pregunta": "secreto"}', encoding="utf-8")
    at = bench(["finish"])
    session = await at.start()
    with pytest.raises(PortError, match="sin dejar"):
        await at.watch(session)
    at.workspace.rename(at.workspace.with_name("otro"))
    at.workspace.symlink_to(foreign)
    with pytest.raises(PortError, match="no se puede guardar"):
        await at.watch(session)


async def test_no_secret_reaches_prompt_data_or_logs(bench: Open) -> None:
    at = bench(["say", "Uso sk-proveedor-123456 y AXK-valor-secreto"], ["everything"])
    options = at.builder._options
    at = at.again(replace(options, secrets={**options.secrets, "CLAVE": "AXK-valor-secreto"}))
    planted = {
        "stripe_secret_key": "planted-1",
        "nota": "password: planted-2 y Bearer planted-3-token",
        "anidado": [{"api_key": "planted-4", "url": "https://u:planted-5@h/x"}],
        "idioma": "es",
    }
    client = {"nombre": "Empresa sk-planted-6-abcdef", "email": "a@b.c"}
    at.request = replace(at.request, configuration=planted, client=client)
    seen = await at.run()
    given = "".join(
        path.read_text(encoding="utf-8")
        for path in (*(at.session / "datos").iterdir(), at.session / "goal.md")
    )
    assert "planted" not in given
    assert '"idioma": "es"' in given
    (said,) = (log.message for log in seen.logs if log.message.startswith("Uso"))
    assert said == "Uso [secreto omitido] y [secreto omitido]"
