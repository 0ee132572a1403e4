"""One conversation with the agent: the SDK's client with our token, limits and deadlines."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast

import httpx
from a2a.client.client import Client, ClientConfig
from a2a.client.client_factory import ClientFactory
from a2a.types.a2a_pb2 import (
    AgentCard,
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
)

from axon_factory.adapters.builder.a2a.card import BINDINGS, fetch_card, origin_of
from axon_factory.adapters.builder.a2a.errors import failure, told_in_sentences
from axon_factory.adapters.builder.a2a.transport import BoundedTransport
from axon_factory.ports.errors import PortError

Answer = TypeVar("Answer")

_MOST_MESSAGES = 200
"""How many of a task's newest messages are read at once."""

_PAGE = 100
_MOST_PAGES = 20
_CONNECTING = 0.5
"""Share of a request's time in which there must be a connection."""
_LONGER_FOR_FILES = 10.0
_BASE64 = 4 / 3
_BESIDE_THE_BUNDLE = 16 * 2**20


@dataclass(frozen=True, slots=True)
class A2AOptions:
    """Where the agent is and what it may cost.

    `url` is the address under which its card is found; `timeout_seconds` holds for each request
    (ten times as long for a file), `poll_seconds` is the pause between two looks at a task,
    `max_artifact_bytes` the size of the largest repository.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    timeout_seconds: float = 30.0
    poll_seconds: float = 15.0
    max_artifact_bytes: int = 100 * 2**20


class Agent:
    """The agent as one call of the port sees it."""

    def __init__(self, card: AgentCard, http: httpx.AsyncClient, options: A2AOptions) -> None:
        """`card` is a checked one; `http` carries our token."""
        self.card = card
        self._client = _client(card, http, streaming=True)
        # The same, but it does not wait for the end of the work where the agent could stream it.
        self._sender = _client(card, http, streaming=False)
        self._http = http
        self._options = options

    async def send(self, request: SendMessageRequest) -> Task:
        """Send a message without waiting for the work; return the task that it belongs to.

        Raises:
            PortError: it was not taken, or answered with a message instead of a task.
        """
        request.configuration.return_immediately = True
        async with self._asking(), _ended(self._sender.send_message(request)) as answers:
            async for answer in answers:
                if answer.HasField("task"):
                    return answer.task
        raise failure("El agente A2A respondió con un mensaje y no con una tarea.")

    async def task(self, task_id: str) -> Task:
        """Return the task with its newest messages and its artifacts.

        Raises:
            SessionLost: there is no such task.
            PortError: it could not be had.
        """
        async with self._asking():
            return await self._client.get_task(
                GetTaskRequest(id=task_id, history_length=_MOST_MESSAGES)
            )

    async def tasks_of(self, context_id: str) -> list[Task]:
        """Return the tasks of a context, without messages and artifacts.

        Raises:
            A2AError: the agent does not list tasks.
            PortError: they could not be had.
        """
        found: list[Task] = []
        request = ListTasksRequest(context_id=context_id, page_size=_PAGE, history_length=0)
        for _ in range(_MOST_PAGES):
            async with asyncio.timeout(self._options.timeout_seconds):
                page = await self._client.list_tasks(request)
            # An agent that does not know the filter answers with everybody's tasks.
            found += [task for task in page.tasks if task.context_id == context_id]
            if not page.next_page_token:
                break
            request.page_token = page.next_page_token
        return found

    async def cancel(self, task_id: str) -> Task:
        """Ask for the end of the task; return what became of it.

        Raises:
            A2AError: it cannot be cancelled, or is unknown.
            TimeoutError: the agent thinks about it.
        """
        async with asyncio.timeout(self._options.timeout_seconds):
            return await self._client.cancel_task(CancelTaskRequest(id=task_id))

    async def register_push(self, config: TaskPushNotificationConfig) -> None:
        """Tell the agent where to send its updates.

        Raises:
            PortError: it does not want to.
        """
        async with self._asking():
            await self._client.create_task_push_notification_config(config)

    async def updates(self, task_id: str) -> AsyncGenerator[StreamResponse]:
        """Yield the task, and then its updates for as long as the agent sends them."""
        request = SubscribeToTaskRequest(id=task_id)
        async with _ended(self._client.subscribe(request)) as updates:
            async for update in updates:
                yield update

    async def download(self, url: str) -> bytes:
        """Return a file of the agent's own server.

        Raises:
            PortError: it is elsewhere, too large, or not to be had.
        """
        if origin_of(url) != origin_of(self._options.url):
            raise failure("El artefacto del agente A2A está en otro servidor que el agente.")
        async with self._asking(_LONGER_FOR_FILES):
            answer = await self._http.get(url)
            answer.raise_for_status()
            return answer.content

    @asynccontextmanager
    async def _asking(self, times: float = 1.0) -> AsyncGenerator[None]:
        with told_in_sentences():
            async with asyncio.timeout(times * self._options.timeout_seconds):
                yield


class Agents:
    """Asks the agent; remembers its card until a call goes wrong."""

    def __init__(self, options: A2AOptions) -> None:
        """`options` hold for every conversation."""
        self._options = options
        self._card: AgentCard | None = None
        self._certificates: ssl.SSLContext | None = None

    async def ask(self, work: Callable[[Agent], Awaitable[Answer]]) -> Answer:
        """Do one call of the port over a connection of its own; return what `work` returns.

        Calls are rare, and workers come and go. A call that fails for good by a remembered card is
        tried once more if the agent now shows another one: it was upgraded or moved. So `work` must
        be such that it may be done twice.

        Raises:
            PortError: the agent, or a usable card, is not to be had; or what `work` raises.
        """
        remembered = self._card
        try:
            return await self._once(work)
        except PortError as error:
            if remembered is None or error.transient or not await self._shows_another(remembered):
                raise
        return await self._once(work)

    async def _once(self, work: Callable[[Agent], Awaitable[Answer]]) -> Answer:
        async with self._http() as http:
            card = self._card = self._card or await self._fetched(http)
            try:
                return await work(Agent(card, http, self._options))
            except BaseException:
                self._card = None  # it may have failed because the card is outdated
                raise

    async def _shows_another(self, remembered: AgentCard) -> bool:
        """Fetch the card anew and keep it; say whether it differs from the remembered one.

        Raises:
            PortError: it is not to be had, or names no interface that may be used.
        """
        async with self._http() as http:
            self._card = await self._fetched(http)
        return self._card != remembered

    async def _fetched(self, http: httpx.AsyncClient) -> AgentCard:
        with told_in_sentences():
            async with asyncio.timeout(self._options.timeout_seconds):
                return await fetch_card(http, self._options.url)

    def _http(self) -> httpx.AsyncClient:
        options = self._options
        headers = {"Authorization": f"Bearer {options.token}"} if options.token else {}
        longest = int(options.max_artifact_bytes * _BASE64) + _BESIDE_THE_BUNDLE
        transport = httpx.AsyncHTTPTransport(verify=self._trusted())
        return httpx.AsyncClient(
            headers=headers,
            # Whoever does not even connect has received nothing: that must be told apart.
            timeout=httpx.Timeout(
                options.timeout_seconds, connect=options.timeout_seconds * _CONNECTING
            ),
            transport=BoundedTransport(transport, longest),
            # Our token must not follow the agent wherever it points, and no proxy of the
            # environment may take the place of the transport that counts.
            follow_redirects=False,
            trust_env=False,
        )

    def _trusted(self) -> ssl.SSLContext:
        """Return the authorities that vouch for the agent; reading them takes a while, so once."""
        if self._certificates is None:
            is_secure = self._options.url.startswith("https://")
            # On loopback nobody vouches, and nobody needs to be read.
            trusts_nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._certificates = httpx.create_ssl_context() if is_secure else trusts_nobody
        return self._certificates


def _client(card: AgentCard, http: httpx.AsyncClient, *, streaming: bool) -> Client:
    config = ClientConfig(
        streaming=streaming, httpx_client=http, supported_protocol_bindings=list(BINDINGS)
    )
    return ClientFactory(config).create(card)


def _ended(answers: AsyncIterator[StreamResponse]) -> aclosing[AsyncGenerator[StreamResponse]]:
    """Return a block at whose end the SDK's generator ends, which it types as an iterator."""
    return aclosing(cast("AsyncGenerator[StreamResponse]", answers))
