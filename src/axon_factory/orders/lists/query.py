"""What a list asks for: the documented parameters of GET /api/orders."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from axon_factory.domain.permissions import Principal
from axon_factory.domain.priority import Priority
from axon_factory.domain.states import OrderState
from axon_factory.orders.lists.cursor import Cursor
from axon_factory.orders.lists.fields import SUMMARY

__all__ = ["ListQuery", "SortKey"]

SortKey = Literal["created_at", "updated_at", "prioridad"]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A filter, an order and a page. Within a filter any value serves; of `tags`, all must.

    `created_from` is inclusive and `created_before` exclusive. `words` are prefixes that `q` asks
    for. A page begins at `offset`, or beyond `cursor`.
    """

    states: tuple[OrderState, ...] = ()
    product_types: tuple[str, ...] = ()
    priorities: tuple[Priority, ...] = ()
    tags: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    client_ids: tuple[str, ...] = ()
    text: str | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    limit: int = 50
    offset: int = 0
    sort_by: SortKey = "created_at"
    descending: bool = True
    fields: tuple[str, ...] = SUMMARY
    cursor: Cursor | None = None

    def identity(self, principal: Principal) -> str:
        """Return what a cursor is bound to: the filter, the order, and whose orders they are."""
        return repr(
            (
                *(sorted(set(values)) for values in self._choices()),
                self.text,
                self.created_from,
                self.created_before,
                self.sort_by,
                self.descending,
                principal.client_id,
            )
        )

    def _choices(self) -> tuple[tuple[str, ...], ...]:
        return (
            self.states,
            self.product_types,
            self.priorities,
            self.tags,
            self.assignees,
            self.client_ids,
        )
