"""What a running command uses, sampled from outside: processor time, lost time, and disk."""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_SECONDS = 1.0
_LOOK_SECONDS = 0.2
_SHARE = 5
"""Looking at a folder may take one part in so many of the time."""
_BLOCK_BYTES = 4096
_FULL_BYTES = 64 * 1024
_RESERVE_BYTES = 64 * 1024 * 1024
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class DiskBound:
    """How much a run may write, and where.

    `in_memory`: the folder is a tmpfs of that size in the run's own mount namespace, whose kernel
    holds the bound by itself. Else the folder is counted, which a run that hides files can evade:
    the file system's last room (64 MiB) is kept from it too.
    """

    folder: Path
    most_bytes: int
    in_memory: bool


class Meter:
    """Samples one run: the process `leader` with its descendants, and its writable folder."""

    def __init__(self, bound: DiskBound | None) -> None:
        """`bound`: what the run may write from now on; None: it is not looked at."""
        self._bound = bound
        self._before = 0
        if bound is not None and not bound.in_memory:
            self._before = _size_of(bound.folder)
        self._inside: int | None = None
        self._times: dict[tuple[int, int], tuple[int, int]] = {}
        self.filled_machine = False
        """Whether the machine's disk, and not the bound, has come to its end."""

    @property
    def cpu_seconds(self) -> float:
        """How long the processes ran, as far as they were seen."""
        return sum(run for run, _ in self._times.values()) / _NANOSECONDS

    @property
    def waiting_seconds(self) -> float:
        """How long they were ready to run and got no processor; 0 where no kernel tells."""
        return sum(wait for _, wait in self._times.values()) / _NANOSECONDS

    async def watch(self, leader: int) -> None:
        """Sample until cancelled; return when the run has written more than it may."""
        due = time.monotonic() + _SAMPLE_SECONDS
        while True:
            began = time.monotonic()
            if await asyncio.to_thread(self._is_over, leader):
                return
            if began >= due:
                await asyncio.to_thread(self.sample, leader)
                due = began + _SAMPLE_SECONDS
            await asyncio.sleep(max(_LOOK_SECONDS, _SHARE * (time.monotonic() - began)))

    def sample(self, leader: int) -> None:
        """Add what the living processes of the run have used until now."""
        for pid in _descendants(leader):
            for thread in _names(f"/proc/{pid}/task"):
                with contextlib.suppress(OSError, ValueError, IndexError):
                    figures = Path(f"/proc/{pid}/task/{thread}/schedstat").read_text("ascii")
                    ran, waited = figures.split()[:2]
                    self._times[pid, int(thread)] = int(ran), int(waited)

    def _is_over(self, leader: int) -> bool:
        bound = self._bound
        if bound is None:
            return False
        if bound.in_memory:
            return self._is_full(leader, bound)
        with contextlib.suppress(OSError):
            room = os.statvfs(bound.folder)
            self.filled_machine = room.f_bavail * room.f_frsize < _RESERVE_BYTES
        limit = self._before + bound.most_bytes
        return self.filled_machine or _size_of(bound.folder, limit) > limit

    def _is_full(self, leader: int, bound: DiskBound) -> bool:
        """Return whether the run's own tmpfs has no room: seen through one of its processes."""
        known = () if self._inside is None else (self._inside,)
        for pid in known or sorted(_descendants(leader), reverse=True):
            with contextlib.suppress(OSError):
                room = os.statvfs(f"/proc/{pid}/root{bound.folder}")
                # Before the sandbox stands, the same path is the machine's.
                if room.f_blocks * room.f_frsize == bound.most_bytes:
                    self._inside = pid
                    files = room.f_files - room.f_ffree
                    return (
                        room.f_bavail * room.f_frsize < _FULL_BYTES
                        or files * _BLOCK_BYTES > bound.most_bytes
                    )
        self._inside = None
        return False


def oom_kills() -> int:
    """Return how often the kernel has killed for want of memory since its start; 0: unknown."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/vmstat").read_text("ascii").splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return 0


def processor_count() -> int:
    """Return how many processors this process may use."""
    with contextlib.suppress(AttributeError):  # Linux only
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _descendants(leader: int) -> set[int]:
    """Return `leader` and the processes below it."""
    children: dict[int, list[int]] = {}
    for name in _names("/proc"):
        if not name.isdigit():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            # A program's name may hold spaces and parentheses: only the last one ends it.
            fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(name))
    found, waiting = set[int](), [leader]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += children.get(one, [])
    return found


def _names(folder: str) -> list[str]:
    with contextlib.suppress(OSError):
        return os.listdir(folder)  # noqa: PTH208 — names only, many times
    return []


def _size_of(folder: Path, enough: int | None = None) -> int:
    """Return the bytes on disk below `folder`; counting ends beyond `enough`."""
    total = 0
    for size in _sizes(str(folder)):
        total += size
        if enough is not None and total > enough:
            break
    return total


def _sizes(folder: str) -> Iterator[int]:
    """Yield the size of each entry; each counts for a block at least, for inodes are finite too."""
    waiting = [folder]
    while waiting:
        try:
            entries = os.scandir(waiting.pop())
        except OSError:
            continue  # removed meanwhile, or closed to us
        with entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    yield max(_BLOCK_BYTES, status.st_blocks * 512)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
