"""An A2A agent on the official SDK's server: it builds, and misbehaves as it is told to.

    python -m tests.support.a2a_agent --port 9999 [--folder DIR] [--gate FILE] [--ask] [--push]

runs it as a process of its own, for trying it by hand and for the acceptance test. The folder gets
a file for each task: the data that it was started with.
"""

import argparse
import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import uvicorn
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandlerV2
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import (
    BasePushNotificationSender,
    InMemoryPushNotificationConfigStore,
    InMemoryTaskStore,
    TaskUpdater,
)
from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    ListTasksRequest,
    Message,
    Task,
    TaskState,
    TaskStatus,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from axon_factory.api.http_protocol import ServerLimits, uvicorn_config
from tests.support.a2a_script import (
    COMPLETE_PRODUCT,
    Act,
    Ask,
    HandOver,
    Product,
    Stage,
    WaitForFile,
    data_of,
)
from tests.support.server import listening

__all__ = ["A2AAgent", "agent_on_loopback"]

JSONRPC_PATH, REST_PATH = "/a2a", "/rest"
Intercept = Callable[[str], Awaitable[Response | None]]
"""Given what is asked for, a method of JSON-RPC or a path."""


@dataclass
class A2AAgent:
    """The agent as tests see it."""

    folder: Path
    script: Sequence[Act] = COMPLETE_PRODUCT
    """What is done about each order; a message that answers a question goes on after it."""
    token: str | None = None
    """The bearer token without which nobody gets in."""
    streaming: bool = True
    pushes: bool = False
    bindings: Sequence[tuple[str, str, str]] = (
        ("JSONRPC", "1.0", JSONRPC_PATH),
        ("HTTP+JSON", "1.0", REST_PATH),
    )
    """Binding, version, and path or whole URL of each interface."""
    intercept: Intercept | None = None
    """Answers a request in the agent's place."""
    unstoppable: bool = False
    url: str = ""
    requests: list[str] = field(default_factory=list[str])
    """What was asked for: paths, and of JSON-RPC the methods."""
    pushed: list[int] = field(default_factory=list[int])
    """What push notifications were answered."""
    received: list[Message] = field(default_factory=list[Message])
    gates: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])
    card: AgentCard = field(default_factory=AgentCard)
    tasks: InMemoryTaskStore = field(default_factory=InMemoryTaskStore)
    handler: DefaultRequestHandlerV2 | None = None

    def gate(self, name: str) -> asyncio.Event:
        """Where a script waits, or what it has come by."""
        return self.gates.setdefault(name, asyncio.Event())

    async def all_tasks(self) -> list[Task]:
        return list((await self.tasks.list(ListTasksRequest(), ServerCallContext())).tasks)

    async def forget(self) -> None:
        """Lose every task, as an agent without a disk does when it is started again."""
        for task in await self.all_tasks():
            await self.tasks.delete(task.id, ServerCallContext())

    def documents(self) -> dict[str, Any]:
        """Everything that the agent was sent as data, merged."""
        return {key: value for message in self.received for key, value in data_of(message).items()}

    def application(self, http: httpx.AsyncClient) -> ASGIApp:
        """Make the server; `http` sends its push notifications."""
        self._write_card()
        configs = InMemoryPushNotificationConfigStore()
        self.handler = handler = DefaultRequestHandlerV2(
            _Executor(self),
            self.tasks,
            self.card,
            push_config_store=configs,
            push_sender=BasePushNotificationSender(http, configs),
        )
        routes = [
            *create_agent_card_routes(self.card),
            *create_jsonrpc_routes(handler, JSONRPC_PATH),
            Route("/files/{name}", self._file),
            *create_rest_routes(handler, path_prefix=REST_PATH),
        ]
        return _Door(Starlette(routes=routes), self)

    def listen_at(self, url: str) -> None:
        """Name the agent's address on its card."""
        self.url = url
        self._write_card()

    def _write_card(self) -> None:
        self.card.Clear()
        self.card.MergeFrom(
            AgentCard(
                name="Constructor A2A",
                description="Construye productos",
                version="1.0.0",
                capabilities=AgentCapabilities(
                    streaming=self.streaming, push_notifications=self.pushes
                ),
                default_input_modes=["text/plain", "application/json"],
                default_output_modes=["application/x-git-bundle"],
                skills=[AgentSkill(id="construir", name="c", description="c", tags=["c"])],
                supported_interfaces=[
                    AgentInterface(
                        url=path if "://" in path else f"{self.url}{path}",
                        protocol_binding=binding,
                        protocol_version=version,
                    )
                    for binding, version, path in self.bindings
                ],
            )
        )

    async def _file(self, request: Request) -> Response:
        path = self.folder / request.path_params["name"]
        return FileResponse(path) if path.exists() else Response(status_code=404)


class _Door:
    """Writes down who comes, asks for the token, and lets a test answer instead."""

    def __init__(self, app: ASGIApp, agent: A2AAgent) -> None:
        self._app = app
        self._agent = agent

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await Request(scope, receive).body()
        read: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Any:  # noqa: ANN401 — a message of ASGI
            return read.pop() if read else await receive()

        instead = await self._instead(Request(scope, receive), body)
        if instead is not None:
            await instead(scope, receive, send)
        else:
            await self._app(scope, again, send)

    async def _instead(self, request: Request, body: bytes) -> Response | None:
        agent, path = self._agent, request.url.path
        method = body.partition(b'"method"')[2].partition(b'"')[2].partition(b'"')[0].decode()
        asked = method or path
        agent.requests.append(asked)
        given = request.headers.get("authorization")
        if agent.token is not None and given != f"Bearer {agent.token}":
            return PlainTextResponse("no", status_code=401)
        return await agent.intercept(asked) if agent.intercept else None


class _Executor(AgentExecutor):
    """Plays the script of the agent, for each task from where it stopped."""

    def __init__(self, agent: A2AAgent) -> None:
        self._agent = agent
        self._stages: dict[str, Stage] = {}

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.message is not None
        assert context.task_id is not None
        assert context.context_id is not None
        self._agent.received.append(context.message)
        updater = TaskUpdater(event_queue, context.task_id, context.context_id)
        if context.current_task is None:
            state = TaskStatus(state=TaskState.TASK_STATE_SUBMITTED)
            first = Task(
                id=context.task_id,
                context_id=context.context_id,
                status=state,
                history=[context.message],
            )
            await event_queue.enqueue_event(first)
            folder = self._agent.folder / context.task_id
            self._stages[context.task_id] = Stage(self._agent, folder, list(self._agent.script))
            self._agent.folder.mkdir(parents=True, exist_ok=True)
            note = self._agent.folder / f"{context.task_id}.json"
            note.write_text(json.dumps(data_of(context.message)), encoding="utf-8")
        stage = self._stages[context.task_id]
        await stage.play(updater, context.message)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        if self._agent.unstoppable:
            await self._agent.gate("never").wait()
        assert context.task_id is not None
        assert context.context_id is not None
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


@contextlib.asynccontextmanager
async def agent_on_loopback(agent: A2AAgent) -> AsyncGenerator[A2AAgent]:
    """Serve `agent` on a free port for the length of the block."""
    async with _pusher() as http:

        async def pushed(response: httpx.Response) -> None:
            agent.pushed.append(response.status_code)
            agent.gate("pushed").set()

        http.event_hooks = {"response": [pushed]}
        app: Any = agent.application(http)
        async with listening(uvicorn_config(app, ServerLimits())) as url:
            agent.listen_at(url)
            yield agent
            assert agent.handler is not None
            await agent.handler.aclose()


def _pusher() -> httpx.AsyncClient:
    """Return what pushes on loopback, without reading authorities that it needs none of."""
    return httpx.AsyncClient(trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


async def _serve(
    port: int, folder: Path | None, gate: Path | None, *, ask: bool, push: bool
) -> None:
    with TemporaryDirectory(prefix="a2a-agent-") as temporary:
        agent = A2AAgent(folder or Path(temporary), pushes=push)
        if gate is not None:
            agent.script = (Product(1), HandOver(), WaitForFile(gate), *agent.script)
        if ask:
            agent.script = (Ask("¿Qué color prefiere el cliente?"), *agent.script)
        async with _pusher() as http:
            app = agent.application(http)
            agent.listen_at(f"http://127.0.0.1:{port}")
            config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning")
            await uvicorn.Server(config).serve()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ask", action="store_true", help="ask the operator a question first")
    parser.add_argument("--push", action="store_true", help="send push notifications")
    parser.add_argument("--folder", type=Path, help="where it works; unset: in a temporary one")
    parser.add_argument("--gate", type=Path, help="rest after one milestone until this file exists")
    given = parser.parse_args()
    asyncio.run(_serve(given.port, given.folder, given.gate, ask=given.ask, push=given.push))
