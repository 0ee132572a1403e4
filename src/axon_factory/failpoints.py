"""Failpoints: named places where a test may kill, pause or fail the process.

Calls to :func:`failpoint` stand only in generated wrappers (around every port call), in the
database's COMMIT events and around the HTTP response, never by hand in business code, so that the
crash matrix enumerates itself (SQLite's "fail the Nth operation" loop, ``malloc_common.tcl``).

A crossing is a place and how often it was crossed before: ``port:builder.proceed:after#2``. That
stays the same when two jobs interleave in another order. With nothing armed a crossing costs one
comparison. Arming is by environment, read once at the start of a process:

``AXON_FAILPOINT_LOG``   a file to which every crossing appends its line.
``AXON_FAILPOINT_KILL``  the crossing at which the process kills itself (SIGKILL).
"""

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

_handler: Callable[[str], None] | None = None
_counts: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """Report that execution crossed the place called `name`; does nothing unless armed."""
    if _handler is not None:
        _counts[name] += 1
        _handler(f"{name}#{_counts[name]}")


def arm(handler: Callable[[str], None]) -> None:
    """Call `handler(crossing)` at each crossing from now on; counts start anew."""
    global _handler  # noqa: PLW0603 — one process, one switch: that is the mechanism
    _counts.clear()
    _handler = handler


def disarm() -> None:
    """Make crossings free again."""
    global _handler  # noqa: PLW0603 — see arm
    _handler = None


def arm_from_environment() -> None:
    """Arm as ``AXON_FAILPOINT_LOG`` and ``AXON_FAILPOINT_KILL`` say; neither set: nothing."""
    log = os.environ.get("AXON_FAILPOINT_LOG")
    kill_at = os.environ.get("AXON_FAILPOINT_KILL")
    if not log and not kill_at:
        return

    def record_and_kill(crossing: str) -> None:
        if log:
            with Path(log).open("a", encoding="utf-8") as file:
                file.write(f"{crossing}\n")
        if crossing == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    arm(record_and_kill)
