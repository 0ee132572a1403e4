"""Orders in any state, without waiting for the line: copies of one that the line has made.

The original of each state went through the real line and API, together with its model. A copy has
the same rows under an id of its own, and credentials sealed to that id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from axon_factory.domain.states import OrderState
from tests.proofs.line_model import advanced
from tests.proofs.model import ADMIN, Act, OrderModel, perform
from tests.support.copies import copy_orders
from tests.support.workshop import Workshop

__all__ = ["Copies", "Original"]


@dataclass(frozen=True, slots=True)
class Original:
    """An order that nobody touches, and what the model knows of it."""

    id: UUID
    model: OrderModel
    digest: str = ""
    """The hash of its plan."""


class Copies:
    """Makes copies of one original per state."""

    def __init__(self, workshop: Workshop, originals: Mapping[str, Original]) -> None:
        self._workshop = workshop
        self.originals = originals

    @classmethod
    async def of(cls, workshop: Workshop) -> "Copies":
        """Drive one order through its life, and keep a copy of it in each state."""
        copies = cls(workshop, originals := {})
        living, model = await workshop.place(), OrderModel()

        async def keep() -> None:
            source = Original(living, model)
            digest = (await workshop.order(living)).plan_hash or ""
            kept = await copies.copy_of(source)
            originals[model.estado] = Original(kept, model, digest)

        await keep()
        while model.estado != "entregado":
            following = advanced(model)
            if following is None:
                await keep()
                await workshop.patch(living, estado="construccion")
                _, following = perform(model, Act("patch", {"estado": "construccion"}), ADMIN)
            else:
                assert await workshop.line.advance(living) is not None
            moved, model = following.estado != model.estado, following
            if (moved and model.estado in {"construccion", "qa", "entregado"}) or (
                model.estado == "listo" and model.deployed
            ):
                await keep()
        for state in (OrderState.FALLIDO, OrderState.CANCELADO):
            source = originals["construccion"]
            ended = await copies.copy_of(source)
            await workshop.patch(ended, estado=state)
            _, after = perform(source.model, Act("patch", {"estado": state.value}), ADMIN)
            originals[state.value] = Original(ended, after, source.digest)
        return copies

    async def copy(self, state: str) -> tuple[UUID, OrderModel]:
        """Return a fresh order in `state` and its model."""
        return (await self.many(state, 1))[0], self.originals[state].model

    async def many(self, state: str, count: int) -> Sequence[UUID]:
        """Return `count` fresh orders in `state`."""
        return await self._many_of(self.originals[state], count)

    async def copy_of(self, original: Original) -> UUID:
        """Return a copy of an order that is still moving."""
        return (await self._many_of(original, 1))[0]

    async def _many_of(self, original: Original, count: int) -> Sequence[UUID]:
        return await copy_orders(self._workshop, original.id, count)
