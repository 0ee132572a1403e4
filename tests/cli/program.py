"""The real program in processes of its own, which begin with its modules imported."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axon_factory.accounts.local_access import grant_local_access
from axon_factory.api.http_protocol import ServerLimits, uvicorn_config
from axon_factory.bootstrap import Container
from axon_factory.bootstrap.application import application_of
from tests.support.prefork import Child, Prefork
from tests.support.server import listening

__all__ = ["Answer", "Program", "Running", "Settings", "served", "surroundings"]

Settings = Mapping[str, str | None]
"""AXON_ variables; None takes one away."""

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 — any JSON value
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Running:
    process: Child

    async def line(self) -> str:
        return (await asyncio.wait_for(self.process.stdout.readline(), SECONDS)).decode()

    async def end(self, number: int = signal.SIGTERM) -> Answer:
        self.process.send_signal(number)
        return await self.answer()

    async def answer(self) -> Answer:
        out, err = await asyncio.wait_for(self.process.communicate(), SECONDS)
        assert self.process.returncode is not None
        return Answer(self.process.returncode, out.decode(), err.decode())


@dataclass(frozen=True, slots=True)
class Program:
    """`environment` is all of the program's `AXON_` settings."""

    environment: Mapping[str, str]
    forks: Prefork

    def having(self, **changes: str | None) -> "Program":
        """The same with settings replaced, or taken away (None)."""
        merged = {**self.environment, **changes}
        kept = {name: value for name, value in merged.items() if value is not None}
        return Program(kept, self.forks)

    async def __call__(self, *words: str, stdin: str = "") -> Answer:
        return await self._finished(("axon_factory", *words), stdin)

    async def fresh(self, *words: str) -> Answer:
        """Run it by an interpreter of its own: what it imports, and how it ends, is all its own."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "axon_factory", *words),
            env={**surroundings(), **self.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), SECONDS)
        assert process.returncode is not None
        return Answer(process.returncode, out.decode(), err.decode())

    async def many(self, cases: Sequence[tuple[Settings, Sequence[str], str]]) -> list[Answer]:
        """Run (settings, words, standard input) after one another in one process."""
        whole = await self._finished((str(Path(__file__).with_name("many.py")),), json.dumps(cases))
        assert whole.code == 0, whole.err
        return [Answer(*answer) for answer in whole.json]

    @asynccontextmanager
    async def started(self, *words: str) -> AsyncGenerator[Running]:
        process = await self._start(("axon_factory", *words))
        try:
            yield Running(process)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _finished(self, words: tuple[str, ...], stdin: str) -> Answer:
        process = await self._start(words)
        try:
            out, err = await asyncio.wait_for(process.communicate(stdin.encode()), SECONDS)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode is not None
        return Answer(process.returncode, out.decode(), err.decode())

    async def _start(self, words: tuple[str, ...]) -> Child:
        environment = {**surroundings(), **self.environment}
        return await self.forks.start(*words, environment=environment)


def surroundings() -> dict[str, str]:
    """The environment of this process without settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AXON_")}
    return {**inherited, "COLUMNS": "200"}


@asynccontextmanager
async def served(container: Container) -> AsyncGenerator[str]:
    """Serve a factory in this process, with the credential of its data folder; yield its URL."""
    async with listening(uvicorn_config(application_of(container), ServerLimits())) as url:
        with grant_local_access(container.data_dir, url):
            yield url
