"""supervisord as a daemon of its own: starting it once, speaking to it, ending it."""

import asyncio
import contextlib
import http.client
import os
import shlex
import signal
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from axon_factory.adapters.deployer import launcher
from axon_factory.adapters.deployer.layout import Layout, write_private

ANSWER_SECONDS = 15.0
START_SECONDS = 30.0
STOP_SECONDS = 30.0
PRODUCT_STOP_SECONDS = 10
POLL_SECONDS = 0.05
BAD_NAME, ALREADY_ADDED, ALREADY_STARTED, NOT_RUNNING = 10, 90, 60, 70
"""Faults of supervisor's XML-RPC interface (supervisor.xmlrpc.Faults)."""

DO_NOT_WAIT = False
"""A call that waits would hold a thread that cancelling cannot free."""

RUNNING_STATES = frozenset({"STARTING", "RUNNING"})
FAILED_STATES = frozenset({"BACKOFF", "EXITED", "FATAL"})
GONE_STATES = frozenset({"STOPPED", "EXITED", "FATAL", "UNKNOWN"})


@dataclass(frozen=True, slots=True)
class Process:
    """A product's process by supervisord's words; `run` names its life, None without one."""

    name: str
    state: str
    run: str | None


class DaemonError(Exception):
    """supervisord could not be started or does not obey; the message is in Spanish."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path, self._seconds = str(path), seconds

    def connect(self) -> None:
        # Assigned before it is connected, so that `close` closes it in any case.
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self._seconds)
        self.sock.connect(self._path)


def _command_line(folder: Path) -> list[bytes]:
    try:
        return (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


class Daemon:
    """The one supervisord of a root, shared by all processes of the factory.

    It daemonizes itself into a session of its own, and so outlives the process that started it.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def _configuration(self) -> Path:
        return self._layout.supervisor / "supervisord.conf"

    async def call(self, method: str, *arguments: Any, seconds: float = ANSWER_SECONDS) -> Any:  # noqa: ANN401 — XML-RPC values
        """Call `supervisor.<method>`.

        Raises:
            xmlrpc.client.Fault: supervisord refuses.
            TimeoutError: it does not answer within `seconds`.
            OSError, http.client.HTTPException: it is not there.
        """
        return await asyncio.to_thread(self._call, method, arguments, seconds)

    def _call(self, method: str, arguments: tuple[Any, ...], seconds: float) -> Any:  # noqa: ANN401 — XML-RPC values
        body = xmlrpc.client.dumps(arguments, f"supervisor.{method}").encode()
        with contextlib.closing(_UnixConnection(self._socket(), seconds)) as connection:
            connection.request("POST", "/RPC2", body, {"Content-Type": "text/xml"})
            answer = connection.getresponse().read()
        # supervisord is ours, and its socket is in a folder that only we can enter.
        values, _ = xmlrpc.client.loads(answer)
        return values[0]

    def _socket(self) -> Path:
        return (self._layout.remembered_runtime() or self._layout.supervisor) / "s.sock"

    async def is_running(self, seconds: float = ANSWER_SECONDS) -> bool:
        """Tell whether supervisord answers within `seconds` and is not on its way out."""
        try:
            state = cast("dict[str, Any]", await self.call("getState", seconds=seconds))
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return False
        return state["statename"] == "RUNNING"

    @property
    def _stopped(self) -> Path:
        return self._layout.supervisor / "stopped"

    @property
    def shall_run(self) -> bool:
        """False from `stop` until the next `start`."""
        return not self._stopped.exists()

    async def start(self, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        """Make sure that supervisord runs; any number of processes may call this at once.

        One that does not answer within `answer_seconds` is replaced, and its products with it.

        Raises:
            DaemonError: it does not start.
        """
        self._stopped.unlink(missing_ok=True)
        if await self.is_running(answer_seconds):
            return
        async with self._layout.locked("supervisor"):
            if await self.is_running(answer_seconds):
                return
            # What a crash or a removed socket left: a daemon that cannot be reached any more.
            await self._end_process(patience=PRODUCT_STOP_SECONDS)
            runtime = self._layout.runtime()
            (runtime / "s.sock").unlink(missing_ok=True)
            write_private(self._configuration, self._settings(runtime))
            await self._spawn()

    async def _spawn(self) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-m",
            "supervisor.supervisord",
            "--configuration",
            str(self._configuration),
            cwd=self._layout.supervisor,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        deadline = time.monotonic() + START_SECONDS
        # It forks and its first process ends; the second is the daemon.
        code = await process.wait()
        while code == 0 and time.monotonic() < deadline:
            if await self.is_running():
                return
            await asyncio.sleep(POLL_SECONDS)
        raise DaemonError(f"supervisord no arrancó; su registro está en {self._layout.supervisor}")

    async def stop(self) -> None:
        """End supervisord with every product, and return when all are gone."""
        async with self._layout.locked("supervisor"):
            self._stopped.touch()
            with contextlib.suppress(OSError, http.client.HTTPException, xmlrpc.client.Error):
                await self.call("shutdown")
                await self._wait_gone(STOP_SECONDS)
            await self._end_process()
            self._layout.forget_runtime()

    async def _end_process(self, *, patience: float = STOP_SECONDS) -> None:
        for number, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, STOP_SECONDS)):
            for pid in await asyncio.to_thread(self._processes):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            await self._wait_gone(seconds)

    async def _wait_gone(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self._processes() and time.monotonic() < deadline:  # noqa: ASYNC110 — another program's end gives no event
            await asyncio.sleep(POLL_SECONDS)

    def _processes(self) -> list[int]:
        """Return the daemons of this root. A pid file would not tell theirs from anybody's."""
        mark = os.fsencode(self._configuration)
        return [
            int(folder.name)
            for folder in Path("/proc").glob("[0-9]*")
            if mark in _command_line(folder)
        ]

    def _settings(self, runtime: Path) -> str:
        """Return supervisord's configuration.

        Names are relative to its working folder: supervisord would split a root's name at its
        spaces, and take a per cent sign in it for a placeholder.
        """
        user = "user=root\n" if os.geteuid() == 0 else ""
        own = runtime == self._layout.supervisor
        return f"""[supervisord]
{user}logfile=supervisord.log
logfile_maxbytes=1MB
logfile_backups=1
pidfile=supervisord.pid
umask=022

[unix_http_server]
file={"s.sock" if own else f"{runtime}/s.sock"}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[include]
files=../{self._layout.programs.name}/*.ini
"""

    def write_program(self, slug: str) -> None:
        """Write the product's section; it is the same for every release."""
        write_private(self._layout.program(slug), self.program(slug))

    def program(self, slug: str) -> str:
        """Return the product's section as this installation of the factory writes it."""
        folder = f"../{self._layout.product(slug).name}"
        words = [sys.executable, "-I", str(Path(launcher.__file__).resolve()), "launch.json"]
        return f"""[program:{slug}]
command={shlex.join(words).replace("%", "%%")}
directory={folder}
autostart=true
autorestart=true
startsecs=1
startretries=10
stopsignal=TERM
stopasgroup=true
killasgroup=true
stopwaitsecs={PRODUCT_STOP_SECONDS}
redirect_stderr=true
stdout_logfile={folder}/logs/product.log
stdout_logfile_maxbytes=1MB
stdout_logfile_backups=1
"""

    async def state(self, slug: str) -> str:
        """Return supervisord's word for the product's state; "UNKNOWN" for one it has not."""
        return (await self.states()).get(slug, "UNKNOWN")

    async def states(self) -> Mapping[str, str]:
        """Return every product's state; empty when supervisord does not answer."""
        try:
            found = await self.processes(ANSWER_SECONDS)
        except (OSError, http.client.HTTPException):
            return {}
        return {process.name: process.state for process in found}

    async def processes(self, seconds: float) -> list[Process]:
        """Return what supervisord knows of every product's process.

        Raises:
            TimeoutError: it does not answer within `seconds`.
            OSError, http.client.HTTPException: it is not there.
        """
        found = await self.call("getAllProcessInfo", seconds=seconds)
        return [
            Process(
                str(entry["name"]),
                str(entry["statename"]),
                f"{entry['pid']}:{entry['start']}" if entry["pid"] else None,
            )
            for entry in cast("list[dict[str, Any]]", found)
        ]

    async def start_product(self, slug: str) -> None:
        """Add and start the product's program; one that runs is left alone."""
        await self.call("reloadConfig")
        # Adding starts it too (autostart).
        await self._tolerate(ALREADY_ADDED, "addProcessGroup", slug)
        await self._tolerate(ALREADY_STARTED, "startProcess", slug, DO_NOT_WAIT)

    async def stop_product(self, slug: str) -> None:
        """Stop the product's program and wait until it is gone.

        Raises:
            DaemonError: it is still there after its time.
        """
        await self._tolerate(NOT_RUNNING, "stopProcess", slug, DO_NOT_WAIT, also=BAD_NAME)
        deadline = time.monotonic() + PRODUCT_STOP_SECONDS + STOP_SECONDS
        while (state := await self.state(slug)) not in GONE_STATES:
            if time.monotonic() > deadline:
                raise DaemonError(f"el producto {slug} no se detiene (estado {state})")
            await asyncio.sleep(POLL_SECONDS)

    async def remove_product(self, slug: str) -> None:
        """Stop the product and forget its program."""
        self._layout.program(slug).unlink(missing_ok=True)
        await self.stop_product(slug)
        await self._tolerate(BAD_NAME, "removeProcessGroup", slug)
        await self.call("reloadConfig")

    async def forget_log(self) -> None:
        """Empty supervisord's own log, which names the products; theirs are in their folders."""
        if await self.is_running():
            await self.call("clearLog")
        for old in self._layout.supervisor.glob("supervisord.log.*"):
            old.unlink(missing_ok=True)

    async def _tolerate(
        self,
        fault: int,
        method: str,
        *arguments: str | bool,
        also: int | None = None,
    ) -> None:
        try:
            await self.call(method, *arguments)
        except xmlrpc.client.Fault as error:
            if error.faultCode not in {fault, also}:
                raise
