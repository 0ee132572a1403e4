"""What routes need, built once by the composition root and kept in `app.state.services`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from axon_factory.accounts.authenticate import Authenticator
from axon_factory.db.sessions import Database
from axon_factory.orders.policy import Policy
from axon_factory.ports.secret_box import SecretBox

__all__ = ["ApiServices", "Services"]


@dataclass(frozen=True, slots=True)
class ApiServices:
    """The application's own services."""

    database: Database
    policy: Policy
    authenticator: Authenticator
    secret_box: SecretBox
    repository_file: Callable[[str, str], Path | None]
    """(slug, path) to a file that git's dumb protocol may read, None for any other."""


def _services(request: Request) -> ApiServices:
    return cast("ApiServices", request.app.state.services)


Services = Annotated[ApiServices, Depends(_services)]
