"""How coding agents are run: what the settings say, checked against this machine."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from axon_factory.adapters.builder.command.profiles import Profile
from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.sandbox import Limits, python_folders

_SHEBANG_BYTES = 256
_PACKAGES = "node_modules"
_PYTHON = re.compile(r"python(\d+(\.\d+)*)?$")
_GIBIBYTE = 1024**3


class ProgramMissing(Exception):
    """There is no such program; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program, all links followed.

    Attributes:
        path: its file.
        visible: files and folders that it needs, apart from the system's.
        search_path: folders that its own interpreter is found in.
    """

    path: Path
    visible: tuple[Path, ...]
    search_path: tuple[Path, ...]


def find_program(given: Path | None, usual_name: str) -> Program:
    """Return the program at a path, or under its usual name in PATH.

    Raises:
        ProgramMissing: there is none that can be run.
    """
    found = shutil.which(str(given) if given else usual_name)
    if found is None:
        raise ProgramMissing(
            f"{given or usual_name} is no program that can be run: install it, or set "
            "AXON_AGENT_COMMAND_PROGRAM to its path"
        )
    path = Path(found).resolve()
    visible, search_path = [_unit(path)], list[Path]()
    interpreter = _interpreter(path)
    if interpreter is not None:
        search_path.append(interpreter.parent)
        if _PYTHON.search(interpreter.name):
            try:
                visible += python_folders(interpreter)
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                raise ProgramMissing(f"{path} needs {interpreter}, which does not run") from error
        else:
            search_path.append(interpreter.resolve().parent)
            visible += {interpreter, interpreter.resolve()}
    kept = tuple(dict.fromkeys(one for one in visible if not _is_system(one)))
    return Program(path, kept, tuple(dict.fromkeys(search_path)))


def _unit(path: Path) -> Path:
    """Return what belongs together: all packages of npm around a program, or its file alone."""
    parts = path.parts
    if _PACKAGES in parts:
        return Path(*parts[: parts.index(_PACKAGES) + 1])
    return path


def _interpreter(path: Path) -> Path | None:
    """Return what runs a script, as its first line says; None for a binary."""
    with path.open("rb") as file:
        first = file.read(_SHEBANG_BYTES).partition(b"\n")[0]
    if not first.startswith(b"#!"):
        return None
    words = os.fsdecode(first[2:]).split()
    if words and Path(words[0]).name == "env":
        words = [word for word in words[1:] if not word.startswith("-")]
    found = shutil.which(words[0]) if words else None
    return Path(found) if found else None


def _is_system(path: Path) -> bool:
    return path.parts[1:2] in (("usr",), ("bin",), ("sbin",), ("lib",), ("lib64",))


@dataclass(frozen=True, slots=True)
class CommandOptions:
    """How agents are run.

    Attributes:
        profile: which command line.
        program: its program.
        model: what it is told to use; None leaves that to it.
        arguments: further words of its command line.
        secrets: variables of the environment that it gets, none of which may be shown.
        folders: what else it may read.
        network: whether it may use the machine's network.
        seconds: how long one launch may take.
        poll_seconds: how often it is looked at.
        errors_seconds: how long one launch may say nothing but errors.
        grace_seconds: what an agent that overstepped is given to end in order.
        patience_seconds: how long a call that ends it waits to see it gone.
        output_bytes: how much one launch may say.
        handover: how large a repository may be.
    """

    profile: Profile
    program: Program
    model: str | None = None
    arguments: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    folders: tuple[Path, ...] = ()
    network: bool = True
    seconds: float = 3600.0
    poll_seconds: float = 15.0
    errors_seconds: float = 600.0
    grace_seconds: float = 10.0
    patience_seconds: float = 5.0
    output_bytes: int = 64 * 1024 * 1024
    handover: HandoverLimits = field(default_factory=HandoverLimits)


def agent_limits(seconds: float) -> Limits:
    """Return the bounds of one launch of so many seconds.

    Memory is bounded by what a process may write to, not by its address space: the engines that
    agents run on reserve far more of that than they ever use.
    """
    return Limits(
        wall_seconds=seconds,
        cpu_seconds=int(seconds) * 4 + 60,
        file_bytes=2 * _GIBIBYTE,
        processes=1024,
        address_space_bytes=None,
        data_bytes=8 * _GIBIBYTE,
    )
