"""Starts PostgreSQL's programs as children that end with this process."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from axon_factory.db.embedded import launch
from axon_factory.db.embedded.account import Account

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
