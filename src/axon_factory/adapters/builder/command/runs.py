"""A run: one agent's work on an order's attempt, known by its folder.

Its agent may be launched several times, once more for each answer. The folder says whether it is
alive, and signals reach only it.

`<order>-<attempt>/` holds:

- `lock`: held by the launcher for as long as it lives. A lock dies with its holder, be it killed
  or the machine restarted, and is seen from every container that shares the folder.
- `state.json`: what the worker knows (see `RunState`).
- `run-N.json`, `exit-N.json`: the launcher's records of launch N. A launch
  with neither lock nor exit record has vanished.
- `output.jsonl`, `errors.log`: what the agent said.
- `goal.md`, `datos/`: what it was given; it sees them read-only.
- `agent/`: the one folder that it may write to, with `workspace` (the repository) and `home`.
"""

import asyncio
import fcntl
import json
import os
import re
import shutil
import signal
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from axon_factory.adapters.builder.command import launcher
from axon_factory.adapters.child_processes import start_group
from axon_factory.adapters.disk import try_lock

_KEY = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,80}-[0-9]{1,6}")
_LAUNCH_KEY = "run"
"""What `state.json` calls the launch: runs of earlier versions go on."""
_LAUNCH_SECONDS = 30.0
_POLL_SECONDS = 0.02


class RunBusy(Exception):
    """Somebody else holds the run: its launcher, or another worker that is starting it."""


class Unlaunchable(Exception):
    """The launcher did not start; the message is for people, in Spanish."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What the launcher is given; times in seconds, sizes in bytes."""

    argv: Sequence[str]
    environment: Mapping[str, str]
    wall_seconds: float
    output_bytes: int
    grace_seconds: float


@dataclass(frozen=True, slots=True)
class Exit:
    """How a launch ended. `reason` is the launcher's word, None where the agent ended by itself."""

    code: int
    reason: str | None


@dataclass(frozen=True, slots=True)
class RunState:
    """What the worker remembers of a run.

    Attributes:
        launch: number of the newest launch; 0: none yet.
        output_from: where the newest launch's lines begin in the output, in bytes.
        taken: the mark of the workspace's newest commit that was taken over.
        proven: the milestones that commits proved then (`MilestoneReport` as JSON).
        question: what the newest launch has asked, until it is answered.
        answers: everything that was answered, for the agent to read.
        finished: the commit with which the run ended.
        base: the product's commit when the run began; None: it had none.
    """

    launch: int = 0
    output_from: int = 0
    taken: str = ""
    proven: tuple[Mapping[str, str], ...] = ()
    question: Mapping[str, Any] | None = None
    answers: tuple[Mapping[str, Any], ...] = ()
    finished: str | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A run by its folder, which may not be there yet."""

    folder: Path

    @classmethod
    def of(cls, root: Path, order_id: str, attempt: int) -> "Run":
        """Return the run of an order's attempt below `root`.

        Raises:
            ValueError: the id cannot be part of a folder's name.
        """
        key = f"{order_id}-{attempt}"
        if not _KEY.fullmatch(key):
            raise ValueError(f"'{key}' cannot name a run")
        return cls(root / key)

    @property
    def id(self) -> str:
        """The run's name for the order."""
        return f"comando-{self.folder.name}"

    @property
    def agent(self) -> Path:
        """The folder that the agent may write to."""
        return self.folder / "agent"

    @property
    def workspace(self) -> Path:
        """The agent's clone of the product's repository."""
        return self.agent / "workspace"

    @property
    def home(self) -> Path:
        """The agent's HOME."""
        return self.agent / "home"

    @property
    def data(self) -> Path:
        """What the agent is given to read."""
        return self.folder / "datos"

    @property
    def goal(self) -> Path:
        """The prompt."""
        return self.folder / "goal.md"

    @property
    def output(self) -> Path:
        """The agent's lines."""
        return self.folder / "output.jsonl"

    def output_size(self) -> int:
        """Return how many bytes the agent has written so far."""
        try:
            return self.output.stat().st_size
        except OSError:
            return 0

    def state(self) -> RunState | None:
        """Return what is remembered; None when the run was not made ready."""
        content = _read_json(self.folder / "state.json")
        if content is None:
            return None
        content |= {name: tuple(content[name]) for name in ("proven", "answers")}
        return RunState(launch=content.pop(_LAUNCH_KEY), **content)

    def remember(self, state: RunState, **changes: Any) -> RunState:  # noqa: ANN401 — fields of RunState
        """Write what is remembered, with `changes`; return it."""
        changed = replace(state, **changes)
        content = asdict(changed)
        record = {_LAUNCH_KEY: content.pop("launch"), **content}
        launcher.write_record(self.folder / "state.json", record)
        return changed

    def was_launched(self, launch: int) -> bool:
        """Say whether the launcher has recorded itself."""
        return launch > 0 and (self.folder / f"run-{launch}.json").exists()

    def exit_of(self, launch: int) -> Exit | None:
        """Return how a launch ended; None while it runs, or when it vanished."""
        content = _read_json(self.folder / f"exit-{launch}.json")
        return None if content is None else Exit(content["code"], content["reason"])

    def began_at(self, launch: int) -> datetime | None:
        """Return when a launch began."""
        content = _read_json(self.folder / f"run-{launch}.json")
        return None if content is None else datetime.fromisoformat(content["at"]).astimezone(UTC)

    def is_alive(self) -> bool:
        """Say whether a launcher (or somebody about to start one) holds the run."""
        try:
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            # Shared, so that two who only look do not take each other for a launcher.
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def held(self) -> Generator[int]:
        """Hold the run, so that no other worker starts it meanwhile; yields the lock's file.

        Raises:
            RunBusy: somebody has it.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not try_lock(descriptor):
                raise RunBusy("la sesión está en otras manos")
            yield descriptor
        finally:
            os.close(descriptor)

    async def launch(self, number: int, launch: Launch, *, lock: int) -> None:
        """Start a launcher, which takes over the lock that we hold (see `held`).

        Whenever we die in this: either the launcher has recorded itself and goes on alone, or no
        agent was started.

        Raises:
            Unlaunchable: it did not start.
        """
        with (self.folder / "launcher.log").open("ab") as log:
            process = await start_group(
                sys.executable,
                "-I",
                launcher.__file__,
                str(self.folder),
                str(number),
                str(lock),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
                env={"PATH": os.defpath, "LANG": "C.UTF-8"},
                pass_fds=(lock,),
                umask=0o022,
            )
        content = json.dumps(asdict(launch)).encode()
        try:
            async with asyncio.timeout(_LAUNCH_SECONDS):
                await process.communicate(content)
        except TimeoutError:
            pass
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())
        if not self.was_launched(number):
            raise Unlaunchable("El lanzador del agente no arrancó")

    async def end(self, launch: int, *, force: bool, patience: float) -> bool:
        """Ask a launch to end, or end it; return whether it is gone after `patience` seconds."""
        number = signal.SIGUSR1 if force else signal.SIGTERM
        self._signal(launch, "pid", "started", number)
        if await self._is_gone(patience) or not force:
            return not self.is_alive()
        # The launcher itself does not react any more.
        self._signal(launch, "agent_pid", "agent_started", signal.SIGKILL)
        self._signal(launch, "pid", "started", signal.SIGKILL)
        return await self._is_gone(patience)

    async def _is_gone(self, patience: float) -> bool:
        deadline = time.monotonic() + patience
        while self.is_alive():
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_POLL_SECONDS)  # a lock gives no event
        return True

    def _signal(self, launch: int, pid: str, identity: str, number: signal.Signals) -> None:
        """Signal a recorded process, unless its number has passed on to another."""
        record = _read_json(self.folder / f"run-{launch}.json") or {}
        if pid not in record:
            return
        with suppress(ProcessLookupError):
            # A descriptor stays with the process: its number cannot pass on in between.
            descriptor = os.pidfd_open(record[pid])
            try:
                if _started(record[pid]) == record[identity]:
                    signal.pidfd_send_signal(descriptor, number)
            finally:
                os.close(descriptor)


def forget_runs(root: Path, order_id: str) -> None:
    """Remove the folders of an order's runs that have ended.

    Raises:
        RunBusy: an agent is still at work in one.
        OSError: one could not be removed.
    """
    for folder in root.glob(f"{order_id}-*"):
        run = Run(folder)
        if run.is_alive():
            raise RunBusy("la sesión sigue en marcha")
        shutil.rmtree(folder)


def _started(pid: int) -> str | None:
    try:
        return launcher.started(pid)
    except OSError:
        return None


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        return cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
