"""Supervises one launch of a coding agent: a process that outlives the worker that started it.

It needs nothing but the standard library, so that it outlives every upgrade of the factory too.
Arguments: the run's folder (see `runs`), the number of the launch, and an open file whose lock it
holds for as long as it lives. Standard input: the launch, JSON (`argv`, `environment`,
`wall_seconds`, `output_bytes`, `grace_seconds`). It is never written down, for its environment
holds the keys of model providers.

SIGTERM asks the agent to end, SIGUSR1 ends it. However the agent ends, nothing it started lives
on, and then the exit record is written, whole or not at all.
"""

import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

ASKED, FORCED, TIME, OUTPUT, UNSTARTED = "detenida", "forzada", "tiempo", "salida", "arranque"
"""Why a launch ended: the `reason` of its exit record; null where the agent ended by itself."""

_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER in <linux/prctl.h>
_CHUNK_BYTES = 64 * 1024
_COMPLAINT_BYTES = 256 * 1024
_REAP_SECONDS = 10.0
_DRAIN_SECONDS = 5.0
_TICK_SECONDS = 0.02


def started(pid: int) -> str:
    """Return the boot and the clock tick in which a process began: with its pid, its identity.

    Raises:
        OSError: there is no such process.
    """
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    # The name in parentheses may hold spaces and parentheses of its own.
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return f"{boot}:{fields.rpartition(')')[2].split()[19]}"


def write_record(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON so that a reader, or a crash, finds all of it or nothing."""
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@dataclass(slots=True)
class _Sink:
    """A file that takes so many bytes and no more."""

    file: IO[bytes]
    room: int
    is_output: bool

    def take(self, chunk: bytes) -> bool:
        """Write what there is room for; False when that was not all."""
        self.file.write(chunk[: self.room])
        self.file.flush()
        fits = len(chunk) <= self.room
        self.room = max(0, self.room - len(chunk))
        return fits


class _Supervisor:
    """One launch of the agent, from its start to its record."""

    def __init__(self, folder: Path, number: int, launch: Mapping[str, Any]) -> None:
        self._folder = folder
        self._number = number
        self._launch = launch
        self._reason: str | None = None
        self._kill_at: float | None = None
        self._selector = selectors.DefaultSelector()
        self._signals = _signal_pipe()
        self._selector.register(self._signals, selectors.EVENT_READ)

    def record(self, agent: int | None) -> None:
        me = os.getpid()
        identity = {"pid": me, "started": started(me)}
        if agent is not None:
            with suppress(OSError):
                identity |= {"agent_pid": agent, "agent_started": started(agent)}
        write_record(self._folder / f"run-{self._number}.json", {**identity, "at": _now()})

    def supervise(self) -> None:
        try:
            process = self._start()
        except OSError as error:
            self._reason = UNSTARTED
            (self._folder / "errors.log").write_text(str(error), encoding="utf-8")
            return self._end_record(127)
        self.record(process.pid)
        deadline = time.monotonic() + float(self._launch["wall_seconds"])
        with self._output() as output, (self._folder / "errors.log").open("wb") as complaints:
            self._watch(
                process.stdout, _Sink(output, int(self._launch["output_bytes"]), is_output=True)
            )
            self._watch(process.stderr, _Sink(complaints, _COMPLAINT_BYTES, is_output=False))
            while process.poll() is None:
                self._check_time(process, deadline)
                self._serve(process)
            _end_descendants()
            self._drain()
        return self._end_record(process.returncode)

    def _end_record(self, code: int) -> None:
        record = {"code": code, "reason": self._reason, "at": _now()}
        write_record(self._folder / f"exit-{self._number}.json", record)

    def _start(self) -> "subprocess.Popen[bytes]":
        with (self._folder / "goal.md").open("rb") as goal:
            return subprocess.Popen(  # noqa: S603 — the sandbox's own words
                self._launch["argv"],
                stdin=goal,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._launch["environment"],
                start_new_session=True,
            )

    def _output(self) -> IO[bytes]:
        file = (self._folder / "output.jsonl").open("ab")
        size = file.tell()
        if size and not _ends_a_line(self._folder / "output.jsonl", size):
            file.write(b"\n")
        return file

    def _watch(self, pipe: IO[bytes] | None, sink: _Sink) -> None:
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
            self._selector.register(pipe, selectors.EVENT_READ, sink)

    def _check_time(self, process: "subprocess.Popen[bytes]", deadline: float) -> None:
        now = time.monotonic()
        if now >= deadline and self._reason is None:
            self._end(process, TIME)
        if self._kill_at is not None and now >= self._kill_at:
            _signal_group(process.pid, signal.SIGKILL)

    def _end(self, process: "subprocess.Popen[bytes]", reason: str) -> None:
        """Ask the agent to end; one that overstepped is not asked for ever."""
        self._reason = self._reason or reason
        _signal_group(process.pid, signal.SIGTERM)
        if reason != ASKED:
            self._kill_at = time.monotonic() + float(self._launch["grace_seconds"])

    def _serve(self, process: "subprocess.Popen[bytes]") -> None:
        for key, _ in self._selector.select(timeout=0.5):
            if key.fd != self._signals:
                self._pump(key, process)
                continue
            for number in os.read(self._signals, 512):
                if number == signal.SIGTERM:
                    self._end(process, ASKED)
                elif number == signal.SIGUSR1:
                    self._reason = self._reason or FORCED
                    _signal_group(process.pid, signal.SIGKILL)
                    _end_descendants(spare=process.pid)

    def _pump(self, key: selectors.SelectorKey, process: "subprocess.Popen[bytes] | None") -> None:
        chunk = os.read(key.fd, _CHUNK_BYTES)
        if not chunk:
            self._selector.unregister(key.fileobj)
            return
        sink: _Sink = key.data
        fits = sink.take(chunk)
        if not fits and sink.is_output and process is not None and self._reason is None:
            self._end(process, OUTPUT)

    def _drain(self) -> None:
        """Keep what the dead had still in their pipes."""
        self._selector.unregister(self._signals)
        end = time.monotonic() + _DRAIN_SECONDS
        while self._selector.get_map() and time.monotonic() < end:
            for key, _ in self._selector.select(timeout=0.1):
                self._pump(key, None)


def _signal_pipe() -> int:
    """Turn the signals that matter into bytes on a pipe; return its reading end."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD):
        signal.signal(number, _noted)
    return reading


def _noted(_number: int, _frame: object) -> None:
    """Do nothing: the number is on the pipe, and who reads that acts on it."""


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _end_descendants(spare: int | None = None) -> None:
    """Kill what the agent left, one by one: orphans become ours (see `_adopt_orphans`)."""
    end = time.monotonic() + _REAP_SECONDS
    while (children := [pid for pid in _children() if pid != spare]) and time.monotonic() < end:
        for pid in children:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(_TICK_SECONDS)


def _children() -> list[int]:
    me, found = str(os.getpid()), list[int]()
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (entry / "stat").read_text(encoding="utf-8", errors="replace")
            if fields.rpartition(")")[2].split()[1] == me:
                found.append(int(entry.name))
    return found


def _adopt_orphans() -> None:
    """Become the parent of every process that a child of ours leaves behind."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def _ends_a_line(path: Path, size: int) -> bool:
    with path.open("rb") as file:
        file.seek(size - 1)
        return file.read(1) == b"\n"


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _detach() -> None:
    """Leave the worker's session of processes and its files behind."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(null, descriptor)


def main(folder: Path, number: int, lock: int) -> None:
    """Run the agent in a process of its own; return once that has recorded itself."""
    launch = json.load(sys.stdin)
    os.set_inheritable(lock, False)  # noqa: FBT003 — the function's own form
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        sys.exit(0 if os.read(reading, 1) else 1)
    os.close(reading)
    _detach()
    _adopt_orphans()
    supervisor = _Supervisor(folder, number, launch)
    supervisor.record(None)
    os.write(writing, b"1")
    os.close(writing)
    supervisor.supervise()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
