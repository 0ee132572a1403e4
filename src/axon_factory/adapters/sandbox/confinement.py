"""What a sandboxed command may see and use, and the words that confine it.

The words are arguments of bubblewrap, prlimit and setpriv. Their shape follows security-reliability
A12: everything unshared, no capabilities, an unprivileged user, read-only system folders, one
writable folder.
"""

import json
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024 * 1024
_KILLED = frozenset(
    code for number in (signal.SIGKILL, signal.SIGBUS) for code in (-number, 128 + number)
)
"""bubblewrap passes a signal on as 128 and its number."""
NOBODY = 65534
"""The user id that commands get when root starts them and nothing else is asked for."""


SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
SYSTEM_FILES = (
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/ssl",
)
TMP_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds of one command; beyond any of them it is killed with all it started.

    `processes` counts threads too. It holds only where the command has a user id (or user
    namespace) of its own: for an ordinary user without bubblewrap it would count that person's
    whole session, and is left out. `address_space_bytes` or `data_bytes` (memory that can be
    written to) is left out where it is None. `disk_bytes` is what it may write in all; each
    file counts for a block at least.
    """

    wall_seconds: float = 120.0
    output_bytes: int = 4 * MEBIBYTE
    cpu_seconds: int = 120
    file_bytes: int = 256 * MEBIBYTE
    processes: int = 256
    disk_bytes: int | None = None
    address_space_bytes: int | None = 4096 * MEBIBYTE
    data_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SandboxRun:
    """The evidence of one run.

    `output` is standard output and standard error as they came, up to the limit; `output_digest`
    is the hexadecimal SHA-256 of exactly that. `exit_code` is negative for a signal.

    `cpu_seconds` is how long its processes ran, `waiting_seconds` how long they were ready to run
    and did not get a processor. Both are samples: what lived for less than one is not in them.
    """

    exit_code: int
    output: bytes
    output_digest: str
    duration_seconds: float
    isolation: str
    timed_out: bool = False
    truncated: bool = False
    overwrote: bool = False
    """Whether it was killed because it wrote more than `Limits.disk_bytes`."""
    filled_machine: bool = False
    """Whether it was killed because the machine's disk was all but full."""
    cpu_seconds: float = 0.0
    waiting_seconds: float = 0.0
    oom_kills: int = 0
    """How often this machine's kernel killed something for want of memory meanwhile."""

    @property
    def was_killed(self) -> bool:
        """True if it was killed with SIGKILL or SIGBUS, and not for a limit of ours."""
        stopped = self.timed_out or self.truncated or self.overwrote or self.filled_machine
        return not stopped and self.exit_code in _KILLED


@dataclass(frozen=True, slots=True)
class Capability:
    """What this machine lets the sandbox do, found out by doing it.

    Attributes:
        bubblewrap: path of `bwrap`, or None where commands are plain subprocesses.
        drops_user: True when we are root and commands run under an unprivileged user id.
        reason: a Spanish sentence for `axon doctor`.
    """

    bubblewrap: str | None
    drops_user: bool
    reason: str

    @property
    def isolation(self) -> str:
        """The word that receipts carry (ports, `CheckReceipt.isolation`)."""
        return "bubblewrap" if self.bubblewrap else "subprocess"


@dataclass(frozen=True, slots=True)
class Confinement:
    """What one command may see and use.

    Attributes:
        cwd: working folder.
        writable: the one folder that can be written to, at the same path.
        read_only: files and folders to be seen at the same path.
        limits: upper bounds.
        network: True shares the machine's network; False leaves a loopback of its own.
        new_session: True unless the caller must reach the command's process group with signals.
        environment: the whole environment; None passes on the caller's (which keeps secrets off
            the command line).
        user_id: who runs it when root starts it.
        memory_bytes: `writable` is an empty tmpfs of this size, gone with the command; None: it is
            the machine's folder.
    """

    cwd: Path
    writable: Path
    read_only: tuple[Path, ...]
    limits: Limits
    network: bool = False
    new_session: bool = True
    environment: Mapping[str, str] | None = None
    user_id: int = NOBODY
    memory_bytes: int | None = None


def bubblewrap_arguments(
    program: str, confinement: Confinement, *, own_user_namespace: bool
) -> list[str]:
    """Return the words that go before a command to run it in bubblewrap.

    `program` is the path of `bwrap`. `own_user_namespace` is False when root starts it: the
    command then gets an unprivileged user id of the machine itself (`drop_user_arguments`), so
    that per-user limits hold.
    """
    words = [program, "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try"]
    if own_user_namespace:
        words += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY), "--cap-drop", "ALL"]
    else:
        # setpriv needs these two to take the user id, and then has none left.
        words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    words += [] if confinement.network else ["--unshare-net"]
    words += ["--new-session"] if confinement.new_session else []
    words += ["--die-with-parent", "--hostname", "producto"]
    words += _system_binds()
    words += ["--proc", "/proc", "--dev", "/dev"]
    for name in ("/tmp", "/dev/shm"):  # noqa: S108 — the sandbox's own
        # Without a size each might take half of the machine's memory.
        words += ["--perms", "1777", "--size", str(TMP_BYTES), "--tmpfs", name]
    writable, made = confinement.writable, set[Path]()
    for path in confinement.read_only:
        words += [*_parents(path, made), "--ro-bind", str(path), str(path)]
    words += _parents(writable, made)
    if confinement.memory_bytes is None:
        words += ["--bind", str(writable), str(writable)]
    else:
        size = str(confinement.memory_bytes)
        words += ["--perms", "1777", "--size", size, "--tmpfs", str(writable)]
    # The user of the sandbox owns its root, which is memory: nothing else may be written there.
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"]
    if confinement.environment is not None:
        words.append("--clearenv")
        for name, value in confinement.environment.items():
            words += ["--setenv", name, value]
    return [*words, "--"]


def _system_binds() -> list[str]:
    words: list[str] = []
    for name in SYSTEM_FOLDERS:
        folder = Path(name)
        if folder.is_symlink():
            words += ["--symlink", str(folder.readlink()), name]
        elif folder.is_dir():
            words += ["--ro-bind", name, name]
    words += ["--perms", "0755", "--dir", "/etc"]
    for name in SYSTEM_FILES:
        words += ["--ro-bind-try", name, name]
    return words


def _parents(path: Path, made: set[Path]) -> list[str]:
    """Create the folders above `path`: those that bwrap makes by itself only root could enter."""
    words: list[str] = []
    for parent in reversed(path.parents):
        if parent not in made and parent != Path("/") and not _is_provided(parent):
            words += ["--perms", "0755", "--dir", str(parent)]
            made.add(parent)
    return words


def _is_provided(path: Path) -> bool:
    provided = {*SYSTEM_FOLDERS, "/etc", "/tmp", "/dev", "/proc"}  # noqa: S108 — a name, not a file
    return str(path) in provided or str(path).startswith("/usr/")


def limit_arguments(program: str, limits: Limits, *, count_processes: bool) -> list[str]:
    """Return the `prlimit` words for `limits`; wall clock and output are watched from outside."""
    words = [
        program,
        f"--cpu={limits.cpu_seconds}",
        f"--fsize={limits.file_bytes}",
        "--core=0",
    ]
    if limits.address_space_bytes is not None:
        words.append(f"--as={limits.address_space_bytes}")
    if limits.data_bytes is not None:
        words.append(f"--data={limits.data_bytes}")
    if count_processes:
        words.append(f"--nproc={limits.processes}")
    return [*words, "--"]


def drop_user_arguments(program: str, user_id: int) -> list[str]:
    """Return the `setpriv` words that turn root into `user_id`, for good."""
    return [
        program,
        f"--reuid={user_id}",
        f"--regid={user_id}",
        "--clear-groups",
        "--inh-caps=-all",
        "--no-new-privs",
    ]


def python_folders(python: Path) -> tuple[Path, ...]:
    """Return the folders that `python` needs to run, wherever it lives, without those in /usr.

    That is its virtual environment, its base interpreter, and every stop of its chain of
    symbolic links (uv and pyenv both use several).

    Raises:
        OSError, subprocess.SubprocessError, ValueError: `python` does not run.
    """
    script = "import json,sys; print(json.dumps([sys.prefix,sys.base_prefix,sys.base_exec_prefix]))"
    answer = subprocess.run(  # noqa: S603 — the configured interpreter, with our own words
        [str(python), "-I", "-c", script], check=True, capture_output=True, timeout=60
    )
    folders = [Path(name) for name in json.loads(answer.stdout)]
    folders += [folder.resolve() for folder in folders]
    link = python
    while True:
        folders.append(link.parent)
        if not link.is_symlink():
            break
        link = link.parent / link.readlink()
    kept = {Path(os.path.normpath(folder)) for folder in folders if folder.is_dir()}
    kept = {folder for folder in kept if not _is_system(folder)}
    return tuple(sorted(folder for folder in kept if not kept.intersection(folder.parents)))


def _is_system(folder: Path) -> bool:
    return folder == Path("/") or _is_provided(folder)
