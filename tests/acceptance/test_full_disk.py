"""A factory whose disk fills up under it: a real small file system, as root (`make long`)."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.acceptance.program import (
    DELIVERY_SECONDS,
    START_SECONDS,
    AxonUp,
    document,
    eventually,
    free_port,
    kill_all,
    run_axon,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

SIZE_MB = 400
FLOOR_MB = 60
EXAMPLE = Path("src/axon_factory/cli/example_order.json")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own in memory."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0755", "axon-test", str(place)]
    if subprocess.run(words, check=False).returncode != 0:
        pytest.skip("this machine lets nobody mount")
    try:
        yield place
    finally:
        kill_all(place)
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def _fill(disk: Path, leave_mb: int) -> Path:
    """Fill the disk but for so much; return the file to delete."""
    ballast = disk / "ballast"
    room = os.statvfs(disk)
    left = room.f_bavail * room.f_frsize - leave_mb * 2**20
    with ballast.open("wb") as target:
        try:
            while left > 0:
                left -= target.write(b"x" * min(left, 2**20))
        except OSError:
            assert leave_mb == 0
    return ballast


class _Watched:
    """One order of a running factory, and what the factory says of itself."""

    def __init__(self, up: AxonUp, environment: dict[str, str]) -> None:
        self._up, self._environment = up, environment
        self.seen: list[tuple[Any, ...]] = []
        made = self._axon("create", str(EXAMPLE))
        self.number = made["order_number"]

    def _axon(self, *words: str) -> dict[str, Any]:
        where = ("--data-dir", str(self._up.data_dir), "--json")
        return document(run_axon("orders", *words, *where, environment=self._environment))

    def order(self) -> dict[str, Any]:
        """Read it; it must never have failed."""
        order = self._axon("show", self.number)
        self.seen.append((order["estado"], order["espera"], order["progreso"]))
        assert order["estado"] != "fallido", (order["fallo"], self._up.story())
        return order

    def stands_at(self, state: str) -> bool:
        """Tell whether it is in a state; a database without room may take no new connection."""
        where = ("--data-dir", str(self._up.data_dir), "--json")
        shown = run_axon("orders", "show", self.number, *where, environment=self._environment)
        return shown.returncode == 0 and json.loads(shown.stdout)["estado"] == state

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Ask a probe."""
        answer = httpx2.get(f"{self._up.url}{path}", timeout=20, trust_env=False)
        return answer.status_code, answer.json()

    def reaches(self, seconds: float, **wanted: object) -> None:
        """Wait until the order has these members."""
        assert eventually(lambda: wanted.items() <= self.order().items(), seconds), self.seen


@pytest.mark.parametrize("leave_mb", [FLOOR_MB // 2, 0], ids=["below the floor", "no byte left"])
def test_a_full_disk_costs_time_and_nothing_else(
    surroundings: dict[str, str], small_disk: Path, leave_mb: int
) -> None:
    environment = surroundings | {
        "AXON_DISK_FLOOR_MB": str(FLOOR_MB),
        "AXON_DISK_FLOOR_DATABASE_MB": str(FLOOR_MB),
        "AXON_AUTO_APPROVE": json.loads(EXAMPLE.read_text(encoding="utf-8"))["tipo_producto"],
    }
    with AxonUp(small_disk / "data", free_port(), environment=environment) as up:
        assert eventually(lambda: any("url" in event for event in up.events), START_SECONDS)
        watched = _Watched(up, environment)
        watched.reaches(60, estado="construccion")
        assert watched.get("/ready")[0] == 200

        ballast = _fill(small_disk, leave_mb)
        if leave_mb:
            watched.reaches(60, espera="maquina")
            assert watched.order()["espera_causa"]["codigo"] == "disco_lleno"
            assert watched.get("/health")[1]["problemas"][0]["ordenes"] == 1
        else:
            # The database may have no room to note it: then all stays as it is, for long enough
            # that three tries, or eight beginnings, would have failed the order.
            assert not eventually(lambda: watched.stands_at("fallido"), 45)
        status, health = watched.get("/health")
        assert (status, health["status"]) == (200, "degradado")
        assert health["problemas"][0]["codigo"] == "disco_lleno"
        status, told = watched.get("/ready")
        assert (status, told["codigo"]) == (503, "no_listo")

        ballast.unlink()
        watched.reaches(DELIVERY_SECONDS, estado="entregado", espera=None, intento=1)
        assert watched.get("/ready")[0] == 200
        assert watched.get("/health")[1]["problemas"] == []
