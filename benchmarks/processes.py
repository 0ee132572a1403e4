"""Processor time of a tree of processes, from /proc, with its children that have ended."""

import os
from pathlib import Path

__all__ = ["cumulative_seconds"]

_TICKS = os.sysconf("SC_CLK_TCK")


def cumulative_seconds(pid: int | None) -> float:
    """Return the seconds that `pid`, what it waits for and what it has waited for have used.

    Raises:
        RuntimeError: there is no such process.
    """
    if pid is None:
        raise RuntimeError("the process does not run")
    return sum(_ticks(one) for one in _tree(pid)) / _TICKS


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except FileNotFoundError:
        return []
    return [pid, *(below for child in children for below in _tree(int(child)))]


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except FileNotFoundError:
        return 0
    return sum(int(fields[place]) for place in (11, 12, 13, 14))
