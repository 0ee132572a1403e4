"""Products' repositories over git's smart protocol, read-only (`git clone <repo_url>`).

Git sends a password, so this is the one place that reads HTTP Basic: any user name, and an API key
or an access token as the password.

A clone is one request to `info/refs` and, by the protocol's version, one or more to
`git-upload-pack`. The first is charged to the caller's quota. The others are bounded by how many of
them may run at once.
"""

import base64
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from axon_factory.accounts.authenticate import Credential, CredentialKind
from axon_factory.api.authentication import Guard, enforce
from axon_factory.api.middleware.incoming import GZIP_CODINGS
from axon_factory.api.rate_limits import charge_address, charge_principal
from axon_factory.api.refusals import (
    MalformedRequest,
    Overloaded,
    PayloadTooLarge,
    UnsupportedContent,
)
from axon_factory.api.routes import Route
from axon_factory.api.services import ApiServices, Services
from axon_factory.domain.errors import AuthenticationRequired, Forbidden, NotFound, Unavailable
from axon_factory.domain.permissions import Action, Principal, may
from axon_factory.orders.read import read_order_by_slug
from axon_factory.ports.product import FetchRequest, Repositories, RepositoriesBusy

__all__ = ["router"]

router = APIRouter(route_class=Route, prefix="/git", tags=["repositorios"], include_in_schema=False)

_UPLOAD_PACK = "git-upload-pack"
_REQUEST_TYPE = "application/x-git-upload-pack-request"
_MOST_BYTES = 8 * 1024 * 1024
"""Of a request: what a reader has and wants. git's own limit is 10 MB."""
_GZIP = 16 + zlib.MAX_WBITS


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
        if request.method != "POST" or not may(principal, self.action):
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


@router.get("/{slug}.git/info/refs")
async def list_refs(
    request: Request,
    slug: str,
    services: Services,
    principal: Annotated[Principal, Depends(_GitGuard(Action.READ_REPOSITORY))],
    service: Annotated[str | None, Query()] = None,
) -> Response:
    """Begin a clone, a fetch or `ls-remote`; its other requests are `upload_pack`."""
    await _check_readable(request, services, slug, principal)
    if service != _UPLOAD_PACK:
        raise Forbidden(
            "Estos repositorios solo se leen, con el protocolo «smart» de git",
            message_en="These repositories can only be read, over git's smart protocol",
        )
    return _Fetched(services.repositories, _fetch_request(request, slug, principal))


@router.post("/{slug}.git/git-upload-pack")
async def upload_pack(
    request: Request,
    slug: str,
    services: Services,
    principal: Annotated[Principal, Depends(_GitGuard(Action.READ_REPOSITORY))],
) -> Response:
    """Send what a reader of the repository asks for."""
    await _check_readable(request, services, slug, principal)
    if request.headers.get("content-type", "").lower() != _REQUEST_TYPE:
        raise UnsupportedContent(
            f"El cuerpo debe ser {_REQUEST_TYPE}", message_en=f"The body must be {_REQUEST_TYPE}"
        )
    asked = _fetch_request(request, slug, principal)
    return _Fetched(services.repositories, replace(asked, body=_body(request)))


async def _check_readable(
    request: Request, services: ApiServices, slug: str, principal: Principal
) -> None:
    """Raise NotFound unless the caller may read the order that the repository belongs to."""
    async with services.database.reading() as session:
        order = await read_order_by_slug(session, slug, principal)
    if order is None:
        await charge_principal(request, principal, Action.READ_REPOSITORY)
        raise _no_repository()


def _no_repository() -> NotFound:
    return NotFound("No hay tal repositorio", message_en="There is no such repository")


def _fetch_request(request: Request, slug: str, principal: Principal) -> FetchRequest:
    headers = request.headers
    return FetchRequest(
        slug=slug,
        caller=principal.id,
        protocol=headers.get("git-protocol", ""),
        content_type=_REQUEST_TYPE,
    )


async def _body(request: Request) -> AsyncIterator[bytes]:
    """Yield the body, decompressed.

    Raises:
        PayloadTooLarge: it is over the limit, as it comes or decompressed.
        MalformedRequest: it is no gzip.
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    decoded = _unzipper() if coding in GZIP_CODINGS else bytes
    received = passed = 0
    async for chunk in request.stream():
        received += len(chunk)
        piece = decoded(chunk)
        passed += len(piece)
        if max(received, passed) > _MOST_BYTES:
            raise PayloadTooLarge(
                f"El cuerpo admite como máximo {_MOST_BYTES} bytes",
                message_en=f"The body may have at most {_MOST_BYTES} bytes",
            )
        if piece:
            yield piece


def _unzipper() -> Callable[[bytes], bytes]:
    """Return what decompresses a body piece by piece, each cut one byte beyond the limit."""
    unzip = zlib.decompressobj(_GZIP)

    def unzipped(chunk: bytes) -> bytes:
        try:
            return unzip.decompress(chunk, _MOST_BYTES + 1)
        except zlib.error:
            raise MalformedRequest(
                "El cuerpo no es gzip válido", message_en="The body is not valid gzip"
            ) from None

    return unzipped


class _Fetched(Response):
    """An answer that git makes while it is sent."""

    def __init__(self, repositories: Repositories, asked: FetchRequest) -> None:
        super().__init__()
        self._repositories = repositories
        self._asked = asked

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; a caller who goes away ends git.

        Raises:
            Overloaded: too many are read at once.
            NotFound: nothing has been published yet.
            Unavailable: git failed, or took too long.
        """
        try:
            async with self._repositories.fetch(self._asked) as answer:
                if answer.status == HTTPStatus.NOT_FOUND:
                    raise _no_repository()
                if answer.status != HTTPStatus.OK:
                    raise _no_answer()
                streamed = StreamingResponse(answer.body, media_type=answer.media_type)
                await streamed(scope, receive, send)
        except ClientDisconnect:
            return
        except RepositoriesBusy:
            raise Overloaded from None
        except TimeoutError:
            raise _no_answer() from None


def _no_answer() -> Unavailable:
    return Unavailable(
        "El repositorio no se pudo leer; intenta de nuevo en unos segundos",
        message_en="The repository could not be read; try again in a few seconds",
    )
