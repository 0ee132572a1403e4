"""The products of this machine as the watch sees them: supervisord's words, and their health."""

import asyncio
import contextlib
import http.client
import xmlrpc.client
from collections.abc import AsyncGenerator, Collection, Generator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from axon_factory.adapters.deployer.local.daemon import Daemon, DaemonError, Process
from axon_factory.adapters.deployer.local.health import HealthClient
from axon_factory.adapters.deployer.local.layout import Layout, Record, is_free
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.product_watch import ProductAction, ProductSighting, RunState
from axon_factory.ports.errors import PortError
from axon_factory.ports.product_host import HostBusy, HostSilent

ANSWER_SECONDS = 5.0
AT_ONCE = 8
WATCH_LOCK = "watch"
_STATES = {
    "RUNNING": RunState.RUNNING,
    "STOPPED": RunState.STOPPED,
    "STOPPING": RunState.STOPPED,
    "FATAL": RunState.FAILED,
}
"""supervisord's other words are those of a product that it is about to start."""


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
        with _failures():
            await self._daemon.start(answer_seconds=ANSWER_SECONDS)

    async def act(self, slug: str, action: ProductAction) -> None:
        """Tell supervisord; wait for a stop, not for a start."""
        with _failures(), self._layout.held(f"{slug}.lock") as mine:
            if not mine or not self._layout.program(slug).exists():
                return
            if action in {ProductAction.STOP, ProductAction.RESTART}:
                await self._daemon.stop_product(slug)
            if action in {ProductAction.START, ProductAction.RESTART}:
                await self._daemon.start_product(slug)


@contextlib.contextmanager
def _failures() -> Generator[None]:
    try:
        yield
    except (DaemonError, xmlrpc.client.Error, http.client.HTTPException, OSError) as error:
        message = f"No se pudo manejar el despliegue local: {error}."
        raise PortError(message, cause=FailureCause.DEPLOY_FALLIDO, transient=True) from error
