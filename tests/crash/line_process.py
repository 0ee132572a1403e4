"""Host of processes that may be killed: imports everything once, then forks one per run.

It reads one JSON object a line from stdin and answers on stdout:

    {"run": 1, "role": "worker", "database_url": …, "folder": …, "failpoints": {…}}
        → {"run": 1, "event": "started", "pid": …}; API runs also tell their "port"
        → {"run": 1, "event": "ended", "status": …}   (negative: the signal that killed it)
    {"kill": pid} ends a run. The end of stdin ends everything.

The parent never has a thread or an event loop, so that forking it is safe.
"""

import asyncio
import gc
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

# Test folders are no packages; the ledger lives with the line's tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "line"))

import structlog
import uvicorn
from ledger import Ledger
from ledger_ports import ledger_ports
from sqlalchemy.orm import configure_mappers

from axon_factory.bootstrap import Container
from axon_factory.bootstrap.application import application_of
from axon_factory.failpoints import arm_from_environment
from axon_factory.line.turn import TurnLimits
from axon_factory.settings import Settings

__all__ = ["SECRET", "SHORT_TURNS", "settings_for"]

SECRET = "s" * 40
SHORT_TURNS = TurnLimits(steps=3, seconds=600)
"""Turns that end by a number of steps whatever the load, so that each life crosses the same."""


def settings_for(folder: Path, *, builder: str = "templates") -> Settings:
    """Return the settings of all runs on `folder`: impatient, so that a recovery is quick."""
    given: dict[str, Any] = {
        "data_dir": folder,
        "secret_key": SECRET,
        "worker_concurrency": 1,
        "pool_size": 4,
        "heartbeat_seconds": 0.2,
        "stalled_after_seconds": 0.6,
        "maintenance_seconds": 0.2,
        "housekeeping_seconds": 0.1,
        "builder": builder,
        "agent_http_url": "http://127.0.0.1:1",
        "agent_stop_seconds": 0.001,
        "log_level": "error",
    }
    runtime = os.environ.get("AXON_TEST_PRODUCT_RUNTIME")
    if runtime:
        given["product_runtime"] = Path(runtime)
    return Settings(**given)


async def _work(container: Container, request: dict[str, Any]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if request["role"] == "real_worker":
        await container.worker().run(stop)
        return
    ledger = Ledger(Path(request["folder"]) / "ledger")
    async with ledger_ports(ledger, request["database_url"]) as ports:
        worker = container.worker(ports)
        worker.line.turn_limits = SHORT_TURNS
        await worker.run(stop)


async def _serve(container: Container, listener: socket.socket) -> None:
    config = uvicorn.Config(application_of(container), log_level="error", lifespan="off")
    await uvicorn.Server(config).serve(sockets=[listener])


async def _run(request: dict[str, Any], listener: socket.socket | None) -> None:
    # The ledger's builder stands for an agent outside, which gets tokens and is to be stopped.
    builder = "http" if request["role"] == "worker" else "templates"
    settings = settings_for(Path(request["folder"]), builder=builder)
    container = Container(settings, request["database_url"])
    try:
        if listener is not None:
            await _serve(container, listener)
        else:
            await _work(container, request)
    finally:
        await container.close()


def _child(request: dict[str, Any], listener: socket.socket | None) -> None:
    """Run in the fork; never return."""
    code = 1
    try:
        log = Path(request["folder"]) / f"{request['role']}-{os.getpid()}.log"
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.environ.update(request["failpoints"])
        arm_from_environment()
        asyncio.run(_run(request, listener))
        code = 0
    except BaseException:  # noqa: BLE001 — the fork must not fall back into the parent's loop
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class _Host:
    """The parent: starts runs and tells how they end."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._runs: dict[int, int] = {}

    def serve(self) -> None:
        self._selector.register(0, selectors.EVENT_READ)
        pending = b""
        while True:
            for key, _ in self._selector.select():
                if key.fd != 0:
                    self._reap(key.fd, *key.data)
                    continue
                received = os.read(0, 65536)
                if not received:
                    self._end()
                    return
                *lines, pending = (pending + received).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))

    def _obey(self, request: dict[str, Any]) -> None:
        if "kill" in request:
            if request["kill"] in self._runs:
                os.kill(request["kill"], request.get("signal", signal.SIGKILL))
            return
        listener = None
        if request["role"] == "api":
            listener = socket.create_server(("127.0.0.1", 0))
        # Only the child holds the writing end: its end of file is the child's death.
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            _child(request, listener)
        os.close(writing)
        self._runs[pid] = request["run"]
        self._selector.register(reading, selectors.EVENT_READ, (pid, request["run"]))
        port = listener.getsockname()[1] if listener else None
        if listener:
            listener.close()
        _tell(run=request["run"], event="started", pid=pid, port=port)

    def _reap(self, reading: int, pid: int, run: int) -> None:
        self._selector.unregister(reading)
        os.close(reading)
        _, status = os.waitpid(pid, 0)
        del self._runs[pid]
        _tell(run=run, event="ended", status=os.waitstatus_to_exitcode(status))

    def _end(self) -> None:
        for pid in self._runs:
            os.kill(pid, signal.SIGKILL)
        for pid in self._runs:
            os.waitpid(pid, 0)


def _tell(**message: object) -> None:
    os.write(1, f"{json.dumps(message)}\n".encode())


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    configure_mappers()  # once for all forks
    gc.freeze()
    _Host().serve()
