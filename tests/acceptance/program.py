"""`axon up` as a person starts it: a process, what it says, and what it leaves behind."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from axon_factory.db.embedded.postmaster import server_processes

Event = dict[str, Any]

AXON = (sys.executable, "-m", "axon_factory")
# No promises: how long a test waits on a machine that is busy with something else.
START_SECONDS = 180.0
DELIVERY_SECONDS = 400.0
STOP_SECONDS = 120.0
COMMAND_SECONDS = 180.0
POLL_SECONDS = 0.05
# Below the ports that systems give to outgoing connections: a port stays ours while we restart.
API_PORTS = range(12000, 19900)
PRODUCT_PORTS = range(24000, 31900)
PORTS_FOR_A_FACTORY = 20


class AxonUp:
    """One `axon up --json`; its lines are kept as events, each with the time it was read at.

    A context manager: whatever happens, nothing that runs on the data folder is left.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int,
        *options: str,
        environment: Mapping[str, str],
        command: Sequence[str] = AXON,
    ) -> None:
        self.data_dir = data_dir
        self.url = f"http://127.0.0.1:{port}"
        self.events: list[Event] = []
        self._ended = False
        self._news = threading.Condition()
        self.started_at = time.monotonic()
        where = ("--port", str(port), "--data-dir", str(data_dir))
        self.process = subprocess.Popen(
            [*command, "up", "--json", *where, *options],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A person's Ctrl-C reaches the terminal's whole process group; ours must not get it.
            start_new_session=True,
        )
        self._readers = [threading.Thread(target=read) for read in (self._read, self._read_errors)]
        self.errors = ""
        for reader in self._readers:
            reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line) | {"at": time.monotonic() - self.started_at}
            with self._news:
                self.events.append(event)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors = self.process.stderr.read()

    def wait_for(self, seconds: float, **wanted: object) -> Event:
        """Return the first event with these members; the program's end or the time ends waiting."""

        def found() -> Event | None:
            return next((event for event in self.events if wanted.items() <= event.items()), None)

        with self._news:
            self._news.wait_for(lambda: found() or self._ended, seconds)
            event = found()
        assert event is not None, f"no {wanted} in {self.story()}"
        return event

    def wait(self, seconds: float) -> int:
        """Return the exit code once the program and its output have ended."""
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join(STOP_SECONDS)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()
        return code

    def interrupt(self) -> int:
        """Press Ctrl-C as a terminal does and return the exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.wait(STOP_SECONDS)

    def story(self) -> str:
        """Return what the program said, for the message of a failure."""
        return "\n".join([*map(str, self.events), self.errors])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_SECONDS)
        kill_all(self.data_dir)
        self.wait(STOP_SECONDS)


def run_axon(*words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run another command of the program to its end."""
    return subprocess.run(
        [*AXON, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """Return the one JSON document that a command wrote, which must have succeeded."""
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def processes_of(data_dir: Path) -> dict[int, str]:
    """Return the living processes that have to do with a data folder, with their command lines.

    They name it on their command line or in their environment, work in it, or are its PostgreSQL.
    """
    cluster = data_dir / "postgresql"
    servers = set(server_processes(cluster)) if cluster.exists() else set[int]()
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        command = _content(folder / "cmdline").replace("\0", " ")
        if pid in servers or str(data_dir) in command + _surroundings(folder):
            found[pid] = command[:200]
    found.pop(os.getpid(), None)
    return {pid: command for pid, command in found.items() if alive(pid)}


def _surroundings(folder: Path) -> str:
    try:
        working_folder = os.readlink(folder / "cwd")  # noqa: PTH115 — a Path would resolve nothing
    except OSError:  # it has ended, or it is somebody else's
        working_folder = ""
    return working_folder + _content(folder / "environ")


def _content(path: Path) -> str:
    try:
        return path.read_bytes().decode(errors="replace")
    except OSError:
        return ""


def alive(pid: int) -> bool:
    """Tell whether a process is there and no zombie."""
    return _content(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[:1] not in ([], ["Z"])


def kill_all(data_dir: Path) -> list[str]:
    """Send SIGKILL to everything of a data folder until nothing is left; return what it was."""
    killed: dict[int, str] = {}
    deadline = time.monotonic() + STOP_SECONDS
    while processes := processes_of(data_dir):
        assert time.monotonic() < deadline, processes
        killed |= processes
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    return list(killed.values())


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Tell whether something that gives no event comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def is_open(url: str) -> bool:
    """Tell whether anybody listens where a URL points to."""
    host, _, port = url.partition("://")[2].partition("/")[0].partition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def free_port() -> int:
    """Return a port that nobody listens on."""
    return next(
        port for port in random.sample(API_PORTS, 50) if not is_open(f"x://127.0.0.1:{port}")
    )


def product_ports() -> str:
    """Return a range of ports that no other factory of this machine is likely to use."""
    firsts = range(PRODUCT_PORTS.start, PRODUCT_PORTS.stop, PORTS_FOR_A_FACTORY)
    (first,) = random.sample(firsts, 1)
    return f"{first}-{first + PORTS_FOR_A_FACTORY - 1}"
