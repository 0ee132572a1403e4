"""Runs one command as a group of processes: bounded capture, and all of it killed at the end."""

import asyncio
import contextlib
import hashlib
import os
import signal
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from axon_factory.adapters.child_processes import start_group
from axon_factory.adapters.sandbox.meter import DiskBound, Meter, oom_kills

COOKIE = "AXON_SANDBOX_RUN"
"""Marks every process of a run in its environment, so that those that left the group are found."""

CHUNK_BYTES = 64 * 1024
DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Captured:
    """How a command ended and what it wrote."""

    exit_code: int
    output: bytes
    output_digest: str
    duration_seconds: float
    timed_out: bool
    truncated: bool
    overwrote: bool
    filled_machine: bool
    cpu_seconds: float
    waiting_seconds: float
    oom_kills: int


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
) -> Captured:
    """Run `command` to its end or its limits; nothing it started is alive afterwards.

    Cancelling kills it too. `environment` is the whole environment. A run that writes more than
    `disk` allows is killed.

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
    return Captured(
        exit_code=process.returncode if process.returncode is not None else -signal.SIGKILL,
        output=content,
        output_digest=hashlib.sha256(content).hexdigest(),
        duration_seconds=time.monotonic() - started,
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
