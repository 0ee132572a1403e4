"""The API's dated versions: which there are, and which one a request is answered as.

A caller may pin a version with `Axon-Version`; every answer under `/api/` says which one it is.
What changes between versions, and for how long one is served, is the policy of docs/versioning.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from email.utils import format_datetime

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from axon_factory.api.errors import error_answer
from axon_factory.domain.errors import AxonError

__all__ = ["CURRENT", "HEADER", "VERSIONS", "ApiVersion", "ApiVersions", "UnknownVersion"]

HEADER = "Axon-Version"


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """One version of the contract, named by its date.

    `changes` says what breaks for callers of the version before. From `deprecated` on answers carry
    `Deprecation` (RFC 9745); after `sunset` (RFC 8594) the version is not served any more.
    """

    released: date
    changes: tuple[str, ...] = ()
    deprecated: date | None = None
    sunset: date | None = None

    @property
    def name(self) -> str:
        """The version as callers write it."""
        return self.released.isoformat()

    def notices(self) -> dict[str, str]:
        """Return the headers that tell callers of this version that it ends."""
        notices: dict[str, str] = {}
        if self.deprecated is not None:
            notices["Deprecation"] = f"@{int(_midnight(self.deprecated).timestamp())}"
        if self.sunset is not None:
            notices["Sunset"] = format_datetime(_midnight(self.sunset), usegmt=True)
        if notices:
            notices["Link"] = '</docs>; rel="deprecation"; type="text/html"'
        return notices


VERSIONS: Sequence[ApiVersion] = (
    ApiVersion(date(2025, 11, 14), changes=("Primera versión: el diseño de la Orders API.",)),
)
"""Every version that is served, the newest last."""

CURRENT = VERSIONS[-1]
"""What a request without `Axon-Version` is answered as."""


class UnknownVersion(AxonError):
    """`Axon-Version` names no version that is served."""

    codigo = "version_de_api_desconocida"
    status = 400
    title = "Versión de la API desconocida"
    title_en = "Unknown API version"

    def __init__(self, asked: str, versions: Sequence[ApiVersion] = VERSIONS) -> None:
        """`asked` is what the header said."""
        names = [version.name for version in versions]
        known = ", ".join(names)
        super().__init__(
            f"No hay una versión '{asked[:40]}' de la API. Opciones: {known}",
            message_en=f"There is no version '{asked[:40]}' of the API. One of: {known}",
            extra={"versiones": names},
        )


@dataclass(frozen=True, slots=True)
class ApiVersions:
    """Middleware: chooses the version of a request, and names it on the answer.

    Routes find it as `request.state.api_version`.
    """

    app: ASGIApp
    versions: Sequence[ApiVersion] = field(default=VERSIONS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).getlist(HEADER)
        asked = ", ".join(given).strip()
        version = self._find(asked) if given else self.versions[-1]
        answered = version or self.versions[-1]

        async def named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[HEADER] = answered.name
                for name, value in answered.notices().items():
                    headers.append(name, value)
            await send(message)

        if version is None:
            error = UnknownVersion(asked, self.versions)
            await error_answer(Request(scope), error)(scope, receive, named)
            return
        scope.setdefault("state", {})["api_version"] = version
        await self.app(scope, receive, named)

    def _find(self, asked: str) -> ApiVersion | None:
        return next((version for version in self.versions if version.name == asked), None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
