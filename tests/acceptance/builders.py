"""The four builders as the acceptance test has them: outside agents are processes of their own.

Each rests after its first milestone until a gate is opened, so that the worker is killed while its
agent is at work.
"""

import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.acceptance.program import START_SECONDS, eventually, free_port, is_open
from tests.support.agent_server import agent_process
from tests.support.command_agents import SOURCE, agent_program, told

__all__ = ["BUILDERS", "OutsideAgent", "outside_agent"]

_ROOT = Path(__file__).parents[2]
_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class OutsideAgent:
    """An agent, and what can be seen where it works."""

    folder: Path
    """Where it works; the templates have nothing here."""
    environment: Mapping[str, str]
    """What the factory is told of it, in variables of its processes."""
    records: Path
    """Where there is a file for each session that it was ever asked for."""
    pattern: str = "*.json"

    def open_gate(self) -> None:
        """Let it go on after its first milestone."""
        _gate(self.folder).touch()

    def started(self) -> list[Path]:
        """Return a file for each session that it has ever started."""
        return sorted(self.records.glob(self.pattern))

    def token(self) -> str | None:
        """Return the system token that the agent was given with its order, if any."""
        given = [json.loads(path.read_text(encoding="utf-8")) for path in self.started()]
        tokens = {token for one in given for token in _members(one, "system_token")}
        assert len(tokens) <= 1
        return next(iter(tokens), None)


def _members(value: Any, name: str) -> Generator[str]:  # noqa: ANN401 — any JSON value
    """Yield what stands under a name anywhere in a document."""
    if isinstance(value, dict):
        for key, member in value.items():
            if key == name:
                yield member
            yield from _members(member, name)
    elif isinstance(value, list):
        for item in value:
            yield from _members(item, name)


def _gate(folder: Path) -> Path:
    return folder / "gate" / "open"


@contextmanager
def _templates(folder: Path, _data_dir: Path) -> Generator[OutsideAgent]:
    yield OutsideAgent(folder, {}, folder)


@contextmanager
def _http(folder: Path, _data_dir: Path) -> Generator[OutsideAgent]:
    with agent_process(folder, _gate(folder)) as url:
        yield OutsideAgent(folder, {"AXON_AGENT_HTTP_URL": url}, folder)


@contextmanager
def _a2a(folder: Path, _data_dir: Path) -> Generator[OutsideAgent]:
    port = free_port()
    words = ("--port", str(port), "--folder", str(folder), "--gate", str(_gate(folder)))
    agent = [sys.executable, "-m", "tests.support.a2a_agent", *words, "--push"]
    with subprocess.Popen(agent, cwd=_ROOT, start_new_session=True) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            assert eventually(lambda: is_open(url), START_SECONDS)
            yield OutsideAgent(folder, {"AXON_AGENT_A2A_URL": url}, folder)
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)


@contextmanager
def _command(folder: Path, data_dir: Path) -> Generator[OutsideAgent]:
    gate = _gate(folder)
    steps = (["say", "Empiezo"], ["build", 1], ["wait", str(gate)], ["build"], ["finish"])
    settings = {
        "AXON_AGENT_COMMAND_PROGRAM": str(agent_program(folder)),
        "AXON_AGENT_COMMAND_FOLDERS": f"{SOURCE},{gate.parent}",
        "AXON_AGENT_COMMAND_ENVIRONMENT": "FAKE_AGENT",
    }
    environment = told("opencode", *steps)
    yield OutsideAgent(folder, settings | environment, data_dir / "sessions", "*/run-*.json")


_BUILDERS = {"templates": _templates, "http": _http, "a2a": _a2a, "command": _command}
BUILDERS = tuple(_BUILDERS)


@contextmanager
def outside_agent(builder: str, folder: Path, data_dir: Path) -> Generator[OutsideAgent]:
    """Start a builder's agent, working in `folder`, for the factory in `data_dir`."""
    _gate(folder).parent.mkdir(parents=True)
    with _BUILDERS[builder](folder, data_dir) as agent:
        yield agent
