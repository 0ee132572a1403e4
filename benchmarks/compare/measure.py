"""Answers are checked, then every contender is loaded in turn, round after round."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.compare.contenders import ROOT, Served
from benchmarks.compare.data import ENTRIES, LISTED_STATES, order_id
from benchmarks.compare.load import Job, Load

__all__ = ["Sample", "WrongAnswer", "check_answers", "measure", "tree_seconds"]

_TICKS = os.sysconf("SC_CLK_TCK")
_NUMBER = re.compile(r"ORD-\d{4}-(\d{3,})")
_CHECKED = 17


class WrongAnswer(Exception):
    """A contender answers something else than the others."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender, one operation, one round."""

    contender: str
    operation: str
    round: int
    requests: int
    seconds: float
    server_seconds: float
    """CPU of the server's processes."""
    database_seconds: float
    """CPU of PostgreSQL."""


async def check_answers(served: Served, orders: int) -> None:
    """Ask each operation once and compare what counts in the answer.

    Raises:
        WrongAnswer: it is not what every contender has to answer.
    """
    fields = dict(served.contender.fields)
    base = f"http://127.0.0.1:{served.port}"
    async with httpx2.AsyncClient(base_url=base, headers=fields, timeout=60) as client:
        one = await _ask(served, client, "GET", f"/api/orders/{order_id(_CHECKED)}")
        logs = one["logs"]
        _require(served, len(logs) == ENTRIES, f"{len(logs)} entries in the log")
        name = one["datos_cliente"]["nombre"]
        _require(served, name == "Empresa XYZ S.A.", f"a client called {name}")
        state = LISTED_STATES[0]
        page = await _ask(served, client, "GET", f"/api/orders?estado={state}&limit=20")
        expected = orders // len(LISTED_STATES)
        _require(served, page["total"] == expected, f"a total of {page['total']}")
        _require(served, len(page["orders"]) == page["count"] == 20, "another page")  # noqa: PLR2004 — as asked
        example = json.loads((ROOT / "src/axon_factory/cli/example_order.json").read_text())
        numbers: list[int] = []
        for _ in range(2):
            placed = await _ask(served, client, "POST", "/api/orders", example)
            found = _NUMBER.fullmatch(placed["order_number"])
            _require(served, found is not None, f"the number {placed['order_number']}")
            numbers.append(int(found[1]) if found else 0)
        _require(served, numbers[1] == numbers[0] + 1, f"the numbers {numbers}")
        patch = {"progreso": 50, "logs": [{"agente": "A", "mensaje": "m", "tipo": "info"}]}
        path = f"/api/orders/{placed['id']}"
        target = f"/api/orders/{order_id(4)}"
        updated = await _ask(served, client, "PATCH", target, patch)
        _require(served, updated["progreso"] == 50, f"a progress of {updated['progreso']}")  # noqa: PLR2004 — as sent
        _require(served, (await _ask(served, client, "GET", path))["estado"] == "nuevo", "a state")


async def measure(
    servers: Sequence[Served],
    operations: Iterable[str],
    *,
    rounds: int,
    seconds: float,
    connections: int,
    orders: int,
    database_pid: int,
    tell: Callable[[str], None],
) -> list[Sample]:
    """Load each server with each operation, `rounds` times; the order of servers alternates.

    A warm-up of half the time goes before the first round of each.
    """
    samples: list[Sample] = []
    for operation in operations:
        for server in servers:
            tell(f"{operation}: {server.contender.name}, warm-up")
            await _load(server, operation, seconds / 2, connections, orders)
        for number in range(rounds):
            for server in servers if number % 2 == 0 else list(reversed(servers)):
                tell(f"{operation}: {server.contender.name}, round {number + 1}")
                before = tree_seconds(server.pid), tree_seconds(database_pid)
                load = await _load(server, operation, seconds, connections, orders)
                samples.append(
                    Sample(
                        server.contender.name,
                        operation,
                        number,
                        load.requests,
                        load.seconds,
                        tree_seconds(server.pid) - before[0],
                        tree_seconds(database_pid) - before[1],
                    )
                )
    return samples


def tree_seconds(pid: int) -> float:
    """Return the CPU seconds of a process and of all that descend from it, also of ended ones."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            stat = (folder / "stat").read_text()
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        parents[int(folder.name)] = int(fields[1])
        ticks[int(folder.name)] = sum(int(value) for value in fields[11:15])
    tree = {pid}
    while grown := {child for child, parent in parents.items() if parent in tree} - tree:
        tree |= grown
    return sum(ticks.get(one, 0) for one in tree) / _TICKS


async def _load(
    server: Served, operation: str, seconds: float, connections: int, orders: int
) -> Load:
    fields = dict(server.contender.fields)
    job = Job(server.port, operation, seconds, connections, orders, fields)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.compare.load"),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, trouble = await process.communicate(json.dumps(asdict(job)).encode())
    if process.returncode:
        last = trouble.decode(errors="replace").strip().splitlines()[-1:]
        raise WrongAnswer(f"{server.contender.name} failed at {operation}: {' '.join(last)}")
    return Load(**json.loads(told))


async def _ask(
    served: Served, client: httpx2.AsyncClient, method: str, path: str, body: object = None
) -> Any:  # noqa: ANN401 — any JSON value
    answer = await client.request(method, path, json=body)
    _require(served, answer.is_success, f"{answer.status_code} at {method} {path}: {answer.text}")
    return answer.json()


def _require(served: Served, holds: bool, what: str) -> None:  # noqa: FBT001 — a check
    if not holds:
        raise WrongAnswer(f"{served.contender.name} answers {what}")
