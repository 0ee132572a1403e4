"""Products seen from outside: health, addresses, what the watch sees, and how calls fail."""

import asyncio
import contextlib
import http.client
import ssl
import xmlrpc.client
from collections.abc import AsyncGenerator, Collection, Generator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, cast

import httpx2

from axon_factory.adapters.deployer.daemon import Daemon, DaemonError, Process
from axon_factory.adapters.deployer.layout import Layout, Record, is_free
from axon_factory.adapters.sandbox import Manifest, ManifestError, RepositoryError, Sandbox, sing
from axon_factory.domain.failure import FailureCause, MachineTrouble, trouble_of
from axon_factory.domain.product_watch import ProductAction, ProductSighting, RunState
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import AnsweredRequest, HostBusy, HostSilent

ANSWER_SECONDS = 5.0
OK = 200
MISSING = frozenset({404, 405, 410})
OWN_ERROR = 500
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nothing, because products speak plain HTTP; a default context takes 25 ms a client."""
EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 — where to ask a server that listens everywhere
AT_ONCE = 8
WATCH_LOCK = "watch"
_STATES = {
    "RUNNING": RunState.RUNNING,
    "STOPPED": RunState.STOPPED,
    "STOPPING": RunState.STOPPED,
    "FATAL": RunState.FAILED,
}
"""supervisord's other words are those of a product that it is about to start."""


class SmokeFailed(Exception):
    """The product is healthy, but one of its addresses does not serve; the message is Spanish."""


class HealthClient:
    """An HTTP client for one product; an asynchronous context manager."""

    def __init__(self, host: str, port: int) -> None:
        address = EVERY_ADDRESS.get(host, host)
        authority = f"[{address}]" if ":" in address else address
        # trust_env: a proxy of the environment must not stand between us and the product.
        self._client = httpx2.AsyncClient(
            base_url=f"http://{authority}:{port}", trust_env=False, verify=PLAIN
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, path: str) -> Mapping[str, object] | None:
        """Return the body of a 200 answer of `path`; None for anything else."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._client.get(path)
            content = answer.json()
        except (httpx2.HTTPError, TimeoutError, ValueError):
            return None
        if answer.status_code != OK or not isinstance(content, dict):
            return None
        return cast("dict[str, Any]", content)

    async def status(self, method: str, path: str) -> int | None:
        """Return the status of the answer, None without one; redirects are not followed."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._client.request(method, path)
        except (httpx2.HTTPError, TimeoutError):
            return None
        return answer.status_code


async def ask_everything(host: str, port: int, manifest: Manifest) -> tuple[AnsweredRequest, ...]:
    """Ask each address of the manifest, without a credential; return how each has answered.

    A page serves if it answers without an error. A webhook may refuse a request without a
    signature, but it must be there.

    Raises:
        SmokeFailed: an address has nothing, or answers with an error of the product's own.
    """
    wanted = [
        ("salud", "GET", manifest.health),
        ("administracion", "GET", manifest.admin),
        ("documentacion", "GET", manifest.docs),
        *((f"webhook {name}", "POST", path) for name, path in manifest.webhooks.items()),
    ]
    answered: list[AnsweredRequest] = []
    async with HealthClient(host, port) as client:
        for name, method, path in wanted:
            status = await client.status(method, path)
            if status is None or status in MISSING or status >= OWN_ERROR:
                told = "no respondió" if status is None else f"respondió {status}"
                raise SmokeFailed(f"El producto arrancó, pero {method} {path} ({name}) {told}.")
            answered.append(AnsweredRequest(name, method, path, status))
    return tuple(answered)


def failed(
    message: str, *, transient: bool = False, trouble: MachineTrouble | None = None
) -> PortError:
    """Return the error of a deployment that failed; `message` is Spanish."""
    cause = FailureCause.DEPLOY_FALLIDO
    return PortError(message, cause=cause, transient=transient, trouble=trouble)


@asynccontextmanager
async def port_failures(sandbox: Sandbox) -> AsyncGenerator[None]:
    """Turn what can go wrong in the block into the port's error.

    Raises:
        PortError: with its trouble where the machine is to blame, as far as a canary can tell.
    """
    try:
        yield
    except SmokeFailed as error:
        raise failed(str(error)) from error
    except (ManifestError, ValueError) as error:
        raise failed(f"El producto no se puede desplegar: {error}.") from error
    except RepositoryError as error:
        # git runs in the sandbox, and says the same whether that or the repository is broken.
        message = f"El producto no se puede desplegar: {error}."
        raise failed(message, trouble=(await sing(sandbox)).trouble) from error
    except (DaemonError, xmlrpc.client.Error, http.client.HTTPException, OSError) as error:
        message = f"No se pudo manejar el despliegue local: {error}."
        trouble = trouble_of(error) or (await sing(sandbox)).trouble
        raise failed(message, transient=True, trouble=trouble) from error


class LocalProductHost:
    """Watches the products below `root`, whose supervisord a `LocalDeployer` shares."""

    def __init__(self, root: Path, *, machine: str, host: str = "127.0.0.1") -> None:
        """`machine` names this machine and `root`; `host` is where products listen."""
        self.machine = machine
        self._layout = Layout(root)
        self._daemon = Daemon(self._layout)
        self._host = host
        self._last_held: dict[str, float | None] = {}

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[bool]:
        """Hold the watch's lock, which the kernel gives back when this process dies."""
        with self._layout.held(WATCH_LOCK) as mine:
            yield mine

    async def look(self) -> Mapping[str, ProductSighting]:
        """Ask supervisord once; see the port."""
        slugs = self._layout.slugs()
        if not slugs or not self._daemon.shall_run:
            return {}
        if self._layout.last_held("supervisor") is None:
            raise HostBusy("supervisord is being started or stopped")
        try:
            found = {one.name: one for one in await self._daemon.processes(ANSWER_SECONDS)}
        except TimeoutError as error:
            raise HostSilent("supervisord does not answer") from error
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return dict.fromkeys(slugs, ProductSighting(RunState.ORPHANED))
        return {slug: self._sighting(slug, found.get(slug)) for slug in slugs}

    def _sighting(self, slug: str, process: Process | None) -> ProductSighting:
        held = self._layout.last_held(f"{slug}.lock")
        handled = held is None or held != self._last_held.get(slug, held)
        self._last_held[slug] = held
        if process is None:
            return ProductSighting(RunState.STOPPED, handled=handled)
        state = _STATES.get(process.state, RunState.STARTING)
        record = self._layout.record(slug) if process.run is None else None
        taken = record is not None and not is_free(self._host, record.port)
        return ProductSighting(state, process.run, handled=handled, port_taken=taken)

    async def healthy(self, slugs: Collection[str]) -> Mapping[str, bool]:
        """Ask each product's health path."""
        records = [record for slug in slugs if (record := self._layout.record(slug)) is not None]
        places = asyncio.Semaphore(AT_ONCE)
        answers = await asyncio.gather(*(self._healthy(one, places) for one in records))
        return dict(answers)

    async def _healthy(self, record: Record, places: asyncio.Semaphore) -> tuple[str, bool]:
        async with places, HealthClient(self._host, record.port) as client:
            return record.slug, await client.ask(record.health) is not None

    async def revive(self) -> None:
        """Start supervisord, which starts every product."""
        with _host_failures():
            await self._daemon.start(answer_seconds=ANSWER_SECONDS)

    async def act(self, slug: str, action: ProductAction) -> None:
        """Tell supervisord; wait for a stop, not for a start."""
        with _host_failures(), self._layout.held(f"{slug}.lock") as mine:
            if not mine or not self._layout.program(slug).exists():
                return
            if action in {ProductAction.STOP, ProductAction.RESTART}:
                await self._daemon.stop_product(slug)
            if action in {ProductAction.START, ProductAction.RESTART}:
                await self._daemon.start_product(slug)


@contextlib.contextmanager
def _host_failures() -> Generator[None]:
    try:
        yield
    except (DaemonError, xmlrpc.client.Error, http.client.HTTPException, OSError) as error:
        message = f"No se pudo manejar el despliegue local: {error}."
        raise PortError(message, cause=FailureCause.DEPLOY_FALLIDO, transient=True) from error
