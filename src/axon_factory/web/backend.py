"""The API as the pages ask it: in this process, as the person who is signed in.

So permissions, validation, idempotency, audit and the sentences of errors have one place, and a
page shows nothing that the API would not tell its reader.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote, unquote, urlencode

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["Answer", "Backend", "Refused", "path_of"]

Json = dict[str, Any]
Query = Mapping[str, str | int | bool | Sequence[str] | None]
_FIRST_ERROR = 400


class Refused(Exception):
    """The API refuses what was asked; `status`, `codigo`, sentence and fields are its own."""

    def __init__(self, status: int, document: Json) -> None:
        """`document` is the API's answer."""
        super().__init__(f"{status} {document.get('codigo', '')}")
        self.status = status
        self.document = document
        self.codigo = str(document.get("codigo", ""))
        self.sentence = str(
            document.get("message") or document.get("mensaje") or document.get("error") or ""
        )
        self.fields: dict[str, str] = dict(document.get("details") or {})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the API."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    document: Json


@dataclass(frozen=True, slots=True)
class Backend:
    """Sends requests to `app` with a person's access token."""

    app: ASGIApp
    token: str = field(repr=False)
    language: str
    address: str
    host: str
    request_id: str | None = None

    async def get(self, path: str, query: Query | None = None) -> Json:
        """Return what a GET answers.

        Raises:
            Refused: the API refuses.
        """
        return (await self.ask("GET", path, query=query)).document

    def passed(self, path: str, query: Query, *, accept: str) -> Response:
        """Return an answer that is the API's own to a GET, however long it is."""
        given = {name: value for name, value in query.items() if value is not None}
        return Passed(self.app, path, urlencode(given, doseq=True), self._headers(accept))

    def _headers(self, accept: str) -> dict[str, str]:
        headers = {
            "Accept": accept,
            "Accept-Encoding": "identity",
            "Accept-Language": self.language,
            "Host": self.host,
        }
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.request_id:
            headers["X-Request-Id"] = self.request_id
        return headers

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        key: str | None = None,
        version: int | None = None,
    ) -> Answer:
        """Send one request and return its answer.

        Args:
            method: Of HTTP.
            path: Below the server, its segments encoded (`path_of`).
            query: Parameters; None is left out, a list repeats its name.
            body: What is sent as JSON.
            key: The Idempotency-Key of a write.
            version: What If-Match names.

        Raises:
            Refused: the API refuses.
        """
        import httpx2  # noqa: PLC0415 — no request of the API needs it

        headers = self._headers("application/json")
        if key is not None:
            headers["Idempotency-Key"] = key
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        given = {name: value for name, value in (query or {}).items() if value is not None}
        request = httpx2.Request(
            method, f"http://localhost{path}", params=given, json=body, headers=headers
        )
        transport = httpx2.ASGITransport(self.app, client=(self.address, 0))
        answer = await transport.handle_async_request(request)
        content = await answer.aread()
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        document = cast("Json", answer.json()) if content and is_json else {}
        if answer.status_code >= _FIRST_ERROR:
            raise Refused(answer.status_code, document)
        return Answer(answer.status_code, answer.headers, content, document)


class Passed(Response):
    """What the API answers to a GET, sent on to the browser piece by piece as it is written."""

    def __init__(self, app: ASGIApp, path: str, query: str, headers: Mapping[str, str]) -> None:
        """`query` is encoded; `headers` are those of the API's request."""
        super().__init__()
        self._app = app
        self._path = path
        self._query = query
        self._sent = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask the API, and give it the browser's connection for its answer."""
        inner = {
            "type": "http",
            "asgi": scope["asgi"],
            "http_version": scope["http_version"],
            "method": "GET",
            "scheme": scope["scheme"],
            "root_path": "",
            "path": unquote(self._path),
            "raw_path": self._path.encode(),
            "query_string": self._query.encode(),
            "headers": [(name.lower().encode(), one.encode()) for name, one in self._sent.items()],
            "client": scope["client"],
            "server": scope["server"],
        }
        await self._app(inner, receive, send)


def path_of(*segments: str) -> str:
    """Return the path of the API with these segments: what a person typed stays one segment."""
    return "/api/" + "/".join(quote(segment, safe="") for segment in segments)
