"""GitHost gives a product's repository an address; Repositories answers what git asks there."""

from collections.abc import AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class GitHost(Protocol):
    """Publishes repositories."""

    name: str

    async def publish(self, slug: str, product_dir: Path, *, idempotency_key: str) -> str:
        """Publish the repository at `product_dir` under `slug`; return its clone URL.

        Raises:
            PortError: it could not be published.
        """
        ...

    async def remove(self, slug: str, *, idempotency_key: str) -> None:
        """Remove the repository; one that is not there is no error.

        Raises:
            PortError: it could not be removed.
        """
        ...


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """One request of git's smart protocol over HTTP, to read.

    Attributes:
        slug: which repository; the caller may read it.
        caller: who asks; each has a bounded number of requests at once.
        protocol: the header field `Git-Protocol` as it came, empty without one.
        content_type: of `body`.
        body: what is sent to `git upload-pack`; None asks for the list of refs.
    """

    slug: str
    caller: str
    protocol: str
    content_type: str = ""
    body: AsyncIterable[bytes] | None = None


@dataclass(frozen=True, slots=True)
class FetchAnswer:
    """What git answers: an HTTP status, a media type and a body that is read once."""

    status: int
    media_type: str
    body: AsyncIterator[bytes]


class RepositoriesBusy(Exception):
    """All places for git's requests were taken for too long."""


class Repositories(Protocol):
    """Reads published repositories for git."""

    def fetch(self, request: FetchRequest) -> AbstractAsyncContextManager[FetchAnswer]:
        """Answer one request; leaving the context ends everything that worked on it.

        Entering reads `request.body` to its end, and passes on what that raises.

        Raises:
            RepositoriesBusy: no place became free in time.
            TimeoutError: the whole of it took too long; also while the body is read.
        """
        ...
