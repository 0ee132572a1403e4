"""Publish: give the built repository its address (`repo_url`)."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.events import EventKind, NewEvent
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.factory.step import line_actor
from axon_factory.orders.events import append_event
from axon_factory.orders.transitions import wake
from axon_factory.ports.product import GitHost

__all__ = ["PublishRepository"]

_BUILDER = line_actor("Builder Agent")


@dataclass(frozen=True, slots=True)
class Repository:
    """What is to be published."""

    slug: str
    product_dir: Path


class PublishRepository:
    """Push the product's repository to the git host."""

    cause = FailureCause.CONSTRUCCION_FALLIDA

    def __init__(self, git_host: GitHost, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._git_host = git_host
        self._products = products

    async def prepare(self, _session: AsyncSession, order: Order, _step: DueStep) -> Repository:
        """Name the repository."""
        return Repository(order.slug, self._products / order.slug)

    async def call(self, work: Repository, *, idempotency_key: str) -> str:
        """Publish it."""
        return await self._git_host.publish(
            work.slug, work.product_dir, idempotency_key=idempotency_key
        )

    async def record(
        self, session: AsyncSession, order: Order, _work: Repository, outcome: str, now: datetime
    ) -> None:
        """Keep the address."""
        order.repo_url = outcome
        event = NewEvent(
            kind=EventKind.REPOSITORIO_PUBLICADO,
            agent=_BUILDER.name,
            message=f"Repositorio publicado: {outcome}",
            metadata={"repo_url": outcome},
        )
        await append_event(session, order, event, actor=_BUILDER, now=now)
        await wake(session, order, now)
