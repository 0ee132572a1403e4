"""One life of the server process: its log, the leftovers of an earlier life, launch, ready, end.

Every server we start carries a mark in its command line (``cluster_name``), which PostgreSQL
repeats in the titles of its children. Command lines are readable without privileges. The links in
``/proc/<pid>`` are not: root in a container may not follow them. The mark is made of the folder's
device and inode: unique on the machine, kept when the folder moves, different for a copy.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from axon_factory.db.embedded.cluster import Cluster
from axon_factory.db.embedded.lock import StartFailed
from axon_factory.db.embedded.programs import Account, Installation, spawn

_LIMIT_BYTES = 8 * 1024 * 1024
_LAST_LINES = 20
_READ_BYTES = 64 * 1024


class LogFile:
    """A log file that somebody else appends to.

    Args:
        path: Of the file; its predecessor has ".1" behind the name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> IO[bytes]:
        """Open for appending, so that the writer goes on at the end whenever we truncate."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
        return os.fdopen(os.open(self.path, flags, 0o600), "ab", buffering=0)

    def size(self) -> int:
        """Return the size in bytes, 0 if there is none."""
        return self.path.stat().st_size if self.path.exists() else 0

    def bound(self) -> None:
        """Start anew if the file has grown too large; a line written meanwhile may be lost."""
        if self.size() > _LIMIT_BYTES:
            shutil.copyfile(self.path, self.path.with_name(f"{self.path.name}.1"))
            with self.path.open("r+b") as file:
                file.truncate(0)

    def tail(self, since: int = 0) -> tuple[str, ...]:
        """Return the last lines, oldest first.

        Args:
            since: Ignore what stands before this position in bytes.
        """
        if not self.path.exists():
            return ()
        with self.path.open("rb") as file:
            file.seek(max(since, self.size() - _READ_BYTES))
            text = file.read().decode(errors="replace")
        return tuple(text.splitlines()[-_LAST_LINES:])


# What an orphan is given to end by itself, then by each signal: fast shutdown, immediate shutdown.
_LADDER = ((None, 2.0), (signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0))
_POLL_SECONDS = 0.02
_MARK = "axon-"
_SERVER_NAMES = ("postgres", "postmaster")


def cluster_mark(cluster: Path) -> str:
    """Name a cluster by its folder's identity, for its command line."""
    status = cluster.stat()
    return f"{_MARK}{status.st_dev:x}-{status.st_ino:x}"


def server_processes(cluster: Path) -> list[int]:
    """List the living server processes (postmaster and children) of a cluster's folder."""
    mark, owner = cluster_mark(cluster), cluster.stat().st_uid
    return [pid for pid, uid, command in _processes() if uid == owner and _has(command, mark)]


async def clear_leftovers(cluster: Path) -> None:
    """See to it that no server runs in a cluster's folder, and that its pid file is gone.

    A server whose parent was killed is shutting down already, and children of a killed postmaster
    end by themselves. Processes that stay are signalled. The number in a stale ``postmaster.pid``
    may belong to any process by now, so it is not signalled and does not hinder the start.
    Call this only while holding the data folder's lock.

    Raises:
        StartFailed: They do not end, or a server that is not ours uses the folder.
    """
    for number, patience in _LADDER:
        if number is not None:
            for pid in server_processes(cluster):
                _signal(pid, number, cluster)
        if await _all_gone(cluster, patience):
            break
    else:
        raise StartFailed(f"Processes of the previous server in {cluster} do not end.")
    pid_file = cluster / "postmaster.pid"
    if (foreign := _foreign_server(pid_file)) is not None:
        raise StartFailed(f"Process {foreign}, which we did not start, serves {cluster}.")
    pid_file.unlink(missing_ok=True)


async def _all_gone(cluster: Path, patience: float) -> bool:
    deadline = time.monotonic() + patience
    while server_processes(cluster):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True


def _signal(pid: int, number: signal.Signals, cluster: Path) -> None:
    """Signal a process if it still is one of the cluster's."""
    try:
        if sys.platform == "linux":
            # A descriptor stays with the process: its number cannot pass on in between.
            descriptor = os.pidfd_open(pid)
            try:
                if pid in server_processes(cluster):
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)
        elif pid in server_processes(cluster):
            os.kill(pid, number)
    except ProcessLookupError:
        pass


def _foreign_server(pid_file: Path) -> int | None:
    """Return the pid in a pid file if that process is a server of the folder, by our best look."""
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    cluster = pid_file.parent
    owner = cluster.stat().st_uid
    for candidate, uid, command in _processes():
        if candidate == pid and uid == owner and Path(command[0]).name in _SERVER_NAMES:
            return pid if _works_in(cluster, pid, command) else None
    return None


def _works_in(cluster: Path, pid: int, command: list[str]) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").samefile(cluster)
    except PermissionError:
        # Root in a container may not look. Ours of another folder has a mark; else be careful.
        return not any(part.startswith(f"cluster_name={_MARK}") for part in command)
    except OSError:  # no /proc
        return str(cluster) in command


def _has(command: list[str], mark: str) -> bool:
    return f"cluster_name={mark}" in command or command[0].startswith(f"postgres: {mark}: ")


def _processes() -> Iterator[tuple[int, int, list[str]]]:
    """Yield pid, effective uid and command line of every process that has one."""
    if sys.platform != "linux":
        yield from _processes_by_ps()
        return
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            # Not the owner of the folder, which is root for a program that its user cannot read.
            status = (folder / "status").read_text()
        except OSError:  # it has just ended
            continue
        uid = int(status.partition("\nUid:")[2].split(maxsplit=2)[1])
        yield int(folder.name), uid, command


def _processes_by_ps() -> Iterator[tuple[int, int, list[str]]]:
    """Do the same on systems without /proc."""
    listing = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,uid=,command="], capture_output=True, text=True, check=True
    )
    for line in listing.stdout.splitlines():
        pid, uid, command = line.split(maxsplit=2)
        title = command if command.startswith("postgres: ") else None
        yield int(pid), int(uid), [title] if title else command.split()


_MAX_CONNECTIONS = 100
_START_SECONDS = 300.0  # crash recovery may have much to replay
_MEMORY_HELD_SECONDS = 15.0
_READY_POLL_SECONDS = 0.01
_MEMORY_PAUSE_SECONDS = 0.25
# Fast shutdown with its checkpoint, then without one, then by force.
_END_LADDER = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

_PORT_TAKEN = "Address already in use"
# Children of a killed server hold its memory for a moment, unseen by us in another container.
_MEMORY_HELD = "pre-existing shared memory block"


class PortTaken(StartFailed):
    """Somebody else listens on the port."""


class Postmaster:
    """The server process of a cluster.

    Args:
        cluster: Its data.
        installation: Programs that ``account`` can run, of the data's version.
        account: Whom it runs as; None for the present user.
        log_file: What it writes to.
    """

    def __init__(
        self,
        cluster: Cluster,
        installation: Installation,
        account: Account | None,
        log_file: LogFile,
    ) -> None:
        self._cluster = cluster
        self._program = str(installation.bin / "postgres")
        self._account = account
        self._log_file = log_file
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """Its process id, None while it does not run."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def launch(self, port: int) -> None:
        """Start the process and wait until it takes connections.

        Args:
            port: To listen on, on 127.0.0.1.

        Raises:
            PortTaken: Somebody else listens there.
            StartFailed: It ended or was not ready in time.
        """
        deadline = time.monotonic() + _MEMORY_HELD_SECONDS
        while True:
            try:
                await self._launch_once(port)
            except StartFailed as error:
                held = any(_MEMORY_HELD in line for line in error.log_tail)
                if not held or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(_MEMORY_PAUSE_SECONDS)
            else:
                return

    async def wait(self) -> int:
        """Wait for its end and return the exit code, negative for a signal."""
        return await self._process.wait() if self._process else 0

    async def end(self) -> None:
        """Shut it down, more and more firmly; does nothing when it does not run."""
        process = self._process
        if process is None:
            return
        for number, patience in _END_LADDER:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.send_signal(number)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), patience)
                return

    async def _launch_once(self, port: int) -> None:
        self._log_file.bound()
        log_start = self._log_file.size()
        with self._log_file.open() as output:
            self._process = await spawn(
                [self._program, *self._arguments(port)],
                self._account,
                folder=self._cluster.folder,
                output=output,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready(self._process.pid):
            if self._process.returncode is not None:
                raise self._failure("PostgreSQL does not start.", port, log_start)
            if time.monotonic() > deadline:
                await self.end()
                raise self._failure("PostgreSQL does not get ready.", port, log_start)
            await asyncio.sleep(_READY_POLL_SECONDS)

    def _arguments(self, port: int) -> list[str]:
        """Return the options that override the cluster's own files."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": "",
            "max_connections": _MAX_CONNECTIONS,
            "cluster_name": cluster_mark(self._cluster.folder),
            "logging_collector": "off",
            "log_destination": "stderr",
            "lc_messages": "C",  # failures are recognised by their text
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ["-D", self._cluster.path_for_server, *options]

    def _is_ready(self, pid: int) -> bool:
        """Read what pg_ctl reads: the last line of the pid file (miscadmin.h, LOCK_FILE_LINE)."""
        try:
            lines = Path(self._cluster.folder, "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return bool(lines) and lines[0] == str(pid) and lines[-1].strip() == "ready"

    def _failure(self, message: str, port: int, log_start: int) -> StartFailed:
        tail = self._log_file.tail(log_start)
        if any(_PORT_TAKEN in line for line in tail):
            return PortTaken(f"Port {port} on 127.0.0.1 is taken by another program.", tail)
        return StartFailed(message, tail)
