"""What a process loads before it does anything: each of its starts waits for that."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_SERVER = """
from axon_factory.cli.serve import load_application
from axon_factory.bootstrap import Container
from axon_factory.settings import load_settings
from pathlib import Path
container = Container(load_settings(data_dir=Path("{data}")), "postgresql://nobody@127.0.0.1:1/none")
load_application().application_of(container)
"""
_WORKER = "import axon_factory.cli.worker, axon_factory.bootstrap.line"
_COMMANDS = "import axon_factory.cli.orders, axon_factory.cli.line"
_MODELS = {"mcp", "mcp_types", "pydantic_ai", "a2a", "openai", "anthropic"}
_FOR_FEW = {"alembic", "cryptography", "jsonschema", "jwt", "phonenumbers", "zxcvbn"}
_NOT_LOADED = {
    _SERVER: {
        *_MODELS,
        *_FOR_FEW,
        "axon_factory.adapters.builder",
        "axon_factory.line",
        "axon_factory.worker",
        "copier",
        "httpx2",
        "jinja2",
        "procrastinate",
        "supervisor",
    },
    _WORKER: {*_MODELS, *_FOR_FEW, "axon_factory.api", "axon_factory.web", "fastapi", "uvicorn"},
    _COMMANDS: {*_MODELS, *_FOR_FEW, "fastapi", "uvicorn"},
}
_LIBRARIES = "import fastapi, psycopg, sqlmodel, sqlalchemy.ext.asyncio"
_MOST = 3.0
_TRIES = 4


@pytest.mark.parametrize("program", _NOT_LOADED, ids=["serve", "worker", "commands"])
def test_what_a_process_does_without(program: str, tmp_path: Path) -> None:
    loaded = _run(f"{program.format(data=tmp_path)}\nimport sys; print(*sys.modules)").split()

    assert _NOT_LOADED[program].isdisjoint(loaded), _NOT_LOADED[program] & set(loaded)


def test_a_server_starts_in_three_times_what_its_libraries_take(tmp_path: Path) -> None:
    """In CPU seconds measured beside them, once more if the machine was busier for one of both."""
    program = _SERVER.format(data=tmp_path)
    ratios: list[float] = []
    while len(ratios) < _TRIES and min(ratios, default=_MOST) >= _MOST:
        ratios.append(_seconds(program) / _seconds(_LIBRARIES))

    assert min(ratios) < _MOST, ratios


def _seconds(program: str) -> float:
    words = ("import gc, time", "gc.disable()", program, "print(time.process_time())")
    return float(_run("\n".join(words)))


def _run(program: str) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={name: value for name, value in os.environ.items() if not name.startswith("AXON_")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stdout
