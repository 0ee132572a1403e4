"""The factory as commands ask it: over HTTP, with this machine's credential or with an API key.

Nothing is decided here. Each command is a request to the API, so that permissions, limits and the
audit trail are the API's own (ADR 38).
"""

import http.client
import json
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlencode, urlsplit

from axon_factory import __version__
from axon_factory.accounts.local_access import LocalAccess, LocalCredential
from axon_factory.cli.environment import check_environment, chosen_url, data_folder, key_header
from axon_factory.cli.terminal import CliError, Exit, english, said

Json = dict[str, Any]
_SECONDS = 60
_UNAVAILABLE, _TOO_MANY, _FAILED, _OK = 503, 429, 400, 200
_LONGEST_PAUSE = 10
_TRIES = 4
_PART = 65536


class Factory:
    """A running factory. One connection serves all requests of a command."""

    def __init__(self, data_dir: Path | None = None) -> None:
        """Find the factory: AXON_URL, or the process that serves the data folder.

        Raises:
            CliError: no factory runs here, or a setting is wrong.
        """
        check_environment()
        self._data_dir = data_folder(data_dir)
        self.find()

    def find(self) -> None:
        """Look again where the factory answers: another start has another credential.

        Raises:
            CliError: no factory runs on the data folder.
        """
        url, headers = chosen_url(), key_header()
        self.is_local = not headers
        """Whether this machine's credential serves, which every start of a factory changes."""
        if url is None:
            here = self._here()
            url = here.url
            headers = headers or {"Authorization": f"Bearer {here.token}"}
        self.url = url
        parts = urlsplit(url)
        made = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = made(parts.hostname or "", parts.port, timeout=_SECONDS)
        self._root = parts.path.rstrip("/")
        self._headers = {
            "Accept": "application/json",
            "Accept-Language": "en" if english() else "es",
            "User-Agent": f"axon/{__version__}",
            **headers,
        }

    def _here(self) -> LocalCredential:
        try:
            found = LocalAccess(self._data_dir).newest()
        except OSError as error:
            raise CliError(
                Exit.DATA_DIR_UNWRITABLE,
                said(
                    f"No se puede usar {self._data_dir}: {error.strerror}",
                    f"{self._data_dir} cannot be used: {error.strerror}",
                ),
            ) from None
        if found is None:
            raise CliError(
                Exit.NOT_RUNNING,
                said(
                    f"No hay una fábrica en marcha sobre {self._data_dir}: inicia `axon up` o "
                    "`axon serve`, o di dónde está con AXON_URL y AXON_API_KEY",
                    f"No factory runs on {self._data_dir}: start `axon up` or `axon serve`, or say "
                    "where it is with AXON_URL and AXON_API_KEY",
                ),
            )
        return found

    def get(
        self, *path: str, query: Mapping[str, Any] | None = None, seconds: float = _SECONDS
    ) -> Json:
        """Read what is at /api/<path>; the answer may take `seconds`."""
        self._connection.timeout = seconds  # of the connection that the request opens
        return self.ask("GET", *path, query=query)

    def post(self, *path: str, body: Mapping[str, Any] | None = None) -> Json:
        """Post `body` to /api/<path>."""
        return self.ask("POST", *path, body=body)

    def ask(
        self,
        method: str,
        *path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Json:
        """Send one request and return the answer's document; parts of `path` are quoted.

        A parameter of `query` that is None or empty is left out. An answer that there were too many
        requests is waited for.

        Raises:
            CliError: the factory does not answer, or refuses; `extra` has the answer's members.
        """
        tries = _TRIES
        while True:
            answer = self._send(method, path, query, body, "application/json")
            content = self._read(answer)
            tries -= 1
            pause = answer.headers.get("Retry-After", "1")
            if answer.status != _TOO_MANY or not tries or not pause.isdecimal():
                break
            if int(pause) > _LONGEST_PAUSE:
                break
            time.sleep(int(pause))
        document = _document(content, self.url)
        if answer.status >= _FAILED:
            raise _refusal(answer.status, document)
        return document

    def download(
        self, *path: str, query: Mapping[str, Any] | None = None, media_type: str
    ) -> Generator[bytes]:
        """Yield the parts of an answer of another media type.

        Raises:
            CliError: the factory does not answer, or refuses.
        """
        answer = self._send("GET", path, query, None, media_type)
        if answer.status != _OK:
            raise _refusal(answer.status, _document(self._read(answer), self.url))
        while part := self._part(answer):
            yield part

    def _send(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, Any] | None,
        body: Mapping[str, Any] | None,
        media_type: str,
    ) -> http.client.HTTPResponse:
        address = self._root + "".join(
            f"/{quote(part, safe='', errors='replace')}" for part in ("api", *path)
        )
        given = {
            name: value for name, value in (query or {}).items() if value not in (None, [], ())
        }
        if given:
            address += f"?{urlencode(given, doseq=True, errors='replace')}"
        headers = {**self._headers, "Accept": media_type}
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, address, content, headers)
            return self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from None

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        try:
            return answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from None

    def _part(self, answer: http.client.HTTPResponse) -> bytes:
        try:
            return answer.read1(_PART)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from None

    def _away(self, error: Exception) -> CliError:
        self._connection.close()
        cause = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return CliError(
            Exit.NOT_RUNNING,
            said(
                f"La fábrica no responde en {self.url} ({cause}): mira con `axon doctor`",
                f"The factory does not answer at {self.url} ({cause}): `axon doctor` looks into it",
            ),
        )


def _document(content: bytes, url: str) -> Json:
    try:
        document: object = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise CliError(
            Exit.NOT_RUNNING,
            said(f"En {url} no responde una fábrica", f"What answers at {url} is no factory"),
        )
    return cast("Json", document)


def _refusal(status: int, document: Mapping[str, Any]) -> CliError:
    """Return the API's own sentence, with its fields and what changed of a plan."""
    details: Mapping[str, str] = document.get("details") or {}
    sentence = document.get("message") or document.get("mensaje") or document.get("error", "")
    if details:
        sentence = "; ".join(f"{name}: {text}" for name, text in details.items())
    changed: list[Json] = document.get("cambios") or []
    changes = [f"{one['campo']}: {one['antes']} → {one['despues']}" for one in changed]
    code = Exit.DATABASE_UNREACHABLE if status == _UNAVAILABLE else Exit.REFUSED
    return CliError(code, "\n  ".join([str(sentence), *changes]), document)
