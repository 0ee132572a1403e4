"""What routes need, built once by the composition root and kept in `app.state.services`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.accounts.authenticate import Authenticator
from axon_factory.accounts.passwords import Passwords
from axon_factory.accounts.sessions import Sessions
from axon_factory.accounts.system_tokens import SystemTokens
from axon_factory.db.sessions import Database
from axon_factory.domain.outbound import OutboundRules
from axon_factory.orders.policy import Policy
from axon_factory.ports.machine import Machine
from axon_factory.ports.planner import Planner
from axon_factory.ports.secret_box import SecretBox

__all__ = ["AccessServices", "ApiServices", "Services"]


@dataclass(frozen=True, slots=True)
class AccessServices:
    """What gives and takes access."""

    passwords: Passwords
    sessions: Sessions
    api_keys: ApiKeys
    system_tokens: SystemTokens


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
    repository_file: Callable[[str, str], Path | None]
    """(slug, path) to a file that git's dumb protocol may read, None for any other."""
    machine: Machine
    """The machine that this process runs on."""
    outbound: OutboundRules
    """Which addresses notifications may go to."""


def _services(request: Request) -> ApiServices:
    return cast("ApiServices", request.app.state.services)


Services = Annotated[ApiServices, Depends(_services)]
