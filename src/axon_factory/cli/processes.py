"""Several processes that answer at one port: forks of one that has loaded the program.

The first process never answers itself. It starts no thread and no event loop, so that it can fork
at any time, and its forks share the memory of what it has loaded. One that ends is replaced. An
end of the first, even by kill -9, ends the others: each reads a pipe that the first holds open.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass

import structlog
import typer

from axon_factory.cli.terminal import CliError, show_failure

__all__ = ["Fork", "Processes", "fork_of"]

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_PAUSE_SECONDS = 1.0
"""Before a process is replaced that ended before it had answered."""
_STOP_SECONDS = 20.0
"""After which what has not ended on SIGTERM is killed: a server gives requests ten seconds."""
_READ_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Fork:
    """What a fork has of the first process."""

    number: int
    """From 1; a replacement has the number of what it replaces."""
    listener: socket.socket
    """Where it answers."""
    parent: int
    """A descriptor that ends with the first process."""
    _ready: int

    def answers(self) -> None:
        """Tell the first process that this one answers requests."""
        os.write(self._ready, f"{os.getpid()}\n".encode())


def fork_of(work: Callable[[], int | None]) -> int:
    """Fork; return the fork's pid. The fork does `work`, and ends with its exit code.

    No signal of this process's own reaches the fork before the fork has given its handlers up.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    pid = os.fork()
    if pid:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        code = work() or 0
    except typer.Exit as end:
        code = end.exit_code
    except CliError as failure:
        show_failure(failure, as_json="--json" in sys.argv)
        code = int(failure.code)
    except BaseException:  # noqa: BLE001 — the fork ends here, and must not go on as its parent
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


class Processes:
    """Keeps `count` forks at work until it is told to stop."""

    def __init__(
        self,
        count: int,
        listener: socket.socket,
        work: Callable[[Fork], int | None],
        *,
        parent: int | None = None,
    ) -> None:
        """Nothing starts yet.

        Args:
            count: how many.
            listener: listens at their port; this process closes it when it stops.
            work: what a fork does until SIGTERM or the end of `Fork.parent`; its exit code.
            parent: a descriptor whose end stops all of them, as SIGTERM does.
        """
        self._count = count
        self._listeners = _queues(listener, count)
        self._work = work
        self._parent = parent
        self._running: dict[int, int] = {}
        self._answering: set[int] = set()
        self._due: dict[int, float] = {}

    def run(self, ready: Callable[[], None]) -> int:
        """Work until SIGTERM or SIGINT; return the exit code.

        The first fork starts alone. What keeps it from answering is said once, and its exit code
        is returned. `ready` is called when it answers; then the others start.
        """
        self._ready, self._ready_end = os.pipe()
        self._alive, self._alive_end = os.pipe()
        gc.collect()
        gc.freeze()
        with _signals() as wakeup:
            self._start(1)
            try:
                return self._keep(wakeup, ready)
            finally:
                self._stop()

    def _keep(self, wakeup: int, ready: Callable[[], None]) -> int:
        told = False
        while True:
            if self._is_stopped(wakeup):
                return 0
            for pid, code in self._ended():
                number = self._running.pop(pid)
                if not told:
                    return code
                _log.warning("a process of the server ended", process=pid, exit_code=code)
                pause = 0.0 if pid in self._answering else _PAUSE_SECONDS
                self._answering.discard(pid)
                self._due[number] = time.monotonic() + pause
            if self._answering and not told:
                told = True
                ready()
                self._due |= dict.fromkeys(range(2, self._count + 1), 0.0)
            for number in [n for n, at in self._due.items() if at <= time.monotonic()]:
                del self._due[number]
                self._start(number)

    def _is_stopped(self, wakeup: int) -> bool:
        """Wait for something to happen; return whether it is the end."""
        others = [self._ready] if self._parent is None else [self._ready, self._parent]
        soonest = min(self._due.values(), default=None)
        seconds = None if soonest is None else max(0.0, soonest - time.monotonic())
        happened, _, _ = select.select([wakeup, *others], [], [], seconds)
        if self._ready in happened:
            pids = os.read(self._ready, _READ_BYTES).split()
            self._answering |= {int(pid) for pid in pids} & self._running.keys()
        arrived = os.read(wakeup, _READ_BYTES) if wakeup in happened else b""
        return self._parent in happened or not {signal.SIGTERM, signal.SIGINT}.isdisjoint(arrived)

    def _start(self, number: int) -> None:
        def work() -> int | None:
            os.close(self._alive_end)
            listener = self._listeners[number - 1]
            for other in self._listeners:
                if other is not listener:
                    other.close()
            return self._work(Fork(number, listener, self._alive, self._ready_end))

        self._running[fork_of(work)] = number

    def _ended(self) -> Generator[tuple[int, int]]:
        """Yield pid and exit code of each fork that has ended; by a signal it is 128 and that."""
        for pid in [*self._running]:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                code = os.waitstatus_to_exitcode(status)
                yield pid, code if code >= 0 else 128 - code

    def _stop(self) -> None:
        """Let requests end that run, and take no other."""
        for listener in self._listeners:
            listener.close()
        os.close(self._alive_end)
        deadline = time.monotonic() + _STOP_SECONDS
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._running:
                os.kill(pid, number)
            while self._running and (number == signal.SIGKILL or time.monotonic() < deadline):
                for pid, _ in self._ended():
                    del self._running[pid]
                time.sleep(_LOOK_SECONDS)


_LOOK_SECONDS = 0.02


def _queues(listener: socket.socket, count: int) -> list[socket.socket]:
    """Return a socket for each fork, all at the port of `listener`, which is the first.

    The kernel spreads connections evenly over them (socket(7), SO_REUSEPORT); from one socket the
    process that wakes first takes all that wait. A socket takes connections from when its first
    fork answers. The first process holds all of them open, so what waits for a fork that was killed
    is answered by the next. `listener` was bound without the option: a port that another server has
    is still refused.
    """
    queues = [listener]
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    for _ in range(count - 1):
        queue = socket.socket(listener.family, listener.type, listener.proto)
        queues.append(queue)
        queue.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        queue.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        queue.bind(listener.getsockname())
    return queues


def _noted(_number: int, _frame: object) -> None:
    """Do nothing more: the number has gone to the descriptor."""


@contextlib.contextmanager
def _signals() -> Generator[int]:
    """Yield a descriptor that gives the number of each signal that arrives, as a byte."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = {number: signal.signal(number, _noted) for number in _SIGNALS}
    old = signal.set_wakeup_fd(writing)
    try:
        yield reading
    finally:
        signal.set_wakeup_fd(old)
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
        os.close(reading)
        os.close(writing)
