"""The one HTTP client for addresses that somebody named: it calls nothing of our own (SSRF).

The URL is read once, its host resolved once, and every address checked before the first is used.
The connection goes to a checked address while certificate, SNI and `Host` are those of the name, so
a resolver that answers differently the second time is never asked a second time. Redirects are not
followed and proxies of the environment not used. Of the answer, status and fields are read, and
never the body.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx2

from axon_factory.domain.addresses import (
    Address,
    OutboundRules,
    OutboundUrl,
    UrlRefused,
    parse_address,
)

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) to the texts of its addresses; raises OSError where there are none."""

_MOST_ADDRESSES = 4
_LONGEST_BODY = 20_000


class CallFailed(Exception):
    """There was no answer; `final` if the same call can never succeed.

    The message is a Spanish sentence of ours: what an exception says may hold the address.
    """

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of an answer; `retry_after` is what its field asks for, if it has one."""

    status: int
    retry_after: timedelta | None = None


class GuardedHttp:
    """Posts to addresses that the rules allow."""

    def __init__(
        self,
        rules: OutboundRules,
        *,
        timeout_seconds: float = 10.0,
        resolver: Resolver | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`timeout_seconds` is for the whole call: resolving, connecting, sending, answering.

        `resolver` and `tls` replace the system's.
        """
        self._rules = rules
        self._timeout = timeout_seconds
        self._resolve = resolver or system_resolver
        self._tls = tls or ssl.create_default_context()

    async def post(self, text: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post `body`, of at most 20,000 bytes, to the URL `text`.

        Raises:
            CallFailed: the URL or an address of its host is not allowed, no answer came in
                time, or it is no HTTP.
        """
        if len(body) > _LONGEST_BODY:
            raise CallFailed("El aviso es demasiado largo.", final=True)
        try:
            url = self._rules.check(text)
        except UrlRefused as refusal:
            raise CallFailed(f"La dirección no se admite: {refusal}.", final=True) from None
        try:
            async with asyncio.timeout(self._timeout):
                addresses = await self._addresses(url)
                return await self._exchange(url, addresses, body, headers)
        except (TimeoutError, httpx2.TimeoutException):
            raise CallFailed("El destino no respondió a tiempo.") from None
        except httpx2.ConnectError as error:
            raise CallFailed(_why_not_connected(error)) from None
        except httpx2.TransportError:
            raise CallFailed("El destino cortó la conexión o no habla HTTP.") from None

    async def _addresses(self, url: OutboundUrl) -> Sequence[Address]:
        """Return the addresses of the host, all of them allowed."""
        literal = parse_address(url.host)
        if literal is not None:
            return [literal]
        try:
            found = await self._resolve(url.host, url.port)
        # The IDNA codec refuses labels that our own reading lets through.
        except (OSError, UnicodeError):
            raise CallFailed("El nombre del destino no se resuelve.") from None
        addresses = [parse_address(text) for text in found]
        checked = [item for item in addresses if item and self._rules.allows(url, item)]
        if not addresses or len(checked) != len(addresses):
            raise CallFailed("El nombre del destino lleva a una dirección que no se admite.")
        return list(dict.fromkeys(checked))[:_MOST_ADDRESSES]

    async def _exchange(
        self,
        url: OutboundUrl,
        addresses: Sequence[Address],
        body: bytes,
        headers: Mapping[str, str],
    ) -> Answer:
        """Post to the first address that can be connected to."""
        # The transport alone: it knows no redirects, no cookies and nothing of the environment.
        async with httpx2.AsyncHTTPTransport(verify=self._tls, trust_env=False) as transport:
            for address in addresses[:-1]:
                request = self._request(url, address, body, headers, tries=len(addresses))
                try:
                    return await _answer(transport, request)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    continue  # nothing was sent yet
            last = self._request(url, addresses[-1], body, headers, tries=1)
            return await _answer(transport, last)

    def _request(
        self,
        url: OutboundUrl,
        address: Address,
        body: bytes,
        headers: Mapping[str, str],
        *,
        tries: int,
    ) -> httpx2.Request:
        """Return the request to one address under the name of its host."""
        named = parse_address(url.host) is None
        return httpx2.Request(
            "POST",
            httpx2.URL(
                scheme=url.scheme, host=str(address), port=url.port, raw_path=url.target.encode()
            ),
            headers={"Host": url.authority, "Connection": "close", **headers},
            content=body,
            extensions={
                "timeout": {"connect": self._timeout / tries},
                **({"sni_hostname": url.host} if named else {}),
            },
        )


async def _answer(transport: httpx2.AsyncHTTPTransport, request: httpx2.Request) -> Answer:
    response = await transport.handle_async_request(request)
    try:
        asked = response.headers.get("retry-after")
        return Answer(response.status_code, None if asked is None else _wait(asked.strip()))
    finally:
        await response.aclose()


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a name."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


def _why_not_connected(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "El certificado o el TLS del destino no es válido."
        cause = cause.__cause__ or cause.__context__
    return "No se pudo conectar con el destino."


def _wait(text: str) -> timedelta | None:
    """Return the wait that `Retry-After` asks for (RFC 9110 §10.2.3): seconds, or until a date."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(aware - datetime.now(UTC), timedelta())
