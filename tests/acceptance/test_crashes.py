"""kill -9 in the middle of the line: of everything, and of PostgreSQL alone (`make crash`)."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from axon_factory.db.embedded.postmaster import server_processes
from tests.acceptance.demonstration import report
from tests.acceptance.program import (
    DELIVERY_SECONDS,
    START_SECONDS,
    AxonUp,
    alive,
    free_port,
    kill_all,
    processes_of,
)

# Two deliveries on a busy machine.
pytestmark = [pytest.mark.crash_matrix, pytest.mark.timeout(900)]

FIRST_MILESTONE = {"agente": "Builder Agent", "estado": "construccion", "tipo": "success"}


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any factory."""
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def sequences(up: AxonUp) -> list[int]:
    return [event["seq"] for event in up.events if event["evento"] == "orden"]


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgresql" / "postmaster.pid").read_text().split()[0])


def test_a_start_after_kill_9_of_everything_recovers(
    surroundings: dict[str, str], tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    data_dir, port = tmp_path / "data", free_port()
    with AxonUp(data_dir, port, "--demo", environment=surroundings) as up:
        up.wait_for(DELIVERY_SECONDS, **FIRST_MILESTONE)
        killed = kill_all(data_dir)
        assert up.wait(30) == -signal.SIGKILL
        seen = sequences(up)
        report(f"kill -9 of {len(killed)} processes {up.events[-1]['at']:.1f} s after the start")
    pid_file = data_dir / "postgresql" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    assert not alive(int(lines[0]))
    # In place, so that the file keeps its owner.
    pid_file.write_text("\n".join([str(sleeper.pid), *lines[1:]]) + "\n")

    with AxonUp(data_dir, port, "--demo", "--once", environment=surroundings) as again:
        code = again.wait(DELIVERY_SECONDS)
        assert code == 0, again.story()
        delivered = again.wait_for(0, evento="entregada")
        report(f"recovered and delivered {delivered['at']:.1f} s after the next start")
        assert processes_of(data_dir) == {}
    assert sequences(again)[: len(seen)] == seen
    assert sequences(again) == list(range(1, len(sequences(again)) + 1))
    milestones = [
        event["metadata"]["milestone"]
        for event in again.events
        if "milestone" in event.get("metadata", {})
    ]
    assert len(milestones) == len(set(milestones))
    assert sleeper.poll() is None


def test_the_line_survives_the_death_of_postgresql(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    with AxonUp(data_dir, free_port(), "--once", environment=surroundings) as up:
        up.wait_for(START_SECONDS, evento="lista")
        for estado in ("construccion", "qa"):
            up.wait_for(DELIVERY_SECONDS, evento="orden", estado=estado)
            victim = postmaster(data_dir)
            assert victim in server_processes(data_dir / "postgresql")
            os.kill(victim, signal.SIGKILL)
        code = up.wait(DELIVERY_SECONDS)
        assert code == 0, up.story()
        report(f"delivered {up.wait_for(0, evento='entregada')['at']:.1f} s after the start")
        assert processes_of(data_dir) == {}
    assert up.errors == ""
    assert sequences(up) == list(range(1, len(sequences(up)) + 1))
