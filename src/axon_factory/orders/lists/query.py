"""What a list asks for: the documented parameters of GET /api/orders."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from axon_factory.domain.building import Priority
from axon_factory.domain.permissions import Principal
from axon_factory.domain.states import Needs, OrderState, PlanStatus, WaitsFor
from axon_factory.orders.lists.cursor import Cursor
from axon_factory.orders.lists.fields import SUMMARY

__all__ = ["ListQuery", "SortKey"]

SortKey = Literal["created_at", "updated_at", "prioridad"]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """A filter, an order and a page. Within a filter any value serves; of `tags`, all must.

    Of each pair of times the first is inclusive and the second exclusive. `text` is what `q` asks
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
    plan_states: tuple[PlanStatus, ...] = ()
    waits: tuple[WaitsFor, ...] = ()
    needs: tuple[Needs, ...] = ()
    order_numbers: tuple[str, ...] = ()
    updated_from: datetime | None = None
    updated_before: datetime | None = None
    delivered_from: datetime | None = None
    delivered_before: datetime | None = None
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
                *(self._others() if any(self._others()) else ()),
            )
        )

    def _others(self) -> tuple[object, ...]:
        """Return the filters that a cursor did not name before there were any of them."""
        return (
            tuple(sorted(set(self.plan_states))),
            tuple(sorted(set(self.waits))),
            tuple(sorted(set(self.needs))),
            tuple(sorted(set(self.order_numbers))),
            self.updated_from,
            self.updated_before,
            self.delivered_from,
            self.delivered_before,
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
