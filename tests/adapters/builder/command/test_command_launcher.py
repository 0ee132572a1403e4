"""One launcher a session, whatever dies; signals that reach only what was recorded."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axon_factory.adapters.builder.command import launcher
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.ports.builder import SessionLost
from tests.support.command_agents import BASE, Bench, command_options

Open = Callable[..., Bench]


@pytest.fixture
def bench(tmp_path: Path, sandbox: Sandbox) -> Open:
    """Return what opens a bench whose agent takes the given steps."""

    def make(*steps: Any, **changes: Any) -> Bench:  # noqa: ANN401 — see command_options
        return Bench(tmp_path, sandbox, command_options(tmp_path, *steps, **changes))

    return make


def record(bench: Bench) -> dict[str, Any]:
    return json.loads((bench.session / "run-1.json").read_text(encoding="utf-8"))


def is_running(pid: int) -> bool:
    """Say whether a process is there and no zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def sleepers() -> list[int]:
    """Return the processes that `fork` of the fake agent leaves."""
    found = list[int]()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cmdline").read_bytes() == b"/bin/sleep\x00987\x00":
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.proven("agents")
async def test_many_starts_at_once_are_one_launcher(bench: Open) -> None:
    at = bench(["wait", "seguir"])
    assert await at.builder.find(at.request, idempotency_key="find") is None
    others = [at, *(at.again(command_options(at.folder, ["wait", "seguir"])) for _ in range(3))]
    ids = await asyncio.gather(*(one.start() for one in others))
    assert len(set(ids)) == 1
    assert await at.builder.find(at.request, idempotency_key="find") == ids[0]
    assert at.launched() == 1
    first = record(at)
    assert await at.start() == ids[0]
    assert record(at) == first
    assert await at.stop(ids[0], force=True)


@pytest.mark.proven("agents")
async def test_an_agent_whose_launcher_was_killed_dies_too_and_its_session_is_lost(
    bench: Open,
) -> None:
    at = bench(["commit", BASE], ["fork"], ["deaf"], ["wait", "nunca"])
    session = await at.start()
    await at.watch(session, until=lambda seen: seen.milestones)
    known = record(at)
    os.kill(known["pid"], signal.SIGKILL)
    with pytest.raises(SessionLost):
        await at.watch(session)
    async with asyncio.timeout(10):
        while is_running(known["agent_pid"]) or sleepers():  # noqa: ASYNC110 — another process
            await asyncio.sleep(0.02)
    assert await at.start() == session
    assert at.launched() == 1


@pytest.mark.proven("agents")
@pytest.mark.parametrize("bubblewrap", [True, False])
async def test_an_agent_is_asked_to_end_and_ends_in_order(
    bubblewrap: bool, bench: Open, sandbox: Sandbox
) -> None:
    at = bench(["polite"], ["fork"], ["say", "Sigo"], ["sleep", 60])
    if not bubblewrap:
        at = Bench(at.folder, Sandbox(sandbox.python, bubblewrap=False), at.builder._options)
    session = await at.start()
    await at.watch(session, until=lambda seen: seen.logs)
    assert await at.stop(session)
    assert "Me piden que termine" in (at.session / "output.jsonl").read_text(encoding="utf-8")
    assert json.loads((at.session / "exit-1.json").read_text())["reason"] == launcher.ASKED
    assert sleepers() == []
    assert not at.workspace.exists()
    assert await at.stop(session)
    with pytest.raises(SessionLost, match="detenido"):
        await at.watch(session)


async def test_a_deaf_agent_is_forced(bench: Open) -> None:
    at = bench(["deaf"], ["say", "Sordo"], ["sleep", 60])
    session = await at.start()
    await at.watch(session, until=lambda seen: seen.logs)
    assert not await at.stop(session)
    assert is_running(record(at)["agent_pid"])
    assert await at.stop(session, force=True)
    assert not is_running(record(at)["agent_pid"])


@pytest.mark.proven("agents")
async def test_a_process_that_only_has_the_number_is_left_alone(bench: Open) -> None:
    at = bench(["wait", "seguir"])
    session = await at.start()
    known = record(at)
    bystander = await asyncio.create_subprocess_exec("/bin/sleep", "60")
    forged = known | {"pid": bystander.pid, "agent_pid": bystander.pid}
    launcher.write_record(at.session / "run-1.json", forged)
    assert not await at.stop(session, force=True)
    assert bystander.returncode is None
    launcher.write_record(at.session / "run-1.json", known)
    assert await at.stop(session, force=True)
    bystander.kill()
    await bystander.wait()


@pytest.mark.proven("agents")
async def test_a_stopped_launcher_is_ended_with_its_agent(bench: Open) -> None:
    at = bench(["say", "Sigo"], ["sleep", 60])
    session = await at.start()
    await at.watch(session, until=lambda seen: seen.logs)
    os.kill(record(at)["pid"], signal.SIGSTOP)
    assert await at.stop(session, force=True)
    assert not is_running(record(at)["agent_pid"])
