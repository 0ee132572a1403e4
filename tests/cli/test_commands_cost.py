"""What a command loads and costs: each of its uses waits for that."""

import asyncio
import os
import statistics
import subprocess
import sys

from tests.cli.program import Program, surroundings

_HEAVY = frozenset(
    {
        *("sqlalchemy", "sqlmodel", "pydantic", "pydantic_settings", "fastapi", "starlette"),
        *("psycopg", "procrastinate", "rich", "structlog", "httpx2", "asyncio", "cryptography"),
        *("mcp", "pydantic_ai", "uvicorn", "alembic", "jwt"),
    }
)
_SERVER = frozenset({"fastapi", "mcp", "pydantic_ai"})
_CLIENTS = ("main", "orders", "pending", "line", "access", "notifications", "audit")
_LIBRARIES = "import sqlalchemy.ext.asyncio, pydantic"
_MOST = {"orders list": 0.9, "line status --json": 0.9, "orders --help": 0.5, "keys --help": 0.5}
"""The most processor time of commands, where importing `_LIBRARIES` takes 1."""
_ROUNDS = 3


def loaded_by(statements: str) -> set[str]:
    program = f"import sys\n{statements}\nprint(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return set(ended.stdout.split())


def test_a_client_loads_no_library_of_the_factory() -> None:
    assert (
        _HEAVY & loaded_by("import " + ", ".join(f"axon_factory.cli.{one}" for one in _CLIENTS))
        == set()
    )


def test_the_worker_loads_no_server_and_no_model() -> None:
    assert _SERVER & loaded_by("import axon_factory.cli.worker") == set()


async def test_a_whole_command_loads_no_library_of_the_factory(axon: Program) -> None:
    answer = await axon.having(PYTHONPROFILEIMPORTTIME="1").fresh("orders", "list", "--limit", "3")
    assert answer.code == 0, answer
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in answer.err.splitlines()}
    assert "axon_factory" in names
    assert _HEAVY & names == set()


def cpu_of(*words: str, environment: dict[str, str]) -> float:
    """Run Python and return its processor time in seconds, which load hardly changes."""
    before = os.times()
    subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, check=True, timeout=60
    )
    after = os.times()
    spent = after.children_user + after.children_system
    return spent - before.children_user - before.children_system


async def test_a_command_costs_less_than_the_libraries_that_it_does_without(axon: Program) -> None:
    environment = {**surroundings(), **axon.environment}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def ratios() -> list[float]:
        libraries = cpu_of("-c", _LIBRARIES, environment=environment)
        return [
            cpu_of("-m", "axon_factory", *words.split(), environment=environment) / libraries
            for words in _MOST
        ]

    rounds = [await asyncio.to_thread(ratios) for _ in range(_ROUNDS)]
    medians = map(statistics.median, zip(*rounds, strict=True))
    costs = dict(zip(_MOST, medians, strict=True))
    assert {words: cost for words, cost in costs.items() if cost > _MOST[words]} == {}
