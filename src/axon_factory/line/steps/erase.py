"""Erase: remove what is left of an erased order outside the database."""

import asyncio
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from axon_factory.domain.events import EventKind
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.lifecycle import DueStep
from axon_factory.domain.names import OPS
from axon_factory.line.step import LinePorts
from axon_factory.orders.change import Change
from axon_factory.orders.erasure import mail_keys, note_erased
from axon_factory.ports.errors import PortError

__all__ = ["EraseOrder"]


@dataclass(frozen=True, slots=True)
class Remains:
    """What is to be removed. `product` is the product's folder, None if the product stays."""

    order_id: UUID
    slug: str
    mails: Sequence[str]
    product: Path | None


class EraseOrder:
    """Remove mails and workspaces; where asked also the product, its data and its repository."""

    cause = FailureCause.ENTREGA_FALLIDA

    def __init__(self, ports: LinePorts, products: Path) -> None:
        """`products` is the folder of the products' repositories."""
        self._ports = ports
        self._products = products

    async def prepare(self, change: Change, _step: DueStep) -> Remains:
        """Collect the names under which things are kept."""
        order = change.order
        product = self._products / order.slug if order.product_erased else None
        return Remains(order.id, order.slug, await mail_keys(change.tx, order), product)

    async def call(self, work: Remains, *, idempotency_key: str) -> None:
        """Remove everything; what is gone already is no error."""
        key = idempotency_key
        await self._ports.mailer.forget(work.mails)
        await self._ports.builder.forget(str(work.order_id), idempotency_key=key)
        if work.product is None:
            return
        await self._ports.deployer.erase(work.slug, idempotency_key=key)
        await self._ports.git_host.remove(work.slug, idempotency_key=key)
        try:
            await asyncio.to_thread(_remove, work.product)
        except OSError as error:
            message = f"El código del producto no se pudo borrar: {error.strerror}."
            raise PortError(message, cause=self.cause, transient=True) from error

    async def record(self, change: Change, work: Remains, _outcome: None) -> None:
        """Note that nothing is left."""
        await change.by(OPS).tell_staff(
            EventKind.RECURSOS_LIBERADOS, "Datos borrados fuera de la base de datos"
        )
        await note_erased(change, product=work.product is not None)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
