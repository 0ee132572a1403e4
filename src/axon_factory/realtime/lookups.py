"""What readers ask of the tables when they begin, many of them by one statement."""

from collections.abc import Sequence
from uuid import UUID

from axon_factory.db.batches import Batches
from axon_factory.db.sessions import Database
from axon_factory.domain.errors import OrderNotFound, Unavailable, ValidationFailed
from axon_factory.domain.permissions import Principal
from axon_factory.orders.feed import position_of
from axon_factory.orders.news import OrderNow, WantedOrder, read_orders_now
from axon_factory.orders.read import parsed_reference

__all__ = ["Lookups"]


class Lookups:
    """Finds orders and places in the feed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._orders: Batches[WantedOrder, tuple[OrderNow | None]] = Batches(self._read, most=250)

    async def order_id(self, reference: str, principal: Principal) -> UUID:
        """Return the id of an order that a caller names by id or number.

        Raises:
            OrderNotFound: it is neither, or no order of theirs has the number.
            Unavailable: the database does not answer.
        """
        parsed = parsed_reference(reference)
        return parsed if isinstance(parsed, UUID) else (await self.find(parsed, principal)).id

    async def find(self, reference: UUID | str, principal: Principal) -> OrderNow:
        """Return an order as it is now.

        Raises:
            OrderNotFound: there is none, or it is not the caller's.
            Unavailable: the database does not answer.
        """
        found = await self._orders.ask(WantedOrder(reference, principal))
        if found is None:
            raise Unavailable(
                "La base de datos no responde; intenta de nuevo en unos segundos",
                message_en="The database does not answer; try again in a few seconds",
            )
        if found[0] is None:
            raise OrderNotFound(str(reference))
        return found[0]

    async def position(self, cursor: str) -> int | None:
        """Return the position that a cursor of the feed names, None if it names none of ours."""
        async with self._database.reading() as session:
            try:
                return await position_of(session, cursor)
            except ValidationFailed:
                return None

    async def _read(self, wanted: Sequence[WantedOrder]) -> Sequence[tuple[OrderNow | None]]:
        async with self._database.raw() as connection:
            return [(one,) for one in await read_orders_now(connection, wanted)]
