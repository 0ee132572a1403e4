"""Runs one command as a group of processes: output, time and disk are bounded.

All of the group is killed at the end. The meter samples processor time, lost time and disk from
outside.
"""

import asyncio
import contextlib
import hashlib
import os
import signal
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from axon_factory.adapters.child_processes import start_group
from axon_factory.adapters.sandbox.confinement import SandboxRun

_SAMPLE_SECONDS = 1.0
_LOOK_SECONDS = 0.2
_SHARE = 5
"""Looking at a folder may take one part in so many of the time."""
_BLOCK_BYTES = 4096
_FULL_BYTES = 64 * 1024
_RESERVE_BYTES = 64 * 1024 * 1024
_NANOSECONDS = 1_000_000_000
COOKIE = "AXON_SANDBOX_RUN"
"""Marks every process of a run in its environment, so that those that left the group are found."""

CHUNK_BYTES = 64 * 1024
DRAIN_SECONDS = 5.0


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


@dataclass(slots=True)
class _Output:
    limit: int
    content: bytearray = field(default_factory=bytearray)
    truncated: bool = False

    async def read(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(CHUNK_BYTES):
            room = self.limit - len(self.content)
            self.content += chunk[:room]
            if len(chunk) > room:
                self.truncated = True
                return


async def run_captured(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    wall_seconds: float,
    output_bytes: int,
    disk: DiskBound | None = None,
    isolation: str = "subprocess",
) -> SandboxRun:
    """Run `command` to its end or its limits; nothing it started is alive afterwards.

    Cancelling kills it too. `environment` is the whole environment. A run that writes more than
    `disk` allows is killed. `isolation` is what the words of `command` do, for the evidence.

    Raises:
        OSError: it could not be started.
    """
    cookie = uuid.uuid4().hex
    started, killed_before = time.monotonic(), oom_kills()
    meter = await asyncio.to_thread(Meter, disk)
    read_end, write_end = os.pipe()
    try:
        # A pipe of our own: asyncio's waits for every holder of it, also for escaped grandchildren.
        process = await start_group(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=write_end,
            stderr=write_end,
            env={**environment, COOKIE: cookie},
            umask=0o022,
        )
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    output = _Output(output_bytes)
    timed_out = overwrote = False
    stream, transport = await _connect(read_end)
    reading = asyncio.create_task(output.read(stream))
    watching = asyncio.create_task(meter.watch(process.pid))
    try:
        timed_out = not await _finish(process, reading, watching, output, wall_seconds)
        if watching.done():
            watching.result()
            overwrote = not meter.filled_machine
        if timed_out:
            await asyncio.to_thread(meter.sample, process.pid)
    finally:
        watching.cancel()
        _kill_tree(process.pid, cookie)
        await asyncio.shield(process.wait())
        # What the killed still had in the pipe belongs to the evidence.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reading, DRAIN_SECONDS)
        transport.close()
    content = bytes(output.content)
    return SandboxRun(
        exit_code=process.returncode if process.returncode is not None else -signal.SIGKILL,
        output=content,
        output_digest=hashlib.sha256(content).hexdigest(),
        duration_seconds=time.monotonic() - started,
        isolation=isolation,
        timed_out=timed_out,
        truncated=output.truncated,
        overwrote=overwrote,
        filled_machine=meter.filled_machine,
        cpu_seconds=meter.cpu_seconds,
        waiting_seconds=meter.waiting_seconds,
        oom_kills=max(0, oom_kills() - killed_before),
    )


async def _connect(read_end: int) -> tuple[asyncio.StreamReader, asyncio.ReadTransport]:
    stream = asyncio.StreamReader(limit=CHUNK_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(read_end, "rb", buffering=0)
    )
    return stream, transport


async def _finish(
    process: asyncio.subprocess.Process,
    reading: asyncio.Task[None],
    watching: asyncio.Task[None],
    output: _Output,
    wall_seconds: float,
) -> bool:
    """Wait until the command has ended, said or written too much; False when time ran out."""
    exited = asyncio.create_task(process.wait())
    try:
        async with asyncio.timeout(wall_seconds):
            ends = {exited, reading, watching}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if reading.done() and not output.truncated:  # it has closed its output, and goes on
                await asyncio.wait({exited, watching}, return_when=asyncio.FIRST_COMPLETED)
    except TimeoutError:
        return False
    finally:
        exited.cancel()
    return True


def _kill_tree(leader: int, cookie: str) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    mark = f"{COOKIE}={cookie}".encode()
    # Again until none is found: a process may fork between being seen and being killed.
    for _ in range(20):
        survivors = [pid for pid in _all_processes() if mark in _environment_of(pid)]
        if not survivors:
            return
        for pid in survivors:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _all_processes() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]  # noqa: PTH208 — names only, many times


def _environment_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
