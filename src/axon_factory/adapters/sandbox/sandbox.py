"""The sandbox itself: finds out what the machine allows, and runs commands in it."""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from axon_factory.adapters.sandbox.bubblewrap import (
    NOBODY,
    Confinement,
    bubblewrap_arguments,
    drop_user_arguments,
    limit_arguments,
    python_folders,
)
from axon_factory.adapters.sandbox.meter import DiskBound
from axon_factory.adapters.sandbox.model import Capability, Limits, SandboxRun
from axon_factory.adapters.sandbox.processes import run_captured

SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
PROBE_SECONDS = 30.0
PROBE_WORD = "sandbox-works"


class Sandbox:
    """Runs commands kept from the machine and from one another.

    `python` is the interpreter of the products: its folders are readable in every run. With
    `bubblewrap=False` commands are plain subprocesses (their own session, limits and environment,
    but the machine's files and network).
    """

    def __init__(self, python: Path, *, bubblewrap: bool = True) -> None:
        self.python = python
        self._wanted = bubblewrap
        self._lock = asyncio.Lock()
        self._capability: Capability | None = None
        self._python_folders: tuple[Path, ...] = ()

    async def probe(self) -> str:
        """Return what the sandbox is here, in a Spanish sentence for `axon doctor`."""
        return (await self.capability()).reason

    async def capability(self) -> Capability:
        """Return what works here; found out once, by running it.

        Raises:
            OSError, subprocess.SubprocessError, ValueError: the products' Python does not run.
        """
        async with self._lock:
            if self._capability is None:
                self._python_folders = await asyncio.to_thread(python_folders, self.python)
                self._capability = await self._detect()
            return self._capability

    async def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        scratch: Path,
        read_only: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        limits: Limits | None = None,
        user_id: int = NOBODY,
        keep: bool = True,
    ) -> SandboxRun:
        """Run `command` to its end or its limits, without the machine's network.

        Args:
            command: the words, the first a program's path or a name in the system folders.
            cwd: working folder, inside `read_only` or `scratch`.
            scratch: the one writable folder; it is also HOME and TMPDIR, and belongs to the
                unprivileged user afterwards.
            read_only: what else the command may see.
            environment: added to PATH, HOME, TMPDIR and LANG; nothing else is passed on.
            limits: bounds; the defaults of `Limits` without it.
            user_id: the unprivileged user, where root starts it.
            keep: False where nothing of `scratch` is read afterwards, nor by the command: it may
                then be memory that the kernel bounds by `limits.disk_bytes`.

        Raises:
            OSError: a folder is missing, or the command could not be started.
        """
        limits = limits or Limits()
        capability = await self.capability()
        for path in (cwd, scratch, *read_only):
            path.stat()
        base = {"PATH": SEARCH_PATH, "HOME": str(scratch), "TMPDIR": str(scratch)}
        whole = {**base, "LANG": "C.UTF-8", **(environment or {})}
        if capability.drops_user:
            os.chown(scratch, user_id, user_id)
        in_memory = not keep and capability.bubblewrap is not None
        confinement = Confinement(
            cwd,
            scratch,
            tuple(read_only),
            limits,
            environment=whole,
            user_id=user_id,
            memory_bytes=limits.disk_bytes if in_memory else None,
        )
        most = limits.disk_bytes
        words = self._words(capability, command, confinement)
        captured = await run_captured(
            words,
            environment=whole,
            wall_seconds=limits.wall_seconds,
            output_bytes=limits.output_bytes,
            disk=DiskBound(scratch, most, in_memory) if most is not None else None,
        )
        return SandboxRun(
            exit_code=captured.exit_code,
            output=captured.output,
            output_digest=captured.output_digest,
            duration_seconds=captured.duration_seconds,
            isolation=capability.isolation,
            timed_out=captured.timed_out,
            truncated=captured.truncated,
            overwrote=captured.overwrote,
            filled_machine=captured.filled_machine,
            cpu_seconds=captured.cpu_seconds,
            waiting_seconds=captured.waiting_seconds,
            oom_kills=captured.oom_kills,
        )

    async def service_words(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        writable: Path,
        read_only: Sequence[Path],
        limits: Limits,
        user_id: int,
        network: bool = True,
    ) -> list[str]:
        """Return the words that run `command` as a service: with the machine's network, or none.

        They pass on the environment of whoever starts them, and stay in that one's process group,
        so that a signal to the group reaches the command. Who is root must give `writable` to
        `user_id` first if `drops_user`.
        """
        confinement = Confinement(
            cwd,
            writable,
            tuple(read_only),
            limits,
            network=network,
            new_session=False,
            user_id=user_id,
        )
        return self._words(await self.capability(), command, confinement)

    def _words(
        self, capability: Capability, command: Sequence[str], confinement: Confinement
    ) -> list[str]:
        words: list[str] = []
        if capability.bubblewrap:
            visible = replace(
                confinement, read_only=(*self._python_folders, *confinement.read_only)
            )
            words += bubblewrap_arguments(
                capability.bubblewrap, visible, own_user_namespace=not capability.drops_user
            )
        prlimit, setpriv = shutil.which("prlimit"), shutil.which("setpriv")
        if prlimit:
            counted = capability.drops_user or capability.bubblewrap is not None
            words += limit_arguments(prlimit, confinement.limits, count_processes=counted)
        if setpriv and capability.drops_user:
            words += drop_user_arguments(setpriv, confinement.user_id)
        elif setpriv and not capability.bubblewrap:
            words += [setpriv, "--no-new-privs"]
        if setpriv and not capability.bubblewrap:
            words += ["--pdeathsig=KILL"]
        # Only now: root without its capabilities may not enter the other user's folder.
        return [*words, "/usr/bin/env", f"--chdir={confinement.cwd}", *command]

    async def _detect(self) -> Capability:
        """Try the strongest way first; the first that runs Python is taken."""
        refused: list[str] = []
        root = os.geteuid() == 0 and shutil.which("setpriv") is not None
        program = shutil.which("bwrap")
        version = await asyncio.to_thread(_version, program) if program else ""
        if not self._wanted:
            refused.append("bubblewrap está desactivado")
        elif program is None:
            refused.append("bubblewrap no está instalado")
        else:
            # Root without a user namespace first: only then per-user limits hold.
            for drops_user in (True, False) if root else (False,):
                candidate = Capability(program, drops_user, version)
                error = await self._error_of(candidate)
                if error is None:
                    return candidate
                refused.append(f"{version} no funciona aquí ({error})")
        if root:
            reason = f"{refused[-1]}; los productos corren como usuario sin privilegios"
            candidate = Capability(None, drops_user=True, reason=reason)
            if await self._error_of(candidate) is None:
                return candidate
            refused.append("root no puede ceder el intérprete a otro usuario")
        reason = f"{'; '.join(dict.fromkeys(refused))}; los productos corren como simples procesos"
        return Capability(None, drops_user=False, reason=reason)

    async def _error_of(self, candidate: Capability) -> str | None:
        """Return why `candidate` cannot run the products' Python; None when it can."""
        with tempfile.TemporaryDirectory(prefix="axon-probe-") as name:
            scratch = Path(name)
            if candidate.drops_user:
                os.chown(scratch, NOBODY, NOBODY)
            environment = {"PATH": SEARCH_PATH, "LANG": "C.UTF-8"}
            command = [str(self.python), "-I", "-c", f"print('{PROBE_WORD}')"]
            confinement = Confinement(scratch, scratch, (), Limits(), environment=environment)
            words = self._words(candidate, command, confinement)
            try:
                answer = await run_captured(
                    words,
                    environment=environment,
                    wall_seconds=PROBE_SECONDS,
                    output_bytes=4096,
                )
            except OSError as error:
                return str(error)
        text = answer.output.decode(errors="replace").strip()
        if answer.exit_code == 0 and PROBE_WORD in text:
            return None
        return re.sub(r"\s+", " ", text)[-160:] or f"código {answer.exit_code}"


def _version(program: str) -> str:
    answer = subprocess.run(  # noqa: S603 — the bwrap found on the PATH, with our own words
        [program, "--version"], capture_output=True, text=True, check=False, timeout=30
    )
    return answer.stdout.strip() or "bubblewrap"
