"""What the WebSocket needs from the rooms beside it, which it must not import."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from axon_factory.db.sessions import Database
from axon_factory.domain.errors import AxonError
from axon_factory.domain.permissions import Action, Principal
from axon_factory.realtime.credentials import Credentials
from axon_factory.realtime.fanout import Fanout
from axon_factory.realtime.lookups import Lookups

__all__ = [
    "CookiePrincipal",
    "SocketGuards",
    "SocketLimits",
    "SocketServices",
    "StreamServices",
    "Wire",
    "give_back",
]

CookiePrincipal = Callable[
    [Headers], Awaitable[tuple[Principal, Callable[[], Awaitable[bool]]] | None]
]
"""Says whose session the cookie in these header fields is, and gives what looks at it again."""


class Wire(Protocol):
    """A WebSocket that whole frames are written to (`api.websocket_protocol`)."""

    on_writable: Callable[[], None]
    """Called when the reader has read again."""

    @property
    def is_writable(self) -> bool:
        """Whether a frame may be written now."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether nothing is sent any more."""
        ...

    def write(self, frame: bytes) -> None:
        """Write whole frames."""
        ...

    def end(self, code: int, reason: str) -> None:
        """Close after what was written."""
        ...


class SocketGuards(Protocol):
    """The API's own rules: who may do what, what is counted, how a refusal looks."""

    async def enforce(
        self, connection: HTTPConnection, principal: Principal, action: Action
    ) -> None:
        """Refuse what the permission table does not grant, and that on record."""
        ...

    async def charge(self, connection: HTTPConnection, error: AxonError) -> None:
        """Count a credential that does not hold against the address that it came from."""
        ...

    def may(self, principal: Principal, action: Action) -> bool:
        """Return whether `enforce` would pass."""
        ...

    def answer(self, connection: HTTPConnection, error: AxonError) -> ASGIApp:
        """Return the answer to a handshake that is refused."""
        ...

    def prefers_english(self, accept_language: str) -> bool:
        """Return whether `Accept-Language` asks for English before Spanish."""
        ...


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """What one process takes. An account's are counted in each process by itself."""

    sockets: int = 10_000
    connections: int = 50
    """Of one account."""
    subscriptions: int = 1_000
    """Of one account."""
    authenticate_seconds: float = 5.0
    messages: int = 200
    """At once on one connection; they are given back at `messages_a_second`."""
    messages_a_second: float = 20.0


@dataclass(frozen=True, slots=True)
class StreamServices:
    """What all readers of a process share, by whatever protocol they read."""

    database: Database
    fanout: Fanout
    credentials: Credentials
    lookups: Lookups


@dataclass(frozen=True, slots=True)
class SocketServices:
    """What all WebSockets of a process share."""

    streams: StreamServices
    guards: SocketGuards
    own_origin: str
    """Of the pages; other than this their cookie counts nowhere."""
    origins: frozenset[str] = frozenset()
    """Whose scripts may connect with a token."""
    limits: SocketLimits = field(default_factory=SocketLimits)
    cookie_principal: CookiePrincipal | None = None
    connections: Counter[str] = field(default_factory=Counter[str])
    subscriptions: Counter[str] = field(default_factory=Counter[str])


def give_back(counts: Counter[str], name: str, number: int = 1) -> None:
    """Count `number` fewer; a count of nothing is forgotten."""
    counts[name] -= number
    if counts[name] <= 0:
        del counts[name]
