"""A factory of processes that can be killed one by one: `axon serve`, and `axon worker`."""

import json
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx2
import psycopg

from tests.acceptance.program import (
    AXON,
    DELIVERY_SECONDS,
    STOP_SECONDS,
    eventually,
    free_port,
    kill_all,
)

__all__ = ["SplitFactory"]

Json = Any
Process = subprocess.Popen[str]


class SplitFactory:
    """A context manager: whatever happens, nothing that runs on the data folder is left."""

    def __init__(self, data_dir: Path, database_url: str, surroundings: Mapping[str, str]) -> None:
        """`database_url` is a migrated database of the factory's own."""
        data_dir.mkdir(exist_ok=True)
        port = free_port()
        self.data_dir = data_dir
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx2.Client(base_url=self.url, trust_env=False, timeout=30)
        self._database_url = database_url
        self._environment = {
            **surroundings,
            "AXON_DATA_DIR": str(data_dir),
            "AXON_DATABASE_URL": database_url,
            "AXON_PORT": str(port),
        }
        self._processes: list[Process] = []

    def start(self, command: str) -> Process:
        """Start `axon serve` or `axon worker`, and return once it says that it is ready."""
        log = self.data_dir / f"{command}-{len(self._processes)}.log"
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(
                [*AXON, command, "--json"],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )
        self._processes.append(process)
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert '"lista"' in ready, ready + self.story()
        return process

    def stop(self) -> list[int]:
        """End what still runs as a service manager does; return exit codes of those processes."""
        running = [process for process in self._processes if process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        return [process.wait(STOP_SECONDS) for process in running]

    def log_in(self, email: str, password: str) -> None:
        """Make every further request as a person with an account."""
        session = self.post("/api/auth/login", {"email": email, "password": password})
        self.http.headers["Authorization"] = f"Bearer {session['access_token']}"

    def post(self, path: str, body: Json) -> Json:
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def get(self, path: str) -> Json:
        answer = self.http.get(path)
        assert answer.is_success, answer.text
        return answer.json()

    def rows(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """Read what the factory has on record."""
        with psycopg.connect(self._database_url) as connection:
            return connection.execute(statement.encode(), values).fetchall()

    def wait_until(self, statement: str, seconds: float = DELIVERY_SECONDS) -> None:
        """Wait for rows, of which no other process of the factory would tell us."""
        assert eventually(lambda: bool(self.rows(statement)), seconds), self.story()

    def story(self) -> str:
        """Return what happened, for the message of a failure."""
        events = self.rows("SELECT seq, kind, agente, mensaje FROM order_events ORDER BY position")
        failures = self.rows("SELECT estado, espera, fallo FROM orders")
        logs = [path.read_text(encoding="utf-8") for path in self.data_dir.glob("*.log")]
        return "\n".join([*map(str, events), *map(json.dumps, failures), *logs])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        kill_all(self.data_dir)
        for process in self._processes:
            process.wait(STOP_SECONDS)
            if process.stdout is not None:
                process.stdout.close()
        self.http.close()
