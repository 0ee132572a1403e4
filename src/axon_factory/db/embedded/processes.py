"""Finds and ends the server processes of one data folder, and no others.

Every server we start carries a mark in its command line (``cluster_name``), which PostgreSQL
repeats in the titles of its children; command lines are readable without privileges, unlike the
links in ``/proc/<pid>``, which root in a container may not follow. The mark is made of the folder's
device and inode: unique on the machine, kept when the folder moves, different for a copy.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from axon_factory.db.embedded.errors import StartFailed

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
    end by themselves; those that do not are told to. The number in a stale ``postmaster.pid`` may
    belong to any process by now: it is never signalled for that, nor does it hinder the start.
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
