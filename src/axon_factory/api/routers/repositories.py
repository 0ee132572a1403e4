"""Products' repositories over git's dumb protocol, read-only (`git clone <repo_url>`).

Git sends a password, so this is the one place that reads HTTP Basic: any user name, and an API key
or an access token as the password.
"""

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse

from axon_factory.accounts.authenticate import Credential, CredentialKind
from axon_factory.api.authentication import Guard, enforce
from axon_factory.api.rate_limits import charge_address, charge_principal
from axon_factory.api.services import Services
from axon_factory.domain.errors import AuthenticationRequired, NotFound
from axon_factory.domain.permissions import Action, Principal
from axon_factory.orders.read import read_order_by_slug

__all__ = ["router"]

router = APIRouter(prefix="/git", tags=["repositorios"], include_in_schema=False)


class _GitGuard(Guard):
    """Reads the credential as git sends it."""

    async def __call__(self, request: Request, services: Services) -> Principal:  # pyright: ignore[reportIncompatibleMethodOverride] — FastAPI reads each guard's own parameters
        """Let the request pass, or not."""
        try:
            principal = await services.authenticator.principal(_credentials(request))
        except AuthenticationRequired as error:
            await charge_address(request)
            error.scheme = "Basic"  # git sends a user name and a password only when asked so
            raise
        await charge_principal(request, principal, self.action)
        await enforce(request, principal, self.action)
        return principal


def _credentials(request: Request) -> list[Credential]:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return [Credential(CredentialKind.BEARER, value)]
    if scheme.lower() != "basic":
        return []
    try:
        _, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return []
    kind = CredentialKind.API_KEY if password.startswith("axk_") else CredentialKind.BEARER
    return [Credential(kind, password)]


@router.get("/{slug}.git/{path:path}")
async def read_file(
    slug: str,
    path: str,
    services: Services,
    principal: Annotated[Principal, Depends(_GitGuard(Action.READ_REPOSITORY))],
) -> FileResponse:
    """Serve one file of a repository to whoever may read the order that it belongs to."""
    async with services.database.reading() as session:
        order = await read_order_by_slug(session, slug, principal)
    file = services.repository_file(order.slug, path) if order else None
    if file is None:
        raise NotFound("No hay tal archivo", message_en="There is no such file")
    return FileResponse(file, media_type="application/octet-stream")
