"""Runs programs of the factory in forks of this process, which has imported it already.

Standard input is a socket. Each message is a JSON object (script, words, environment, folder) with
four descriptors: the program's standard streams, and a socket that hears its pid and exit code.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
from typing import Any

from axon_factory import cli

LARGEST_MESSAGE = 1 << 20
WHEN_USED = (
    "typer.testing",
    "alembic.command",
    "axon_factory.bootstrap.application",
    "axon_factory.bootstrap.line",
    "axon_factory.orders.notifications.rendering",
    "cryptography.hazmat.primitives.ciphers.aead",
    "email_validator",
    "jsonschema",
    "jwt",
    "phonenumbers",
    "procrastinate",
)
"""What programs load when they first need it."""


def every_command() -> list[str]:
    """Return the names of the modules of the command line."""
    return [f"{cli.__name__}.{found.name}" for found in pkgutil.iter_modules(cli.__path__)]


def program_asked_for(requests: socket.socket) -> dict[str, Any]:
    """Serve requests; the value is what a fork of this process has to run.

    Raises:
        SystemExit: the asking process is gone.
    """
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, LARGEST_MESSAGE, 4)
        if not message:
            sys.exit(0)
        *streams, report = descriptors
        if os.fork():
            for descriptor in descriptors:
                os.close(descriptor)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        hand_over(streams, report, requests)
        return json.loads(message)


def hand_over(streams: list[int], report: int, requests: socket.socket) -> None:
    """Go on in a fork with these streams, while this process waits to report its end."""
    if pid := os.fork():
        for stream in (0, *streams):
            os.close(stream)
        os.write(report, f"{pid}\n".encode())
        _, status = os.waitpid(pid, 0)
        os.write(report, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        os._exit(0)
    requests.detach()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    for descriptor in (*streams, report):
        os.close(descriptor)


def main() -> None:
    """Import what programs need, then run each in a fork."""
    for name in (*WHEN_USED, *every_command()):
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    # The system reaps the forks that wait for programs.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    asked = program_asked_for(socket.socket(fileno=0))
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    script = str(asked["script"])
    sys.argv = [script, *asked["words"]]
    if script.endswith(".py"):
        runpy.run_path(script, run_name="__main__")
    else:
        runpy.run_module(script, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
