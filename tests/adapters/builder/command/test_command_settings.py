"""What the settings of `command` must be, and how a wrong one is told."""

import os
import sys
from pathlib import Path

import pytest

from axon_factory.adapters.builder.command import PROFILES, find_program
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.bootstrap.adapters import command_builder_of
from axon_factory.settings import Settings, SettingsInvalid, load_settings
from tests.support.command_agents import agent_program


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AXON_AGENT")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


def chosen(tmp_path: Path, **changes: object) -> Settings:
    program = agent_program(tmp_path)
    given = {"builder": "command", "agent_command_program": program, "data_dir": tmp_path}
    return load_settings(**(given | changes))


def options(settings: Settings, sandbox: Sandbox) -> object:
    builder = command_builder_of(settings, sandbox)
    assert builder is not None
    return builder._options


def test_what_is_set_reaches_the_builder(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MI_CLAVE", "valor")
    monkeypatch.setenv("AXON_AGENT_COMMAND_ENVIRONMENT", "MI_CLAVE")
    monkeypatch.setenv("AXON_AGENT_COMMAND_FOLDERS", str(tmp_path))
    monkeypatch.setenv("AXON_AGENT_COMMAND_ARGUMENTS", "-c 'a = 1'")
    found = options(chosen(tmp_path, agent_command_profile="codex"), sandbox)
    assert found.profile is PROFILES["codex"]  # pyright: ignore[reportAttributeAccessIssue]
    assert found.secrets == {"MI_CLAVE": "valor"}  # pyright: ignore[reportAttributeAccessIssue]
    assert found.arguments == ("-c", "a = 1")  # pyright: ignore[reportAttributeAccessIssue]
    assert found.folders == (tmp_path.resolve(),)  # pyright: ignore[reportAttributeAccessIssue]


def test_nothing_is_looked_for_where_command_is_not_chosen(sandbox: Sandbox) -> None:
    assert command_builder_of(load_settings(), sandbox) is None


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PROGRAM", "/no/hay", "/no/hay is no program that can be run"),
        ("PROGRAM", "", "opencode is no program that can be run"),
        ("PROFILE", "otro", "AXON_AGENT_COMMAND_PROFILE"),
        ("ENVIRONMENT", "NO_EXISTE", "names what this process does not have: NO_EXISTE"),
        ("ENVIRONMENT", "AXON_SECRET_KEY", "AXON_SECRET_KEY is not for agents"),
        ("ENVIRONMENT", "PATH", "PATH is not for agents"),
        ("ENVIRONMENT", "A-B", "'A-B' cannot name a variable"),
        ("FOLDERS", "/no/hay", "not there: /no/hay"),
        ("ARGUMENTS", "-c 'abierto", "is not quoted as in a shell"),
        ("MINUTES", "0", "AXON_AGENT_COMMAND_MINUTES"),
    ],
)
def test_a_wrong_setting_is_told_in_a_sentence(
    name: str,
    value: str,
    sentence: str,
    tmp_path: Path,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AXON_BUILDER", "command")
    if name != "PROGRAM":
        monkeypatch.setenv("AXON_AGENT_COMMAND_PROGRAM", str(agent_program(tmp_path)))
    if value:
        monkeypatch.setenv(f"AXON_AGENT_COMMAND_{name}", value)
    with pytest.raises(SettingsInvalid, match=sentence):
        command_builder_of(load_settings(data_dir=tmp_path), sandbox)


def test_a_program_brings_what_it_needs_and_no_more(tmp_path: Path) -> None:
    package = tmp_path / "lib/node_modules/@a/agente/bin/agente.js"
    package.parent.mkdir(parents=True)
    package.write_text("#!/usr/bin/env sh\n", encoding="utf-8")
    package.chmod(0o755)
    link = tmp_path / "bin" / "agente"
    link.parent.mkdir()
    link.symlink_to(package)
    found = find_program(link, "x")
    assert found.path == package.resolve()
    assert found.visible == ((tmp_path / "lib/node_modules").resolve(),)
    alone = tmp_path / "secreto" / "agente"
    alone.parent.mkdir()
    alone.write_bytes(b"\x7fELF")
    alone.chmod(0o755)
    assert find_program(alone, "x").visible == (alone,)
    script = find_program(agent_program(tmp_path / "p"), "x")
    assert tmp_path / "p" not in script.visible
    assert any(str(path) in sys.prefix for path in script.visible)
