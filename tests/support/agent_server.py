"""A reference agent: speaks docs/agents/autonomous-agent.openapi.json, and misbehaves on demand.

As a program (`python -m tests.support.agent_server FOLDER [GATE]`) it builds real products, writes
its address as its first line and ends with its standard input. FOLDER gets a file for each session:
what it was started with. While the file GATE is missing, sessions rest after their first milestone.
"""

import asyncio
import contextlib
import gzip
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncGenerator, Generator, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from tests.support.agent_contract import request_faults, response_faults
from tests.support.agent_sessions import AgentSession, LightProduct, Maker, TemplateProduct
from tests.support.server import listening

__all__ = ["Agent", "agent_process", "serving_agent"]

_ROOT = Path(__file__).parents[2]
_RAW = {
    "prose": (b"<html>All is well!</html>", {}),
    "empty": (b"", {}),
    "wrong": (b'{"session_id": ["x"], "status": "sleeping", "sessions": 7}', {}),
    "deep": (b"[" * 100_000, {}),
    "huge": (b'{"status": "running", "error": "' + b"x" * 5_000_000 + b'"}', {}),
    "packed": (gzip.compress(b" " * 1_000_000), {"Content-Encoding": "gzip"}),
    "truncated": (b'{"status": ', {"Content-Length": "5000"}),
}


@dataclass
class Agent:
    """The agent's state, for tests to look at and to meddle with.

    `faults` holds what comes instead of the next answers of an operation: a status, a key of
    `_RAW`, "stall"; the last one is repeated if it ends in "!". `patch` replaces members of what a
    session reports. `lost` answers are withheld although their effect has happened. While the file
    `gate` is missing, no session goes on after its first milestone.
    """

    folder: Path
    maker: Maker = field(default_factory=LightProduct)
    sessions: dict[str, AgentSession] = field(default_factory=dict[str, AgentSession])
    bundles: dict[str, Path] = field(default_factory=dict[str, Path])
    faults: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list[str]))
    patch: dict[str, Any] = field(default_factory=dict[str, Any])
    question: dict[str, Any] | None = None
    deaf: bool = False
    idle: bool = False
    gate: Path | None = None
    requests: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    bodies: dict[str, Any] = field(default_factory=dict[str, Any])
    violations: list[str] = field(default_factory=list[str])
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def session(self) -> AgentSession:
        """The newest session."""
        return list(self.sessions.values())[-1]

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/sessions", self._handled("start", self._start), methods=["POST"]),
                Route("/sessions", self._handled("find", self._find), methods=["GET"]),
                Route("/sessions/{id}", self._handled("look", self._look), methods=["GET"]),
                Route(
                    "/sessions/{id}/answers",
                    self._handled("answer", self._answer),
                    methods=["POST"],
                ),
                Route(
                    "/sessions/{id}/cancel",
                    self._handled("cancel", self._cancel),
                    methods=["POST"],
                ),
                Route("/bundles/{sha256}", self._handled("upload", self._upload), methods=["PUT"]),
                Route("/bundles/{sha256}", self._handled("take", self._take), methods=["GET"]),
            ]
        )

    def _handled(self, operation: str, handler: Any) -> Any:  # noqa: ANN401 — Starlette's own types
        async def handle(request: Request) -> Response:
            body = await request.body()
            self.requests.append((operation, request.url.path))
            path = request.url.path
            self.violations += request_faults(request.method, path, request.headers, body)
            fault = self._next_fault(operation)
            if fault is not None and not fault.startswith("lost"):
                return await self._play(fault)
            if body and request.headers["Content-Type"] == "application/json":
                self.bodies[operation] = await request.json()
            answer: Response = await handler(request)
            if not self.patch and not isinstance(answer, FileResponse):
                self.violations += response_faults(
                    request.method, path, answer.status_code, bytes(answer.body)
                )
            return answer if fault is None else await self._play("500")

        return handle

    def _next_fault(self, operation: str) -> str | None:
        queue = self.faults[operation]
        if not queue:
            return None
        return queue[0].rstrip("!") if queue[0].endswith("!") else queue.pop(0)

    async def _play(self, fault: str) -> Response:
        if fault == "stall":
            await self.released.wait()
            return Response(status_code=500)
        if fault in _RAW:
            content, headers = _RAW[fault]
            return Response(content, headers=headers, media_type="application/json")
        headers = {"Location": "http://127.0.0.1:9/elsewhere"} if fault == "302" else {}
        return JSONResponse({"error": "no\x00 hoy"}, int(fault), headers=headers)

    async def _start(self, request: Request) -> Response:
        key = request.headers["Idempotency-Key"]
        known = self.sessions.get(key)
        if known is None:
            body = await request.json()
            base = body["base"] and self.bundles[body["base"]["sha256"]]
            name = f"ses-{next(self.numbers)}"
            self.sessions[key] = AgentSession(name, body, self.folder / name, base)
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / f"{name}.json").write_text(json.dumps(body), encoding="utf-8")
        session = self.sessions[key]
        answer = {"session_id": session.id, "status": session.status}
        return JSONResponse(answer, 200 if known else 201)

    async def _find(self, request: Request) -> Response:
        session = self.sessions.get(request.query_params["idempotency_key"])
        found = [] if session is None else [session]
        return JSONResponse(
            {"sessions": [{"session_id": one.id, "status": one.status} for one in found]}
        )

    async def _look(self, request: Request) -> Response:
        session = self._session_of(request)
        if session is None:
            return _unknown()
        held = self.gate is not None and bool(session.done) and not self.gate.exists()
        if not (self.idle or held or session.has_ended or session.status == "waiting"):
            await session.work(self.maker)
            if self.question is not None and not session.has_ended:
                session.ask(self.question)
                self.question = None
        after = int(request.query_params.get("after", "0"))
        return JSONResponse({**_report(session, after), **self.patch})

    async def _answer(self, request: Request) -> Response:
        session = self._session_of(request)
        if session is None:
            return _unknown()
        if not session.answer(await request.json()):
            return JSONResponse({"error": "nobody asked"}, 409)
        return Response(status_code=204)

    async def _cancel(self, request: Request) -> Response:
        session = self._session_of(request)
        if session is None:
            return _unknown()
        if not (session.has_ended or self.deaf):
            session.status = "cancelled"
        return JSONResponse({"status": session.status})

    async def _upload(self, request: Request) -> Response:
        digest = request.path_params["sha256"]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.bundles[digest] = self.folder / f"{digest}.base"
        self.bundles[digest].write_bytes(await request.body())
        return Response(status_code=204)

    async def _take(self, request: Request) -> Response:
        digest = request.path_params["sha256"]
        for session in self.sessions.values():
            if digest in session.bundles:
                return FileResponse(session.bundles[digest], media_type="application/x-git-bundle")
        return _unknown()

    def _session_of(self, request: Request) -> AgentSession | None:
        wanted = request.path_params["id"]
        return next((one for one in self.sessions.values() if one.id == wanted), None)


def _report(session: AgentSession, after: int) -> dict[str, Any]:
    return {
        "session_id": session.id,
        "status": session.status,
        "cursor": str(len(session.logs)),
        "completed_milestones": session.done,
        "completed_actions": len(session.done) * 7,
        "progress": 10 * len(session.done),
        "last_heartbeat_at": session.heartbeat.isoformat(),
        "logs": session.logs[after:],
        "questions": session.questions,
        "artifacts": session.artifacts,
        "usage": {
            "provider": "prueba",
            "model": "modelo-1",
            "input_tokens": 100 * len(session.done),
            "output_tokens": 10 * len(session.done),
            "cost_usd": 0.25 * len(session.done),
        },
    }


def _unknown() -> Response:
    return JSONResponse({"error": "no such thing"}, 404)


@contextlib.asynccontextmanager
async def serving_agent(agent: Agent) -> AsyncGenerator[str]:
    """Serve the agent in this process; yields its URL. It must not have broken its contract."""
    config = uvicorn.Config(agent.application(), log_level="critical", lifespan="off")
    async with listening(config) as url:
        try:
            yield url
        finally:
            agent.released.set()
    assert agent.violations == []


@contextlib.contextmanager
def agent_process(folder: Path, gate: Path) -> Generator[str]:
    """Run the agent as a process of its own, which builds real products; yields its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.support.agent_server", str(folder), str(gate)],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            assert process.stdin is not None
            process.stdin.close()


async def _main(folder: Path, gate: Path | None = None) -> None:
    async with serving_agent(Agent(folder, TemplateProduct(), gate=gate)) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main(*map(Path, sys.argv[1:3])))
