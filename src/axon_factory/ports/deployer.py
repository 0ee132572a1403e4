"""Deployer: runs a delivered product and keeps it running (design §5.6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class DeploymentRequest:
    """What is to run: the product at one commit, with its secrets.

    `secrets` (names to values) reach the product as its private environment and nothing else:
    they are in no log, no command line and no repository.
    """

    order_id: str
    slug: str
    attempt: int
    product_dir: Path
    commit: str
    secrets: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AnsweredRequest:
    """A request that the running product has answered as it should; `path` is below its URL."""

    name: str
    method: str
    path: str
    status: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """A product that answered its health check and its smoke requests.

    URLs are absolute and have no trailing slash. `requests` are the evidence that it answered.
    """

    url: str
    admin_url: str
    api_url: str
    docs_url: str
    webhooks: Mapping[str, str]
    configuration: Mapping[str, object]
    """What the product said it set up at start: `db_migrated`, `seeds_loaded`, ..."""
    requests: tuple[AnsweredRequest, ...]


class Deployer(Protocol):
    """Puts products into service and takes them out."""

    name: str

    async def deploy(self, request: DeploymentRequest, *, idempotency_key: str) -> Deployment:
        """Run the product and return once it has answered. Repeated: the same single deployment.

        Raises:
            PortError: its health check or a smoke request failed; nothing is left running then.
        """
        ...

    async def replace_secrets(
        self, request: DeploymentRequest, *, idempotency_key: str
    ) -> Deployment:
        """Restart the running product with the secrets of `request`; its data and commit stay.

        The secrets before do not serve any more once this has begun. Repeated: one product, with
        these secrets. After a failure the product may be down; it never runs on with both.

        Raises:
            PortError: it did not become healthy with them; call again.
        """
        ...

    async def undeploy(self, slug: str, *, idempotency_key: str) -> None:
        """Stop the product and remove what runs of it; one that is not there is no error."""
        ...

    async def erase(self, slug: str, *, idempotency_key: str) -> None:
        """Stop the product and remove all that is kept of it, its data and logs too.

        Raises:
            PortError: something of it could not be removed.
        """
        ...
