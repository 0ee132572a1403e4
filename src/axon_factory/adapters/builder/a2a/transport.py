"""Answers of the agent, bounded before they fill the memory."""

from collections.abc import AsyncIterator

import httpx

from axon_factory.adapters.builder.a2a.errors import AnswerTooLarge


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
