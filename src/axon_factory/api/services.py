"""What routes need, built once by the composition root and kept in `app.state.services`."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated, Protocol, cast

from fastapi import Depends, Request

from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.links import AccountLinks
from axon_factory.accounts.passwords import Passwords
from axon_factory.accounts.sessions import Sessions
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.api.settings_view import ShownSetting
from axon_factory.db.sessions import Database
from axon_factory.domain.addresses import OutboundRules
from axon_factory.orders.policy import Policy
from axon_factory.ports.errors import Machine
from axon_factory.ports.planner import Planner
from axon_factory.ports.product import Repositories, SecretBox

__all__ = ["AccessServices", "ApiServices", "News", "Services"]


@dataclass(frozen=True, slots=True)
class AccessServices:
    """What gives and takes access."""

    passwords: Passwords
    sessions: Sessions
    links: AccountLinks
    api_keys: ApiKeys
    system_tokens: SystemTokens


class News(Protocol):
    """Whether something happened since it was last looked: a hint, the tables tell."""

    @property
    def over(self) -> bool:
        """True once the process is shutting down: whoever waits answers now."""
        ...

    def look(self) -> None:
        """Forget what happened so far: the caller reads the tables after this."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return when something has happened since `look`, after `seconds` at the latest."""
        ...


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The application's own services."""

    database: Database
    policy: Policy
    authenticator: Authenticator
    access: AccessServices
    secret_box: SecretBox
    planner: Planner
    """The catalogue's: a preview costs nothing and leaves the machine for nobody."""
    repositories: Repositories
    machine: Machine
    """The machine that this process runs on."""
    outbound: OutboundRules
    """Which addresses notifications may go to."""
    key_outbound: OutboundRules
    """The same of destinations that API keys make: public ones, unless a setting says more."""
    settings: Sequence[ShownSetting]
    """The settings as people may see them: secrets are not in it."""
    worker_stalled_after: float
    """Seconds without a heartbeat after which a worker is not alive."""
    watch_orders: Callable[[], AbstractContextManager[News]]
    """Watches every order while its block lasts."""


def _services(request: Request) -> ApiServices:
    return cast("ApiServices", request.app.state.services)


Services = Annotated[ApiServices, Depends(_services)]
