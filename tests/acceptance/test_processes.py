"""`axon up --processes`: the API as processes of its own beside PostgreSQL and the worker."""

import os
import signal
from pathlib import Path

import httpx2

from tests.acceptance.program import (
    START_SECONDS,
    AxonUp,
    eventually,
    free_port,
    kill_all,
    processes_of,
)


def api_of(up: AxonUp) -> set[int]:
    """Return the processes that answer: the children of the first of them, a child of `up`."""
    answering: set[int] = set()
    for pid, command in processes_of(up.data_dir).items():
        if "axon_factory up" in command and pid != up.process.pid and not _children(pid):
            answering.add(pid)
    return answering


def test_a_factory_answers_with_several_processes(
    surroundings: dict[str, str], tmp_path: Path
) -> None:
    data, port = tmp_path / "data", free_port()
    with AxonUp(data, port, "--processes", "2", environment=surroundings) as up:
        up.wait_for(START_SECONDS, evento="sirviendo")
        assert eventually(lambda: len(api_of(up)) == 2, START_SECONDS)
        with httpx2.Client(base_url=up.url, trust_env=False, timeout=30) as http:
            assert http.get("/ready").status_code == 200
        killed = min(api_of(up))
        os.kill(killed, signal.SIGKILL)
        assert eventually(lambda: len(api_of(up) - {killed}) == 2, START_SECONDS)
        assert httpx2.get(f"{up.url}/ready", trust_env=False, timeout=30).status_code == 200
        assert up.interrupt() == 0
        assert processes_of(data) == {}
        assert "Traceback" not in up.errors
        assert {"api.log", "api-1.log", "api-2.log"} <= {
            file.name for file in (data / "logs").iterdir()
        }

    with AxonUp(data, port, environment=surroundings | {"AXON_PROCESSES": "2"}) as again:
        again.wait_for(START_SECONDS, evento="sirviendo")
        assert eventually(lambda: len(api_of(again)) == 2, START_SECONDS)
        again.process.kill()
        assert again.wait(30) == -signal.SIGKILL
        assert eventually(lambda: api_of(again) == set(), START_SECONDS), "the API ends with it"
        kill_all(data)


def _children(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return ""
