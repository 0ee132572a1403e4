"""Product host: the processes of delivered products on this machine, to be watched over."""

from collections.abc import Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from axon_factory.domain.product_watch import ProductAction, ProductSighting


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
