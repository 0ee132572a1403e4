"""The guide's examples run: every bash block of docs/api.md, in order, against a real API.

Each block is a bash of its own; variables and functions that it sets reach the next one. A JSON
block shows what the block before it prints: its keys must be there. `<!-- line: STATE -->` in the
page lets the line bring the order of the guide to that state.
"""

import asyncio
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import pytest

from axon_factory.bootstrap.application import application_of
from axon_factory.domain.states import OrderState
from tests.support.workshop import PASSWORD, Workshop

Json: TypeAlias = "dict[str, Json] | list[Json] | str | float | bool | None"

GUIDE = Path(__file__).parents[2] / "docs" / "api.md"
PART = re.compile(
    r"^```(?P<language>bash|json)\n(?P<code>.*?)^```$|^<!-- line: (?P<state>\w+) -->$",
    flags=re.DOTALL | re.MULTILINE,
)
OPEN_KEYS = {"metadata", "details", "configuracion_inicial", "webhooks"}
"""Objects whose keys depend on the order."""


@dataclass(frozen=True, slots=True)
class Part:
    """One block of the guide, or one move of the line."""

    line: int
    language: str
    code: str
    state: OrderState | None


def parts(guide: Path = GUIDE) -> Iterator[Part]:
    text = guide.read_text(encoding="utf-8")
    for found in PART.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        state = OrderState(found["state"]) if found["state"] else None
        yield Part(line, found["language"] or "", found["code"] or "", state)


def missing_keys(shown: Json, actual: Json, path: str = "") -> list[str]:
    """Return the keys of `shown` that `actual` has not; values are examples."""
    if isinstance(shown, dict) and isinstance(actual, dict):
        if path.rpartition(".")[2] in OPEN_KEYS:
            return []
        missing = [f"{path}.{key}" for key in shown if key not in actual]
        return missing + [
            deeper
            for key in shown
            if key in actual
            for deeper in missing_keys(shown[key], actual[key], f"{path}.{key}")
        ]
    if isinstance(shown, list) and isinstance(actual, list) and shown:
        return missing_keys(shown[0], actual[0], f"{path}[]") if actual else [f"{path}[]"]
    same = isinstance(shown, dict | list) == isinstance(actual, dict | list)
    return [] if same or shown is None or actual is None else [f"{path}: {actual!r}"]


class Shell:
    """Runs blocks one after another in one folder."""

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._variables = dict(variables)

    def know(self, name: str, value: str) -> None:
        """Give the next blocks a variable, unless an earlier one was given it."""
        self._variables.setdefault(name, value)

    async def run(self, part: Part) -> str:
        script = (
            "set -eu -o pipefail -o allexport\n[ ! -e state ] || . ./state\n"
            f"{part.code}\n{{ export -p; declare -f; }} > state\n"
        )
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            script,
            cwd=self._folder,
            env=self._variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, complaints = await process.communicate()
        where = f"the page's line {part.line}"
        assert process.returncode == 0, f"{where}: {complaints.decode()}{output.decode()}"
        return output.decode()

    def read(self, name: str) -> dict[str, Any]:
        return json.loads((self._folder / name).read_text(encoding="utf-8"))


@pytest.mark.skipif(shutil.which("curl") is None, reason="the guide's examples need curl")
async def test_examples_of_the_guide(fresh_workshop: Workshop, tmp_path: Path) -> None:
    workshop = fresh_workshop
    folder = tmp_path / "shell"
    folder.mkdir()
    headers = workshop.headers
    shell = Shell(
        folder,
        {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "API": str(workshop.http.base_url).rstrip("/"),
            "EMAIL": "admin@example.com",
            "PASSWORD": PASSWORD,
            "WRITE_KEY": headers["key_escritura"]["X-API-Key"],
            "READ_KEY": headers["key_lectura"]["X-API-Key"],
            "SYSTEM_TOKEN": headers["permanent"]["X-System-Token"],
        },
    )
    await run_guide(GUIDE, workshop, shell)


async def run_guide(guide: Path, workshop: Workshop, shell: Shell) -> None:
    """Run every block of a page; the order of its examples is in `order.json`."""
    printed = ""
    for part in parts(guide):
        if part.state is not None:
            await bring(workshop, UUID(shell.read("order.json")["id"]), part.state)
        elif part.language == "bash":
            if "$ATTEMPT_TOKEN" in part.code:
                token = await workshop.attempt_token(UUID(shell.read("order.json")["id"]))
                shell.know("ATTEMPT_TOKEN", token["X-System-Token"])
            printed = await shell.run(part)
        else:
            lacking = missing_keys(json.loads(part.code), json.loads(printed))
            assert lacking == [], f"docs/{guide.name}:{part.line}: {lacking} in {printed}"


async def bring(workshop: Workshop, order_id: UUID, state: OrderState) -> None:
    """Let the line work until the order is in `state` and nothing is due before a person acts."""
    while (await workshop.order(order_id)).estado != state:
        assert await workshop.line.advance(order_id) is not None, "the line has nothing to do"
    if state is OrderState.PLANIFICACION:
        await workshop.line.advance(order_id)


def test_the_guide_shows_every_endpoint_of_orders(workshop: Workshop) -> None:
    """Whoever adds an endpoint tells of it."""
    text = GUIDE.read_text(encoding="utf-8")
    paths: Mapping[str, Any] = application_of(workshop.container).openapi()["paths"]
    endings = {path.removeprefix("/api/orders/{id}") for path in paths if "/orders/{id}" in path}
    assert [ending for ending in endings - {""} if ending not in text] == []


def test_a_missing_key_is_found() -> None:
    shown: Json = {"a": 1, "b": {"c": [{"d": 1}]}, "metadata": {"x": 1}}
    assert missing_keys(shown, {"a": 2, "b": {"c": [{"d": 3}]}, "metadata": {}, "more": 1}) == []
    assert missing_keys(shown, {"b": {"c": [{}]}, "metadata": {}}) == [".a", ".b.c[].d"]
    assert missing_keys({"a": {}}, {"a": "text"}) == [".a: 'text'"]
