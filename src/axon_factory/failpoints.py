"""Failpoints: named places where a test may kill, pause or fail the process.

Calls to :func:`failpoint` stand only in generated wrappers (around every port call), in the
database's COMMIT events and around the HTTP response, never by hand in business code, so that the
crash matrix enumerates itself (SQLite's "fail the Nth operation" loop, ``malloc_common.tcl``).

With nothing armed a crossing costs one comparison. Arming is by environment, read once at import:

``AXON_FAILPOINT_LOG``   a file to which every crossing appends one line ``<n> <name>``.
``AXON_FAILPOINT_KILL``  the number n of the crossing at which the process kills itself (SIGKILL).
"""

import os
import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

__all__ = ["arm", "arm_from_environment", "disarm", "failpoint"]

Handler = Callable[[int, str], None]

_handler: Handler | None = None
_crossings = count(1)


def failpoint(name: str) -> None:
    """Report that execution crossed the place called `name`; does nothing unless armed."""
    if _handler is not None:
        _handler(next(_crossings), name)


def arm(handler: Handler) -> None:
    """Call `handler(number, name)` at each crossing from now on; numbers start at 1 again."""
    global _handler, _crossings  # noqa: PLW0603 — one process, one switch: that is the mechanism
    _crossings = count(1)
    _handler = handler


def disarm() -> None:
    """Make crossings free again."""
    global _handler  # noqa: PLW0603 — see arm
    _handler = None


def arm_from_environment() -> None:
    """Arm as ``AXON_FAILPOINT_LOG`` and ``AXON_FAILPOINT_KILL`` say; neither set: nothing."""
    log = os.environ.get("AXON_FAILPOINT_LOG")
    kill_at = int(os.environ.get("AXON_FAILPOINT_KILL", "0"))
    if not log and not kill_at:
        return

    def record_and_kill(number: int, name: str) -> None:
        if log:
            with Path(log).open("a", encoding="utf-8") as file:
                file.write(f"{number} {name}\n")
        if number == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    arm(record_and_kill)
