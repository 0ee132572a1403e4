"""The sandbox: finds out what the machine allows, and runs commands in it.

The canary is a known-good command that does in the sandbox what every product does. When a product
fails, the canary says whether anything could have passed here just now. It needs the null device, a
folder, git, processes, threads, memory and a socket on loopback.
"""

import asyncio
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from weakref import WeakKeyDictionary

from axon_factory.adapters.sandbox.confinement import (
    NOBODY,
    Capability,
    Confinement,
    Limits,
    SandboxRun,
    bubblewrap_arguments,
    drop_user_arguments,
    limit_arguments,
    python_folders,
)
from axon_factory.adapters.sandbox.processes import DiskBound, run_captured
from axon_factory.domain.failure import MachineTrouble, Trouble, trouble_of, trouble_said

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
        return await run_captured(
            words,
            environment=whole,
            wall_seconds=limits.wall_seconds,
            output_bytes=limits.output_bytes,
            disk=DiskBound(scratch, most, in_memory) if most is not None else None,
            isolation=capability.isolation,
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

        They pass on the caller's environment and stay in the caller's process group: a signal to
        the group reaches the command. Who is root must give `writable` to
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


GIT_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
"""What git gets in the sandbox: no settings but the repository's own."""

_SLOW_SECONDS = 3.0
_SLOW_TIMES = 15
_USUAL_SECONDS = 0.5
"""How long it takes where it has not been timed yet: generous."""
_best = WeakKeyDictionary[Sandbox, float]()

_LIMITS = Limits(wall_seconds=60, cpu_seconds=30, output_bytes=64 * 1024)
_DONE = "canary-sings"
# Each step is named before it is done, so that the last name tells which one failed.
_SCRIPT = f"""
import os, socket, subprocess, sys, tempfile, threading
def step(name):
    print(name, flush=True)
step("/dev/null")
with open("/dev/null", "r+b", buffering=0) as null:
    null.write(b"x")
    assert null.read() == b""
step("/dev/urandom")
assert len(os.urandom(16)) == 16
step("disk")
with open("canary.bin", "wb") as target:
    for _ in range(16):
        target.write(os.urandom(65536))
os.remove("canary.bin")
with tempfile.TemporaryFile() as target:
    target.write(b"x" * 65536)
step("memory")
block = bytearray(b"x") * (16 * 1024 * 1024)
step("thread")
thread = threading.Thread(target=step, args=("thread runs",))
thread.start()
thread.join()
step("git")
os.mkdir("canary")
git = ["git", "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null"]
options = ["-c", "user.name=c", "-c", "user.email=c@localhost"]
for words in (["init", "--quiet", "--template=", "canary"],
              ["-C", "canary", *options, "commit", "--quiet", "--allow-empty", "--message=c"],
              ["-C", "canary", "rev-parse", "--verify", "HEAD^{{commit}}"]):
    subprocess.run([*git, *words], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
step("socket")
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname(), timeout=20)
client.sendall(b"x")
assert server.accept()[0].recv(1) == b"x"
step("{_DONE}")
"""


@dataclass(frozen=True, slots=True)
class CanarySong:
    """How the canary fared.

    `trouble` is why it failed, None where it passed. `slow`: it took so many times longer than it
    has taken here at its best that what depends on time proves nothing just now.
    """

    trouble: MachineTrouble | None
    seconds: float
    slow: bool = False


async def sing(sandbox: Sandbox, parent: Path | None = None) -> CanarySong:
    """Run the canary in a new folder below `parent` (the system's without it), removed afterwards.

    It never raises: what keeps it from being run is its trouble.
    """
    try:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="axon-canary-", dir=parent))
    except OSError as error:
        return CanarySong(_trouble_of(error), 0.0)
    try:
        return await _sing(sandbox, folder)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return CanarySong(_trouble_of(error), 0.0)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


async def _sing(sandbox: Sandbox, folder: Path) -> CanarySong:
    os.chmod(folder, 0o711)  # noqa: PTH101, S103 — the sandbox's user must reach its own folder
    scratch = folder / "scratch"
    scratch.mkdir()
    run = await sandbox.run(
        [str(sandbox.python), "-I", "-S", "-c", _SCRIPT],
        cwd=scratch,
        scratch=scratch,
        environment=GIT_ENVIRONMENT,
        limits=_LIMITS,
    )
    lines = run.output.decode(errors="replace").strip().splitlines()
    if run.exit_code == 0 and lines and lines[-1] == _DONE:
        took, best = run.duration_seconds, _best.get(sandbox)
        _best[sandbox] = min(took, best or took)
        return CanarySong(None, took, slow=is_slow(took, best))
    return CanarySong(_why(run, lines), run.duration_seconds)


def is_slow(seconds: float, best: float | None) -> bool:
    """Return whether a canary that took so long says that the machine is overloaded."""
    return seconds >= max(_SLOW_SECONDS, _SLOW_TIMES * (best or _USUAL_SECONDS))


def _why(run: SandboxRun, lines: list[str]) -> MachineTrouble:
    said = " ".join(lines[-1:])[:200] or f"código {run.exit_code}"
    if run.timed_out:
        return MachineTrouble(Trouble.SOBRECARGA, "la prueba de referencia no terminó a tiempo")
    if run.filled_machine:
        return MachineTrouble(Trouble.DISCO_LLENO, "la prueba de referencia llegó al final")
    if run.was_killed and run.oom_kills:
        return MachineTrouble(Trouble.SIN_MEMORIA, "el sistema mató la prueba de referencia")
    if "git" in lines and "FileNotFoundError" in said:
        return MachineTrouble(Trouble.FALTA_PROGRAMA, "git no está donde corren los productos")
    kind = trouble_said("\n".join(lines)) or Trouble.SIN_AISLAMIENTO
    return MachineTrouble(kind, f"la prueba de referencia falló: {said}")


def _trouble_of(error: Exception) -> MachineTrouble:
    return trouble_of(error) or MachineTrouble(Trouble.SIN_AISLAMIENTO, str(error)[:200])
