"""The sandbox runs real commands: what they can see, what they cost, and that they end."""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from axon_factory.adapters.sandbox import Limits, Sandbox, SandboxRun

MARK = "axon-test-straggler"
FORKING = """
import os, subprocess, sys, time
for _ in range(3):
    subprocess.Popen(["sleep", "1234.5"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    subprocess.Popen(["sleep", "1234.5"])
    time.sleep(600)
print("ready", flush=True)
open(sys.argv[1], "w").write("ready")
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture(params=[True, False], ids=["bubblewrap", "subprocess"])
async def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    made = Sandbox(Path(sys.executable), bubblewrap=request.param)
    capability = await made.capability()
    if request.param and capability.bubblewrap is None:
        pytest.skip(f"bubblewrap does not work here: {capability.reason}")
    return made


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


async def run_python(
    sandbox: Sandbox, scratch: Path, script: str, *words: str, limits: Limits | None = None
) -> SandboxRun:
    command = [sys.executable, "-I", "-c", script, *words]
    return await sandbox.run(command, cwd=scratch, scratch=scratch, limits=limits)


def processes_named(words: Sequence[str]) -> list[int]:
    wanted = "\0".join(words).encode()
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_bytes().rstrip(b"\0") == wanted:
                found.append(int(folder.name))
    return found


async def test_evidence_is_exact(sandbox: Sandbox, scratch: Path) -> None:
    script = "import sys; print('out'); sys.stdout.flush(); print('err', file=sys.stderr); exit(7)"
    run = await run_python(sandbox, scratch, script)
    assert (run.exit_code, run.output) == (7, b"out\nerr\n")
    assert run.output_digest == hashlib.sha256(b"out\nerr\n").hexdigest()
    assert not run.timed_out
    assert not run.truncated


async def test_environment_is_an_allow_list(
    sandbox: Sandbox, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AXON_DATABASE_URL", "postgresql://secret")
    run = await run_python(sandbox, scratch, "import os,json; print(json.dumps(dict(os.environ)))")
    names = set(json.loads(run.output))
    assert names <= {"PATH", "HOME", "TMPDIR", "LANG", "PWD", "LC_CTYPE", "AXON_SANDBOX_RUN"}


async def test_scratch_can_be_written_to(sandbox: Sandbox, scratch: Path) -> None:
    run = await run_python(sandbox, scratch, "open('made', 'w').write('x')")
    assert run.exit_code == 0, run.output
    assert (scratch / "made").read_text() == "x"


async def test_output_beyond_the_limit_is_cut_and_ends_the_run(
    sandbox: Sandbox, scratch: Path
) -> None:
    limits = Limits(output_bytes=100_000, wall_seconds=60)
    run = await run_python(sandbox, scratch, "while True: print('x' * 1000)", limits=limits)
    assert run.truncated
    assert not run.timed_out
    assert len(run.output) == 100_000
    assert run.output_digest == hashlib.sha256(run.output).hexdigest()
    assert run.duration_seconds < 30


async def test_exactly_the_limit_is_not_too_much(sandbox: Sandbox, scratch: Path) -> None:
    run = await run_python(sandbox, scratch, "print('x' * 999)", limits=Limits(output_bytes=1000))
    assert (len(run.output), run.truncated, run.exit_code) == (1000, False, 0)


@pytest.mark.parametrize(
    ("script", "limits"),
    [
        ("while True: pass", Limits(cpu_seconds=1, wall_seconds=60)),
        ("b = bytearray(600 * 1024 * 1024)", Limits(address_space_bytes=512 * 1024 * 1024)),
        ("f = open('big', 'wb'); f.write(b'x' * 2_000_000)", Limits(file_bytes=1_000_000)),
    ],
    ids=["cpu", "memory", "file"],
)
async def test_a_greedy_command_fails(
    sandbox: Sandbox, scratch: Path, script: str, limits: Limits
) -> None:
    run = await run_python(sandbox, scratch, script, limits=limits)
    assert run.exit_code != 0
    assert not run.timed_out


async def test_processes_are_counted(sandbox: Sandbox, scratch: Path) -> None:
    capability = await sandbox.capability()
    if not (capability.bubblewrap or capability.drops_user):
        pytest.skip(f"products share our user, whose limit counts ours too: {capability.reason}")
    script = (
        "import os,time\nfor _ in range(60):\n    if os.fork() == 0: time.sleep(30); os._exit(0)"
    )
    run = await run_python(sandbox, scratch, script, limits=Limits(processes=30))
    assert b"Resource temporarily unavailable" in run.output


@pytest.mark.proven("council")
async def test_time_out_kills_the_whole_tree(sandbox: Sandbox, scratch: Path) -> None:
    limits = Limits(wall_seconds=3)
    flag = str(scratch / "flag")
    run = await run_python(sandbox, scratch, FORKING, flag, "600", limits=limits)
    assert run.timed_out
    assert run.output == b"ready\n"
    assert processes_named(["sleep", "1234.5"]) == []


async def test_a_command_that_ends_leaves_nothing(sandbox: Sandbox, scratch: Path) -> None:
    flag = str(scratch / "flag")
    run = await run_python(sandbox, scratch, FORKING, flag, "0")
    assert run.exit_code == 0
    assert run.duration_seconds < 30
    assert processes_named(["sleep", "1234.5"]) == []


async def test_cancelling_kills_the_whole_tree(sandbox: Sandbox, scratch: Path) -> None:
    flag = scratch / "flag"
    running = asyncio.create_task(run_python(sandbox, scratch, FORKING, str(flag), "600"))
    deadline = time.monotonic() + 30
    while not flag.exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert processes_named(["sleep", "1234.5"])
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert processes_named(["sleep", "1234.5"]) == []


async def test_a_missing_folder_is_an_error(sandbox: Sandbox, scratch: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        await sandbox.run(["true"], cwd=scratch, scratch=scratch, read_only=[scratch / "nowhere"])


class TestBubblewrap:
    """What only real isolation can promise."""

    @pytest.fixture
    async def sandbox(self) -> Sandbox:
        made = Sandbox(Path(sys.executable))
        capability = await made.capability()
        if capability.bubblewrap is None:
            pytest.skip(f"bubblewrap does not work here: {capability.reason}")
        return made

    async def test_it_says_its_version(self, sandbox: Sandbox) -> None:
        assert (await sandbox.probe()).startswith("bubblewrap ")

    async def test_the_machine_cannot_be_reached(self, sandbox: Sandbox, scratch: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            script = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
            run = await run_python(sandbox, scratch, script)
        assert b"ConnectionRefusedError" in run.output

    async def test_there_is_a_loopback_inside(self, sandbox: Sandbox, scratch: Path) -> None:
        script = (
            "import socket; s = socket.create_server(('127.0.0.1', 0));"
            "socket.create_connection(s.getsockname()); print('inside')"
        )
        assert (await run_python(sandbox, scratch, script)).output == b"inside\n"

    async def test_foreign_files_cannot_be_seen(
        self, sandbox: Sandbox, scratch: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "secret").write_text("x")
        script = (
            "import os; print(os.path.exists('/etc/shadow'), os.path.exists('/etc/passwd'),"
            f"os.path.exists({str(tmp_path / 'secret')!r}), os.listdir('/home') "
            "if os.path.exists('/home') else [])"
        )
        assert (await run_python(sandbox, scratch, script)).output == b"False False False []\n"

    async def test_read_only_is_read_only(
        self, sandbox: Sandbox, scratch: Path, tmp_path: Path
    ) -> None:
        shown = tmp_path / "shown"
        shown.mkdir()
        shown.chmod(0o777)
        (shown / "file").write_text("kept")
        (shown / "file").chmod(0o666)
        command = ["sh", "-c", "cat file; echo lost > file; touch new"]
        run = await sandbox.run(command, cwd=shown, scratch=scratch, read_only=[shown])
        assert run.output.startswith(b"kept")
        assert b"Read-only file system" in run.output
        assert (shown / "file").read_text() == "kept"
        assert not (shown / "new").exists()

    async def test_nobody_without_privileges(self, sandbox: Sandbox, scratch: Path) -> None:
        run = await sandbox.run(["cat", "/proc/self/status"], cwd=scratch, scratch=scratch)
        status = dict(line.split(":\t", 1) for line in run.output.decode().splitlines())
        assert status["Uid"].split() == ["65534"] * 4
        assert {status[name] for name in ("CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
        assert status["NoNewPrivs"] == "1"

    async def test_other_processes_cannot_be_seen(self, sandbox: Sandbox, scratch: Path) -> None:
        script = "import os; print(sorted(n for n in os.listdir('/proc') if n.isdigit()))"
        run = await run_python(sandbox, scratch, script)
        assert len(json.loads(run.output.replace(b"'", b'"'))) <= 2


async def test_without_bubblewrap_it_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("setpriv", "prlimit"):
        found = shutil.which(name)
        if found:
            (tmp_path / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox = Sandbox(Path(sys.executable))
    assert "bubblewrap no está instalado" in await sandbox.probe()
    assert (await sandbox.capability()).isolation == "subprocess"


async def test_a_bubblewrap_that_is_refused_degrades(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo bubblewrap 9.9 && exit 0\n'
        "echo 'bwrap: No permissions to create new namespace' >&2; exit 1\n"
    )
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    sandbox = Sandbox(Path(sys.executable))
    reason = await sandbox.probe()
    assert "bubblewrap 9.9 no funciona aquí" in reason
    assert "No permissions to create new namespace" in reason
    assert (await sandbox.capability()).isolation == "subprocess"
