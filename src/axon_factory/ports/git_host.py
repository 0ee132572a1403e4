"""GitHost: gives a product's repository an address (`repo_url`)."""

from pathlib import Path
from typing import Protocol

__all__ = ["GitHost"]


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
