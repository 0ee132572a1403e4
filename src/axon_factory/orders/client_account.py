"""To whom an order belongs, where its client gets an account."""

import hashlib

from axon_factory.orders.change import Change
from axon_factory.orders.correct import correct_order
from axon_factory.orders.requests import OrderPatch

__all__ = ["give_owner", "owner_for"]

_PREFIX = "cliente-"
_DIGITS = 16


def owner_for(email: str) -> str:
    """Return the `cliente_id` of a client who is known by this mail address alone.

    The same address in the same spelling always has the same one, so that a second order whose
    client is invited belongs to the same account.
    """
    digest = hashlib.sha256(email.strip().lower().encode()).hexdigest()
    return f"{_PREFIX}{digest[:_DIGITS]}"


async def give_owner(change: Change, client_id: str) -> None:
    """Give the locked order, which has no `cliente_id`, to the users who have this one.

    It is a correction: the history says so, and any correction later changes it.

    Raises:
        Conflict: the order was cancelled.
    """
    await correct_order(change, OrderPatch(cliente_id=client_id))
    await change.wake()
