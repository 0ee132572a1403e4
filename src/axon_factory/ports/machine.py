"""Machine: says whether the machine can do the line's work at present."""

from collections.abc import Sequence
from typing import Protocol

from axon_factory.domain.machine import MachineTrouble


class Machine(Protocol):
    """Looks at the machine that it runs on. No look changes anything or waits for anything."""

    def troubles(self) -> Sequence[MachineTrouble]:
        """Return what is wrong now; empty: nothing is known to be wrong."""
        ...
