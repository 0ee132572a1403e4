"""HTTP towards models: an answer ends after so many bytes, whatever its length claims to be."""

import ssl
from collections.abc import AsyncIterator
from functools import cache
from ipaddress import ip_address

import httpx2

from axon_factory.domain.addresses import LOOPBACK, host_of

_CONNECT_SECONDS = 5.0


class AnswerTooLarge(httpx2.TransportError):
    """An answer was longer than is taken, or compressed, so that its length is not known."""


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        async for part in self._stream:
            received += len(part)
            if received > self._limit:
                raise AnswerTooLarge(f"more than {self._limit} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


def bounded_client(base_url: str, *, max_bytes: int, timeout_seconds: float) -> httpx2.AsyncClient:
    """Return a client for one server that follows no redirect and reads at most `max_bytes`.

    The environment's proxy is used, but not for a server on this machine.
    """

    async def ask_plain(request: httpx2.Request) -> None:
        # A compressed answer of a kilobyte can be a gigabyte of text.
        request.headers["Accept-Encoding"] = "identity"

    async def bound(response: httpx2.Response) -> None:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise AnswerTooLarge("compressed although that was not asked for")
        stream = response.stream
        if isinstance(stream, httpx2.AsyncByteStream):
            response.stream = _Bounded(stream, max_bytes)

    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(timeout_seconds, connect=min(timeout_seconds, _CONNECT_SECONDS)),
        event_hooks={"request": [ask_plain], "response": [bound]},
        trust_env=not _is_loopback(base_url),
        verify=_authorities(),
    )


@cache
def _authorities() -> ssl.SSLContext:
    """Return whom TLS trusts; reading that anew for every client takes longer than a request."""
    return httpx2.create_ssl_context()


def _is_loopback(url: str) -> bool:
    host = host_of(url)
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in LOOPBACK
