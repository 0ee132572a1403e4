"""Bounds of the agent's answers, and what its failures mean: gone, again later, or never."""

import unicodedata
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager

import httpx
from a2a.client.errors import A2AClientError
from a2a.utils.errors import A2AError, InternalError, TaskNotFoundError
from google.protobuf.json_format import ParseError

from axon_factory.adapters.builder.outside import Unheard
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.builder import SessionLost, build_failure
from axon_factory.ports.errors import PortError

_LAYOUT = frozenset("\n\t")
_NOT_SHOWN = frozenset({"Cc", "Cs", "Co", "Cn"})
"""Control characters (NUL, which PostgreSQL refuses, among them), surrogates, and no characters."""
_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = 500
_LONGEST_QUOTE = 300
_NO_ANSWER_OF_A2A = "El agente A2A respondió algo que no es una respuesta A2A."
_REFUSED_CREDENTIAL = frozenset({httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN})
_UNREADABLE = (ParseError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def readable(text: str, longest: int) -> str:
    """Return `text` without what cannot be shown, cut to `longest` characters."""
    # Cut first, so that a text of megabytes costs nothing; twice the length leaves room for what
    # is taken out.
    kept = "".join(
        character
        for character in text[: 2 * longest]
        if character in _LAYOUT or unicodedata.category(character) not in _NOT_SHOWN
    ).strip()
    return kept if len(kept) <= longest else f"{kept[: longest - 1]}…"


class AnswerTooLarge(httpx.RequestError):
    """The agent's answer is longer than it may be, or compressed, so that its length is unknown."""


class NotHeard(Unheard):
    """The agent could not be asked, or said nothing that can be understood: it may yet."""

    def __init__(self, message: str, *, detail: str = "") -> None:
        """`message` says in Spanish why, `detail` in the agent's words."""
        cause = FailureCause.CONSTRUCCION_FALLIDA
        super().__init__(message, cause=cause, transient=True, detail=detail)


class NoAnswerInTime(NotHeard):
    """The agent got the request, as far as anybody can tell, and has not answered it yet."""

    def __init__(self) -> None:
        super().__init__("El agente A2A no respondió a tiempo.")


@contextmanager
def told_in_sentences() -> Generator[None]:
    """Turn the errors of a request to the agent into what the order shows.

    Raises:
        SessionLost: the agent does not know the task.
        PortError: anything else.
    """
    try:
        yield
    except PortError:
        raise
    except TimeoutError as error:
        raise NoAnswerInTime from error
    except TaskNotFoundError as error:
        raise SessionLost("El agente A2A ya no conoce la tarea.") from error
    except A2AClientError as error:
        raise _of_transport(error, error.__cause__ or error) from error
    except httpx.HTTPError as error:
        raise _of_transport(error, error) from error
    except A2AError as error:
        kind = NotHeard if isinstance(error, InternalError) else build_failure
        raise kind("El agente A2A rechazó la petición", detail=_quote(error)) from error
    except _UNREADABLE as error:
        raise NotHeard(_NO_ANSWER_OF_A2A) from error


def _of_transport(error: Exception, cause: BaseException) -> PortError:
    """Return what a request that did not bring an answer of the protocol means."""
    if isinstance(cause, AnswerTooLarge):
        return build_failure("El agente A2A respondió demasiado", detail=_quote(cause))
    if isinstance(cause, httpx.ReadTimeout):
        return NoAnswerInTime()
    if isinstance(cause, httpx.HTTPStatusError):
        return _of_status(cause.response.status_code)
    if isinstance(cause, httpx.RequestError):
        return NotHeard("No hay conexión con el agente A2A.")
    if isinstance(cause, _UNREADABLE):
        return NotHeard(_NO_ANSWER_OF_A2A)
    return NotHeard("El agente A2A falló", detail=_quote(error))


def _of_status(status: int) -> PortError:
    if status in _REFUSED_CREDENTIAL:
        return build_failure(
            f"El agente A2A rechazó nuestra credencial ({status}): revisa AXON_AGENT_A2A_TOKEN."
        )
    later = status == _TOO_MANY_REQUESTS or status >= _SERVER_ERRORS
    kind = NotHeard if later else build_failure
    return kind(f"El agente A2A respondió con el código HTTP {status}.")


def _quote(error: BaseException) -> str:
    return readable(str(error), _LONGEST_QUOTE) or type(error).__name__


class BoundedTransport(httpx.AsyncBaseTransport):
    """Refuses answers longer than a limit, and compressed ones: a short one can unfold to any size.

    A stream of events counts as a whole.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, longest: int) -> None:
        """`inner` does the work; `longest` is in bytes of the body."""
        self._inner = inner
        self._longest = longest

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request; the answer's body is counted as it is read."""
        request.headers["Accept-Encoding"] = "identity"
        response = await self._inner.handle_async_request(request)
        stream = response.stream
        encoding = response.headers.get("Content-Encoding", "identity")
        length = response.headers.get("Content-Length", "0")
        if encoding != "identity" or not length.isdecimal() or int(length) > self._longest:
            await response.aclose()
            raise AnswerTooLarge(self._limit if encoding == "identity" else encoding)
        if not isinstance(stream, httpx.AsyncByteStream):
            raise TypeError("an asynchronous transport answers with an asynchronous stream")
        response.stream = _Counted(stream, self._longest, self._limit)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    @property
    def _limit(self) -> str:
        return f"más de {self._longest // 2**20} MB"


class _Counted(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, longest: int, limit: str) -> None:
        self._inner = inner
        self._longest = longest
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        seen = 0
        async for chunk in self._inner:
            seen += len(chunk)
            if seen > self._longest:
                raise AnswerTooLarge(self._limit)
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
