"""Keeps Python's collector of cycles from stopping a process that holds thousands of connections.

A full collection looks at every object that lives: half a second with 5,000 connections, in which
nobody is told anything. Connections live long, so they are put out of its sight a hundred at a time
(`gc.freeze`). What is in a cycle and out of sight is not found when its connection ends, so the
cycles are cut then, and all is looked at once after many have ended.
"""

import gc

__all__ = ["SocketMemory"]

_STEP = 100
_ENDED = 5_000


class SocketMemory:
    """Counts the connections of a process."""

    def __init__(self) -> None:
        self.open = 0
        """How many there are now."""
        self._new = 0
        self._ended = 0

    def opened(self) -> None:
        """Note one more."""
        self.open += 1
        self._new += 1
        if self._new >= _STEP:
            self._new = 0
            gc.collect(1)  # what is garbage already, and young
            gc.freeze()

    def closed(self) -> None:
        """Note one fewer."""
        self.open -= 1
        self._ended += 1
        if self._ended >= _ENDED + 2 * self.open:
            self._ended = 0
            gc.unfreeze()
            gc.collect()
            gc.freeze()
