"""Watch over the products of this machine: see what died or hangs, bring it back, tell it once.

The products come back without the database; only the telling waits for it.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from axon_factory.db.sessions import Database, is_unavailable
from axon_factory.domain.product_watch import (
    ProductAction,
    ProductMemory,
    ProductSighting,
    ProductTrouble,
    RunState,
    WatchRules,
    judge,
)
from axon_factory.orders.incidents import ProductsSeen, note_products
from axon_factory.orders.policy import Policy
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import HostBusy, HostSilent, ProductHost

_log = structlog.get_logger(__name__)

_HEALTH_EVERY = 5
"""Looks between two questions to a product that is well."""
_MOST_SILENT_LOOKS = 3
_NOTE_SECONDS = 20.0
_LEASE_SECONDS = 5.0
_LONGEST_REVIVAL_PAUSE = 60.0


class ProductWatch:
    """Watches the products of one host. One worker of a machine does so at a time."""

    def __init__(
        self,
        database: Database,
        host: ProductHost,
        policy: Policy,
        *,
        seconds: float,
        rules: WatchRules | None = None,
    ) -> None:
        """`seconds` lie between two looks."""
        self._database = database
        self._host = host
        self._policy = policy
        self._seconds = seconds
        self._rules = rules or WatchRules()
        self._memories: dict[str, ProductMemory] = {}
        self._since = datetime.now(UTC)
        self._looks = 0
        self._silent_looks = 0
        self._revival_at = 0.0
        self._revival_pause = 0.0
        self._noted: Mapping[str, ProductTrouble | None] | None = None
        self._note_at = 0.0
        self._acting: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set; wait while another worker of this machine does."""
        try:
            await self._run(stop)
        finally:
            for task in self._acting:
                task.cancel()
            await asyncio.gather(*self._acting, return_exceptions=True)

    async def _run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with self._host.watching() as mine:
                    self._since = datetime.now(UTC)
                    while mine and not stop.is_set():
                        await self._look_safely()
                        await _pause(stop, self._seconds)
            except OSError as error:
                _log.warning("products not watched", error=str(error))
            await _pause(stop, _LEASE_SECONDS)

    async def _look_safely(self) -> None:
        try:
            await self.look()
        except Exception as error:  # noqa: BLE001 — logged; a watch that ends leaves products down unseen
            if is_unavailable(error):
                _log.warning("products not noted", error=str(error).strip())
            else:
                _log.exception("watch over products failed")

    async def look(self) -> None:
        """Look at every product once, and do what is due."""
        now = time.monotonic()
        try:
            seen = await self._host.look()
            self._silent_looks = 0
        except HostBusy:
            return
        except HostSilent:
            self._silent_looks += 1
            gone = self._silent_looks >= _MOST_SILENT_LOOKS
            orphan = ProductSighting(RunState.ORPHANED)
            seen = dict.fromkeys(self._memories, orphan) if gone else {}
            self._judge(seen, now)
        else:
            gone = any(one.state is RunState.ORPHANED for one in seen.values())
            for slug in self._memories.keys() - seen.keys():
                del self._memories[slug]
            self._judge(seen if gone else await self._with_health(seen), now)
        # At the same time: a database that is away must not keep products down.
        due = [self._note(now), *([self._revive(now)] if gone else [])]
        for result in await asyncio.gather(*due, return_exceptions=True):
            if result is not None:
                raise result

    async def _with_health(
        self, seen: Mapping[str, ProductSighting]
    ) -> Mapping[str, ProductSighting]:
        """Return what was seen with the answers of the products that were asked."""
        turn = self._looks % _HEALTH_EVERY == 0
        self._looks += 1
        asked = [
            slug
            for slug, one in seen.items()
            if one.state is RunState.RUNNING and self._memory(slug).should_ask(turn=turn)
        ]
        answers = await self._host.healthy(asked)
        return {slug: one.answered(answers.get(slug)) for slug, one in seen.items()}

    def _judge(self, seen: Mapping[str, ProductSighting], now: float) -> None:
        """Decide about each product, and begin what is to be done."""
        for slug, one in seen.items():
            action = judge(self._memory(slug), one, now, self._rules)
            if action is not ProductAction.NONE:
                # Not awaited: a stop takes seconds. Until it is done the product is `handled`.
                task = asyncio.create_task(self._act(slug, action))
                self._acting.add(task)
                task.add_done_callback(self._acting.discard)

    async def _act(self, slug: str, action: ProductAction) -> None:
        _log.warning("product handled", slug=slug, action=action.value)
        try:
            await self._host.act(slug, action)
        except PortError as error:
            _log.warning("product not handled", slug=slug, error=str(error))

    async def _revive(self, now: float) -> None:
        """Start the supervisor, at once the first time, then more and more slowly."""
        if now < self._revival_at:
            return
        if now - self._revival_at > _LONGEST_REVIVAL_PAUSE:
            self._revival_pause = 0.0
        self._revival_pause = min(
            max(2 * self._revival_pause, 2 * self._seconds), _LONGEST_REVIVAL_PAUSE
        )
        self._revival_at = now + self._revival_pause
        _log.warning("supervisor of products is started again")
        try:
            await self._host.revive()
        except PortError as error:
            _log.warning("supervisor of products does not start", error=str(error))

    async def _note(self, now: float) -> None:
        """Write down what changed, and from time to time that this machine watches."""
        troubles = {
            slug: memory.trouble for slug, memory in self._memories.items() if memory.is_known
        }
        if troubles == self._noted and now < self._note_at:
            return
        slugs = frozenset(self._memories)
        seen = ProductsSeen(self._host.machine, slugs, troubles, self._since)
        async with self._database.transaction("maintenance") as session:
            await note_products(session, seen, self._policy, datetime.now(UTC))
        self._noted, self._note_at = troubles, now + _NOTE_SECONDS

    def _memory(self, slug: str) -> ProductMemory:
        return self._memories.setdefault(slug, ProductMemory())


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
