"""One WebSocket from its first message to its last."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from time import monotonic
from typing import Any

from starlette.requests import HTTPConnection
from starlette.types import Receive

from axon_factory.db.sessions import is_unavailable
from axon_factory.domain.errors import (
    AuthenticationRequired,
    AxonError,
    Unavailable,
    ValidationFailed,
)
from axon_factory.domain.permissions import Action, Principal
from axon_factory.domain.text import Sentence, in_english, timestamp
from axon_factory.realtime.credentials import Admission, credential_of
from axon_factory.realtime.errors import (
    AnotherAccount,
    AuthenticationLate,
    CredentialEnded,
    Restarting,
    TooManyConnections,
    TooManyMessages,
    close_code,
)
from axon_factory.realtime.following import Following
from axon_factory.realtime.messages import Auth, ClientMessage, Ping, Subscribe, parsed
from axon_factory.realtime.outbox import Outbox
from axon_factory.realtime.services import SocketServices, Wire, give_back
from axon_factory.realtime.subscription import Subscription
from axon_factory.realtime.update import Update, frame_of

__all__ = ["Connection"]

_LOST = Sentence(
    "Lee otra vez lo que sigues: hubo más cambios de los que se repiten",
    "Read again what you follow: there were more changes than are repeated",
)
_NOT_YET = Sentence("Envía primero el mensaje auth", "Send the message auth first")


class Connection:
    """Answers what a client sends, and tells it what it follows."""

    def __init__(
        self, wire: Wire, connection: HTTPConnection, services: SocketServices, *, english: bool
    ) -> None:
        self._wire = wire
        self._connection = connection
        self._services = services
        self._english = english
        self._outbox = Outbox()
        self._newest: Update | None = None
        self._admission: Admission | None = None
        self._late: asyncio.TimerHandle | None = None
        self._allowance, self._counted_at = float(services.limits.messages), monotonic()
        self._has_ended = False
        self._drained: asyncio.Event | None = None
        self._following = Following(self, services)
        self.principal: Principal = None  # pyright: ignore[reportAttributeAccessIssue] — nothing is followed before there is one
        wire.on_writable = self._flush

    async def run(self, receive: Receive, cookie: Admission | None) -> None:
        """Serve until either side ends. `cookie` is who is there already."""
        seconds = self._services.limits.authenticate_seconds
        self._late = asyncio.get_running_loop().call_later(
            seconds, lambda: self.end(AuthenticationLate(seconds))
        )
        try:
            if cookie is not None:
                await self._guarded(lambda: self._enter(cookie), {})
            while (message := await receive())["type"] == "websocket.receive":
                if not self._has_ended:
                    await self._take(message.get("text"))
        finally:
            self._has_ended = True
            self._late.cancel()
            self._following.close()
            if self._admission is not None:
                self._services.streams.credentials.release(self._admission)
                give_back(self._services.connections, self.principal.idempotency_scope)
                self._admission.ended = _nothing
            # Cut the cycles: see `realtime.memory`.
            self._wire.on_writable = _nothing
            del self._following

    def offer(self, update: Update, *, of_all: bool) -> None:
        """Send an update now, or when the reader reads again."""
        if update is self._newest or self._has_ended:
            return
        self._newest = update
        if not self._outbox and self._wire.is_writable:
            self._wire.write(update.frame(self.principal, of_all=of_all))
        else:
            self._outbox.put((update, of_all))

    def say(self, document: Mapping[str, Any]) -> None:
        """Send a message, behind what waits."""
        frame = frame_of(in_english(dict(document)) if self._english else document)
        if not self._outbox and self._wire.is_writable:
            self._wire.write(frame)
        else:
            self._outbox.put(frame)

    def resync(self, subscription: Subscription, **place: object) -> None:
        """Say that updates of a subscription were lost."""
        self.say({"type": "resync", **subscription.target, "message": _LOST, **place})

    def stop(self) -> None:
        """End: the process is shutting down."""
        self.end(Restarting())

    def end(self, error: AxonError) -> None:
        """Say why, and close."""
        if self._has_ended:
            return
        self._say_error(error, {})
        self._has_ended = True
        self._flush()
        self._wire.end(close_code(error), error.codigo)

    def _flush(self) -> None:
        if self._wire.is_over:
            self._outbox.take()
        while self._outbox and self._wire.is_writable:
            frames = [
                entry
                if isinstance(entry, bytes)
                else entry[0].frame(self.principal, of_all=entry[1])
                for entry in self._outbox.take()
            ]
            self._wire.write(b"".join(frames))
        if self._outbox.is_lapsed and not self._outbox:
            self._outbox.is_lapsed = False
            for subscription in self._following.subscriptions:
                self.resync(subscription)
        if not self._outbox and self._drained is not None:
            self._drained.set()

    async def drained(self) -> None:
        """Return when the client has read most of what it was sent, or has gone."""
        if len(self._outbox) > 0:
            self._drained = asyncio.Event()
            await self._drained.wait()
            self._drained = None

    async def _take(self, text: str | None) -> None:
        await self.drained()  # who reads no answers is not asked for more
        now = monotonic()
        limits = self._services.limits
        given = (now - self._counted_at) * limits.messages_a_second
        self._allowance = min(limits.messages, self._allowance + given) - 1
        self._counted_at = now
        if self._allowance < 0:
            self.end(TooManyMessages())
            return
        try:
            message = parsed(text)
        except ValidationFailed as error:
            self._say_error(error, {})
            return
        asked = getattr(message, "order_id", None)
        await self._guarded(
            lambda: self._answer(message), {} if asked is None else {"order_id": asked}
        )

    async def _guarded(self, act: Callable[[], Awaitable[None]], about: Mapping[str, str]) -> None:
        """Have an error of `act` told; one about the credential ends the connection."""
        try:
            await act()
        except (AuthenticationRequired, TooManyConnections) as error:
            self.end(error)
        except AxonError as error:
            if self._admission is None:
                self.end(error)
            else:
                self._say_error(error, about)
        except Exception as error:
            if not is_unavailable(error) and not isinstance(error, TimeoutError):
                raise
            self._say_error(
                Unavailable(
                    "La base de datos no responde; intenta de nuevo en unos segundos",
                    message_en="The database does not answer; try again in a few seconds",
                ),
                about,
            )

    async def _answer(self, message: ClientMessage) -> None:
        if isinstance(message, Ping):
            self.say({"type": "pong"})
        elif isinstance(message, Auth):
            await self._authenticate(message.token)
        elif self._admission is None:
            raise AuthenticationRequired(_NOT_YET, message_en=_NOT_YET.en)
        elif isinstance(message, Subscribe):
            await self._subscribe(message)
        else:
            target = await self._following.leave(message)
            self.say({"type": "unsubscribed", **target})

    async def _authenticate(self, token: str) -> None:
        services = self._services
        try:
            admission = await services.streams.credentials.admit(credential_of(token))
        except AuthenticationRequired as error:
            await services.guards.charge(self._connection, error)
            raise
        if self._admission is None:
            await self._enter(admission)
            return
        if _rights(admission.principal) != _rights(self.principal):
            raise AnotherAccount
        services.streams.credentials.release(self._admission)
        self.principal = admission.principal
        self._hold(admission)

    async def _enter(self, admission: Admission) -> None:
        services, principal = self._services, admission.principal
        # Whoever may read neither an order nor the feed has nothing to do here.
        action = Action.READ_ORDER
        if not services.guards.may(principal, action):
            await services.guards.enforce(self._connection, principal, action)
        account = principal.idempotency_scope
        if services.connections[account] >= services.limits.connections:
            raise TooManyConnections(services.limits.connections)
        if self._has_ended:
            return
        if self._late is not None:
            self._late.cancel()
        services.connections[account] += 1
        self.principal = principal
        self._hold(admission)

    def _hold(self, admission: Admission) -> None:
        admission.ended = lambda: self.end(CredentialEnded())
        self._admission = admission
        self._services.streams.credentials.hold(admission)
        ends = admission.expires_at
        self.say(
            {
                "type": "auth_ok",
                "rol": admission.principal.role.value,
                "vence_at": timestamp(datetime.fromtimestamp(ends, UTC)) if ends else None,
            }
        )

    async def _subscribe(self, message: Subscribe) -> None:
        guards = self._services.guards
        action = Action.READ_FEED if message.order_id is None else Action.READ_ORDER
        if not guards.may(self.principal, action):
            await guards.enforce(self._connection, self.principal, action)
        await self._following.follow(message)

    def _say_error(self, error: AxonError, about: Mapping[str, str]) -> None:
        message: str = error.message_en if self._english else error.message
        document: dict[str, Any] = {"type": "error", "codigo": error.codigo, **about}
        if isinstance(error, ValidationFailed):
            details = error.details_en if self._english else error.details
            document["details"] = details
            message = message or ". ".join(f"{name}: {said}" for name, said in details.items())
        self.say({**document, "message": message or error.title})


def _rights(principal: Principal) -> tuple[object, ...]:
    """Return what stays the same when a credential is renewed."""
    account = principal.idempotency_scope
    return account, principal.grant, principal.client_id, principal.order_id, principal.attempt


def _nothing() -> None:
    """Nobody listens any more."""
