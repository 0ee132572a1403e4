"""The API's rules for WebSockets, as `realtime` asks for them."""

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp

from axon_factory.api.answers import prefers_english
from axon_factory.api.auditing import record_late_report
from axon_factory.api.authentication import enforce, holds
from axon_factory.api.errors import error_answer
from axon_factory.api.rate_limits import charge_address
from axon_factory.domain.errors import AttemptEnded, AxonError
from axon_factory.domain.permissions import Action, Principal

__all__ = ["ApiSocketGuards"]


class ApiSocketGuards:
    """What holds for requests holds for messages."""

    async def enforce(
        self, connection: HTTPConnection, principal: Principal, action: Action
    ) -> None:
        """Refuse what the permission table does not grant, and that on record.

        Raises:
            PasswordChangeRequired, Forbidden: as for requests.
        """
        await enforce(connection, principal, action)

    async def charge(self, connection: HTTPConnection, error: AxonError) -> None:
        """Count a credential that does not hold against the address that it came from.

        Raises:
            TooManyRequests: the address has used up this window.
        """
        await charge_address(connection)
        if isinstance(error, AttemptEnded):
            await record_late_report(connection.app.state.services.database, error)

    def may(self, principal: Principal, action: Action) -> bool:
        """Return whether `enforce` would pass."""
        return holds(principal, action)

    def answer(self, connection: HTTPConnection, error: AxonError) -> ASGIApp:
        """Return the answer to a handshake that is refused."""
        return error_answer(connection, error)

    def prefers_english(self, accept_language: str) -> bool:
        """Return whether `Accept-Language` asks for English before Spanish."""
        return prefers_english(accept_language)
