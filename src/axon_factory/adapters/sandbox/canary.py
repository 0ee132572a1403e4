"""The canary: a known-good command that does in the sandbox what every product does.

When a product fails, the canary says whether anything could have passed here just now. What it
needs: the null device, a folder, git, processes, threads, memory and a socket on loopback.
"""

import asyncio
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from axon_factory.adapters.sandbox.model import Limits, SandboxRun
from axon_factory.adapters.sandbox.sandbox import Sandbox
from axon_factory.domain.machine import MachineTrouble, Trouble, trouble_of, trouble_said

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
