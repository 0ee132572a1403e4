"""Speaks HTTP with the agent: bounded in time and size, and only with the configured address."""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx2
from pydantic import BaseModel, ValidationError

from axon_factory.adapters.builder.http.messages import Artifact, clean_text
from axon_factory.adapters.builder.outside import Unheard
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.builder import build_failure
from axon_factory.ports.errors import PortError

Answer = TypeVar("Answer", bound=BaseModel)

MAX_ANSWER_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_BUSY = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT})
_UNAUTHORISED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_DOWNLOAD_FACTOR = 10


class AgentUnreachable(Unheard):
    """The agent does not answer, or says that it cannot at present."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"El agente no responde: {reason}.",
            cause=FailureCause.CONSTRUCTOR_NO_DISPONIBLE,
            transient=True,
        )


class AgentRefused(PortError):
    """The agent has answered, and its answer is no."""

    def __init__(self, status: int, said: str) -> None:
        """`said` is the beginning of what it answered."""
        super().__init__(
            f"El agente rechazó la petición ({status})",
            cause=FailureCause.CONSTRUCCION_FALLIDA,
            detail=said,
        )
        self.status = status


@dataclass(frozen=True, slots=True)
class AgentAddress:
    """Where the agent is, and how to speak with it.

    `url` has no slash at its end; a request may take `timeout_seconds`, a bundle
    ten times as long and `max_bundle_bytes`.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    timeout_seconds: float = 30.0
    max_bundle_bytes: int = 100 * 1024 * 1024


class AgentClient:
    """One request a call; no redirect is followed, and no proxy of the environment used."""

    def __init__(self, address: AgentAddress) -> None:
        self._address = address

    async def read(
        self, answer: type[Answer], path: str, parameters: Mapping[str, str] | None = None
    ) -> Answer:
        """GET a path.

        Raises:
            AgentUnreachable: the agent does not answer.
            AgentRefused: the answer is an error.
            PortError: the answer is not understood (transient).
        """
        body = await self._exchange("GET", path, params=parameters)
        return _understood(answer, body)

    async def write(
        self, answer: type[Answer], path: str, body: Mapping[str, Any], *, key: str
    ) -> Answer:
        """POST a JSON body under an idempotency key; raises what :meth:`read` raises."""
        return _understood(answer, await self._post(path, body, key))

    async def tell(self, path: str, body: Mapping[str, Any], *, key: str) -> None:
        """POST a JSON body whose answer does not matter; raises what :meth:`read` raises."""
        await self._post(path, body, key)

    async def upload(self, path: str, content: bytes) -> None:
        """PUT a bundle; raises what :meth:`read` raises."""
        headers = {"Content-Type": "application/x-git-bundle"}
        await self._exchange("PUT", path, content=content, headers=headers, factor=_DOWNLOAD_FACTOR)

    async def download(self, artifact: Artifact, target: Path) -> None:
        """Fetch a bundle into `target`.

        Raises:
            AgentUnreachable: the agent does not answer.
            AgentRefused: the answer is an error.
            PortError: its address is not the agent's, it is too large (both final), or it is not
                what was announced (transient).
        """
        url = self._own_url(artifact.url)
        limit = self._address.max_bundle_bytes
        if artifact.size > limit:
            raise _too_large(limit)
        digest = hashlib.sha256()
        async with self._answer("GET", url, factor=_DOWNLOAD_FACTOR) as answer:
            size = 0
            with target.open("wb") as file:
                async for chunk in answer.aiter_bytes(_CHUNK_BYTES):
                    size += len(chunk)
                    if size > limit:
                        raise _too_large(limit)
                    digest.update(chunk)
                    file.write(chunk)
        if digest.hexdigest() != artifact.sha256:
            raise _misunderstood("el repositorio descargado no tiene el sha256 anunciado")

    async def _post(self, path: str, body: Mapping[str, Any], key: str) -> bytes:
        return await self._exchange("POST", path, json=body, headers={"Idempotency-Key": key})

    async def _exchange(
        self,
        method: str,
        path: str,
        *,
        factor: int = 1,
        **options: Any,  # noqa: ANN401 — httpx's
    ) -> bytes:
        url = self._address.url + path
        async with self._answer(method, url, factor=factor, **options) as answer:
            return await _bounded(answer)

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        *,
        factor: int,
        **options: Any,  # noqa: ANN401 — httpx's
    ) -> AsyncGenerator[httpx2.Response]:
        """Yield the answer of one request if it is a good one."""
        seconds = self._address.timeout_seconds
        try:
            async with (
                asyncio.timeout(seconds * factor),
                httpx2.AsyncClient(
                    trust_env=False,
                    follow_redirects=False,
                    timeout=seconds,
                    headers=self._headers(),
                    verify=_certificates(),
                ) as client,
                client.stream(method, url, **options) as answer,
            ):
                await _require_success(answer)
                yield answer
        except TimeoutError:
            raise AgentUnreachable(f"no terminó en {seconds * factor:g} segundos") from None
        except httpx2.TimeoutException:
            raise AgentUnreachable(f"pasaron {seconds:g} segundos") from None
        except httpx2.DecodingError as error:
            raise _misunderstood("su respuesta no se puede descifrar") from error
        except httpx2.HTTPError as error:
            raise AgentUnreachable(type(error).__name__) from error

    def _headers(self) -> dict[str, str]:
        # Unpacked, an answer may be a thousand times as large as what was read.
        headers = {"Accept-Encoding": "identity"}
        if self._address.token is not None:
            headers["Authorization"] = f"Bearer {self._address.token}"
        return headers

    def _own_url(self, url: str) -> str:
        """Return the absolute address of an artifact, which only the agent itself may serve.

        Raises:
            PortError: it leads elsewhere.
        """
        base = f"{self._address.url}/"
        try:
            target, own = urlsplit(urljoin(base, url)), urlsplit(base)
        except ValueError:
            raise _elsewhere() from None
        same = (target.scheme, target.netloc) == (own.scheme, own.netloc)
        steps = target.path.lower().replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\")
        if (
            not same
            or not target.path.startswith(own.path)
            or ".." in steps.replace("\\", "/").split("/")
            or not url.isascii()
            or not url.isprintable()
        ):
            raise _elsewhere()
        return target._replace(fragment="").geturl()


@cache
def _certificates() -> ssl.SSLContext:
    """Return the authorities that are trusted; reading them takes as long as a whole request."""
    return httpx2.create_ssl_context()


async def _require_success(answer: httpx2.Response) -> None:
    status = answer.status_code
    if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise AgentUnreachable(f"respondió {status}")
    if status in _UNAUTHORISED:
        raise PortError(
            f"El agente no acepta las credenciales de la fábrica ({status}); "
            "debe revisarse AXON_AGENT_HTTP_TOKEN",
            cause=FailureCause.CONSTRUCTOR_NO_DISPONIBLE,
            transient=True,
        )
    if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        said = (await _bounded(answer)).decode(errors="replace")
        raise AgentRefused(status, clean_text(said, 200).replace("\n", " "))
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        raise _misunderstood("su respuesta está comprimida sin que se le pidiera")


async def _bounded(answer: httpx2.Response) -> bytes:
    content = bytearray()
    async for chunk in answer.aiter_bytes(_CHUNK_BYTES):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise _misunderstood(f"su respuesta pasa de {MAX_ANSWER_BYTES // 1024**2} MB")
    return bytes(content)


def _understood(answer: type[Answer], body: bytes) -> Answer:
    try:
        return answer.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "el cuerpo"
        raise _misunderstood(f"{clean_text(place, 100)}: {clean_text(first['msg'], 150)}") from None


def _misunderstood(reason: str) -> PortError:
    return build_failure(f"La respuesta del agente no se entiende: {reason}", transient=True)


def _too_large(limit: int) -> PortError:
    return build_failure(f"El repositorio que entrega el agente pasa de {limit // 1024**2} MB")


def _elsewhere() -> PortError:
    return build_failure("La dirección del repositorio que entrega el agente no es del agente")
