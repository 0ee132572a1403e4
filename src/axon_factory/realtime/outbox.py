"""What waits to be sent to one reader: bounded, whatever the reader does."""

from collections.abc import Sequence
from uuid import UUID

from axon_factory.realtime.update import Update

__all__ = ["Entry", "Outbox"]

Entry = tuple[Update, bool] | bytes
"""An update, with whether it carries the cursor of all orders; or a frame that is ready."""

_MOST = 256
_MOST_ORDERS = 192
"""Coalescing that leaves more than this would soon have to be repeated."""


class Outbox:
    """Keeps what comes while the reader does not take it.

    Beyond `_MOST` entries it keeps the newest of each order alone. Beyond so many orders it keeps
    none and has *lapsed*: the reader must look at the orders anew.
    """

    __slots__ = ("_entries", "is_coalesced", "is_lapsed")

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self.is_coalesced = False
        """Whether an update gave way to a newer one since this was last looked at."""
        self.is_lapsed = False

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry) -> None:
        """Keep one more."""
        self._entries.append(entry)
        if len(self._entries) > _MOST:
            self._coalesce()

    def take(self) -> Sequence[Entry]:
        """Return all that waits, oldest first, and forget it."""
        taken, self._entries = self._entries, []
        return taken

    def _coalesce(self) -> None:
        """Keep the newest of each order, in the order of those that stay: cursors only grow."""
        of_all: dict[UUID, bool] = {}
        kept: list[Entry] = []
        for entry in reversed(self._entries):
            if isinstance(entry, bytes):
                kept.append(entry)
                continue
            update, carries = entry
            if update.order_id not in of_all:
                kept.append(entry)
            of_all[update.order_id] = of_all.get(update.order_id, False) or carries
        self.is_coalesced = True
        if len(of_all) > _MOST_ORDERS:
            self.is_lapsed = True
            self._entries = [entry for entry in reversed(kept) if isinstance(entry, bytes)]
            return
        self._entries = [
            entry if isinstance(entry, bytes) else (entry[0], of_all[entry[0].order_id])
            for entry in reversed(kept)
        ]
