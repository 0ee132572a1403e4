"""What is done with a built product: review, address, service, watch, secrets (design §5.5)."""

from collections.abc import AsyncIterable, AsyncIterator, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from axon_factory.domain.product_watch import ProductAction, ProductSighting


@dataclass(frozen=True, slots=True)
class ProductUnderReview:
    """Just what the council needs to know of an order."""

    order_id: str
    order_number: str
    slug: str
    product_type: str
    attempt: int
    product_dir: Path
    commit: str | None
    """What is reviewed, and nothing else; None: the attempt has nothing to show."""


@dataclass(frozen=True, slots=True)
class CheckReceipt:
    """Evidence of one check, written by the harness and never by what was checked.

    `output_digest` is the SHA-256 (hexadecimal) of the whole captured output, of which
    `output_tail` keeps the end (4 KiB at most). `findings` are sentences for the builder.
    """

    check: str
    passed: bool
    command: tuple[str, ...]
    exit_code: int
    duration_seconds: float
    output_digest: str
    output_tail: str
    findings: tuple[str, ...]
    isolation: str
    """"bubblewrap" or "subprocess": how the command was kept from the machine."""
    timed_out: bool = False
    truncated: bool = False
    agent: str = "QA Agent"
    """Which of the design's agents speaks for this check in the log."""


class Council(Protocol):
    """Runs checks on a product; which ones it must pass is said by its type in the catalogue."""

    name: str

    async def run_check(
        self, check: str, product: ProductUnderReview, *, idempotency_key: str
    ) -> CheckReceipt:
        """Run one check on the product's commit, to its end or its limits.

        Raises:
            PortError: the check could not be run at all (a failing check is a receipt).
        """
        ...


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


class HostSilent(Exception):
    """The products' supervisor does not answer in time; nothing is known about the products."""


class HostBusy(Exception):
    """Another process is starting or stopping the products' supervisor."""


class ProductHost(Protocol):
    """Sees products of one machine and starts them anew."""

    machine: str
    """Names the machine and its folder of products among all that share the database."""

    def watching(self) -> AbstractAsyncContextManager[bool]:
        """Be the one process of this machine that watches; False if another one is already."""
        ...

    async def look(self) -> Mapping[str, ProductSighting]:
        """Return what runs, by slug, without asking any product; cheap.

        Raises:
            HostSilent: the supervisor does not answer in time.
            HostBusy: it is just being started or stopped.
        """
        ...

    async def healthy(self, slugs: Collection[str]) -> Mapping[str, bool]:
        """Ask products for their health, a few at once."""
        ...

    async def revive(self) -> None:
        """Start the supervisor anew, and with it all products.

        Raises:
            PortError: it does not start.
        """
        ...

    async def act(self, slug: str, action: ProductAction) -> None:
        """Start, restart or stop one product's process; nothing while another call handles it.

        Raises:
            PortError: the supervisor does not obey.
        """
        ...


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """An envelope: the ciphertext, its own data key wrapped, and which key wrapped it."""

    ciphertext: bytes
    wrapped_key: bytes
    key_id: str


class SecretBox(Protocol):
    """Seals and opens secrets bound to a context such as ``credentials|<order>|api_key|1``."""

    def seal(self, plaintext: str, *, context: str) -> SealedSecret:
        """Encrypt `plaintext` so that it opens only with the same `context`."""
        ...

    def open(self, sealed: SealedSecret, *, context: str) -> str:
        """Decrypt.

        Raises:
            ValueError: wrong context, unknown key or altered ciphertext.
        """
        ...
