"""The running factory as the lifecycle machine uses it: from another thread, one call at a time."""

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx2
from sqlalchemy import text

from axon_factory.domain.permissions import KeyScope
from axon_factory.line.line import Line
from axon_factory.ports.product import CheckReceipt, ProductUnderReview
from tests.proofs.copies import Copies
from tests.proofs.model import OrderModel
from tests.proofs.rows import Facts, facts
from tests.support.ports import ExampleCouncil, example_ports
from tests.support.workshop import Headers, Workshop, example_order

__all__ = ["Key", "Token", "World"]

Result = TypeVar("Result")
_LONGEST_CALL = 60
_WRITTEN = text(
    """
    SELECT md5(string_agg(e::text, '|' ORDER BY seq)) FROM order_events e
    WHERE order_id = :id AND seq <= :seq
    """
)


class _Council(ExampleCouncil):
    """Says what it is told."""

    passes = True

    async def run_check(
        self, check: str, product: ProductUnderReview, *, idempotency_key: str
    ) -> CheckReceipt:
        receipt = await super().run_check(check, product, idempotency_key=idempotency_key)
        if self.passes:
            return receipt
        return replace(receipt, passed=False, exit_code=1, findings=("Falta una prueba",))


@dataclass(frozen=True, slots=True)
class Key:
    """An API key of this run."""

    id: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class Token:
    """An agent's token for one attempt at one order."""

    id: str
    headers: Headers
    order: int
    attempt: int


class World:
    """A workshop whose calls may be made from a thread outside of its event loop."""

    def __init__(self, workshop: Workshop, copies: Copies) -> None:
        self._loop = asyncio.get_running_loop()
        self._workshop = workshop
        self._copies = copies
        self._council = _Council()
        container = workshop.container
        self._line = Line(
            container.database,
            replace(example_ports(container.secret_box), council=self._council),
            container.policy,
            products=container.data_dir,
            worker="machine",
            tokens=container.system_tokens,
        )

    def headers(self, name: str) -> Headers:
        """Return the credential of a workshop's principal."""
        return self._workshop.headers[name]

    async def log_in(self) -> None:
        """Get new access tokens: they hold for a quarter of an hour."""
        await self._workshop.log_in()

    def copy(self, state: str) -> tuple[UUID, OrderModel, str]:
        """Return a fresh order in `state`, its model, and its plan's hash."""
        order_id, model = self._run(self._copies.copy(state))
        return order_id, model, self._copies.originals[state].digest

    def create(self, headers: Headers) -> httpx2.Response:
        """Ask for a new order."""
        return self.send("POST", "/api/orders", headers, example_order())

    def send(
        self, method: str, path: str, headers: Headers, body: Mapping[str, Any] | None = None
    ) -> httpx2.Response:
        """Send a request."""
        return self._run(self._workshop.http.request(method, path, headers=headers, json=body))

    def advance(self, order_id: UUID, *, council_passes: bool) -> bool:
        """Let the line do what is due; return whether anything was."""
        self._council.passes = council_passes
        return self._run(self._line.advance(order_id)) is not None

    def facts(self, order_id: UUID, seq: int) -> tuple[Facts, str]:
        """Return the order's facts and a digest of its events up to `seq`."""
        return self._run(self._facts(order_id, seq))

    def mint(self, order: int, order_id: UUID, attempt: int) -> Token:
        """Return a token for an attempt at the order."""
        return self._run(self._mint(order, order_id, attempt))

    def make_key(self, scope: str) -> Key:
        """Return a new API key."""
        return self._run(self._make_key(scope))

    def revoke(self, credential: Key | Token) -> None:
        """Revoke a key or a token."""
        self._run(self._revoke(credential))

    def _run(self, call: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(call, self._loop).result(_LONGEST_CALL)

    async def _facts(self, order_id: UUID, seq: int) -> tuple[Facts, str]:
        async with self._workshop.container.database.reading() as session:
            (found,) = await facts(session, [order_id])
            return found, await session.scalar(_WRITTEN, {"id": order_id, "seq": seq})

    async def _mint(self, order: int, order_id: UUID, attempt: int) -> Token:
        container = self._workshop.container
        async with container.database.transaction("test") as session:
            minted = await container.system_tokens.mint_for_attempt(
                session, order_id=order_id, intento=attempt, agent="QA Agent", created_by="t"
            )
        return Token(minted.id, {"X-System-Token": minted.plaintext}, order, attempt)

    async def _make_key(self, scope: str) -> Key:
        container = self._workshop.container
        async with container.database.transaction("test") as session:
            made = await container.api_keys.create(
                session, name=f"k-{uuid4().hex[:12]}", scope=KeyScope(scope), created_by="t"
            )
        return Key(made.key.id, {"X-API-Key": made.plaintext})

    async def _revoke(self, credential: Key | Token) -> None:
        container = self._workshop.container
        kinds = container.api_keys if isinstance(credential, Key) else container.system_tokens
        async with container.database.transaction("test") as session:
            await kinds.revoke(session, credential.id)
