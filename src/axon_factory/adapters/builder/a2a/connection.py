"""One conversation with the agent: its card, and the SDK's client with our token and deadlines.

The card is fetched from the configured address, and reduced to what may be used of it.
"""

import asyncio
import re
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar, cast
from urllib.parse import urlsplit

import httpx
from a2a.client.card_resolver import A2ACardResolver
from a2a.client.client import Client, ClientConfig
from a2a.client.client_factory import ClientFactory, major_minor
from a2a.types.a2a_pb2 import (
    AgentCard,
    AgentInterface,
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
)
from a2a.utils.constants import TransportProtocol
from packaging.version import InvalidVersion

from axon_factory.adapters.builder.a2a.errors import BoundedTransport, told_in_sentences
from axon_factory.ports.builder import build_failure
from axon_factory.ports.errors import PortError

BINDINGS = (TransportProtocol.JSONRPC.value, TransportProtocol.HTTP_JSON.value)
"""The transports that are spoken here; the agent's order of preference decides."""

_MAJOR_VERSION = 1
_A_NAME = re.compile(r"[A-Za-z0-9+/._ -]{1,40}")
"""What an order's sentence may say of a card: names, and no words of others."""
_MOST_NAMED = 8
_DEFAULT_PORTS = {"http": 80, "https": 443}
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


async def fetch_card(http: httpx.AsyncClient, url: str) -> AgentCard:
    """Return the card of the agent at `url`, with only those interfaces that may be used.

    An interface may be used if it speaks version 1 over a transport of ours, on the very origin
    that the settings name: our token and the client's data go nowhere else.

    Raises:
        PortError: the agent has no such interface.
        A2AError: there is no card.
    """
    card = await A2ACardResolver(http, url).get_agent_card()
    usable = [item for item in card.supported_interfaces if _is_usable(item, url)]
    if not usable:
        raise build_failure(_why_none(card, url))
    reduced = AgentCard()
    reduced.CopyFrom(card)
    del reduced.supported_interfaces[:]
    reduced.supported_interfaces.extend(usable)
    return reduced


def origin_of(url: str) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL; ("", "", None) if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return "", "", None
    return parts.scheme, parts.hostname or "", port


def _is_usable(interface: AgentInterface, url: str) -> bool:
    return (
        interface.protocol_binding in BINDINGS
        and _speaks_version(interface)
        and origin_of(interface.url) == origin_of(url)
    )


def _speaks_version(interface: AgentInterface) -> bool:
    try:
        return major_minor(interface.protocol_version)[0] == _MAJOR_VERSION
    except InvalidVersion:
        return False


def _why_none(card: AgentCard, url: str) -> str:
    ours = [item for item in card.supported_interfaces if item.protocol_binding in BINDINGS]
    offered = f"su tarjeta ofrece {_offered(card)}"
    if not ours:
        spoken = ", ".join(BINDINGS)
        return f"El agente A2A no habla ninguno de nuestros transportes ({spoken}): {offered}."
    if not any(_speaks_version(item) for item in ours):
        return f"El agente A2A no habla la versión {_MAJOR_VERSION} del protocolo: {offered}."
    return (
        f"La tarjeta del agente A2A señala otro servidor que AXON_AGENT_A2A_URL ({url}): {offered}."
    )


def _offered(card: AgentCard) -> str:
    """Return transports and versions of a card's interfaces, as "GRPC 1.0, JSONRPC 0.3"."""
    found = {
        f"{item.protocol_binding} {item.protocol_version}".strip()
        for item in card.supported_interfaces
    }
    named = sorted(one for one in found if _A_NAME.fullmatch(one))
    return ", ".join(named[:_MOST_NAMED]) or "ninguna interfaz"


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
        raise build_failure("El agente A2A respondió con un mensaje y no con una tarea.")

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
            raise build_failure("El artefacto del agente A2A está en otro servidor que el agente.")
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
            # Without a connection the agent has received nothing: that must be told apart.
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
            # On loopback there is no TLS, and no authorities need to be read.
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
