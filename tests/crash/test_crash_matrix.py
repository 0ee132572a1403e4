"""The crash matrix: kill -9 at every crossing of an order's life, restart, and compare.

The list of crossings makes itself (decision 10): `crossings.txt` is what a life without faults
crosses, committed so that a new crossing is reviewed. To write it anew set AXON_TEST_UPDATE=1.
`make test` kills at every third crossing, beginning with another one each day; `make crash` at all.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crash_rig import Host, Life, scene

_GOLDEN = Path(__file__).with_name("crossings.txt")
_AT_ONCE = 3  # of each run, more than half a second is waiting for a heartbeat to be missed


def _golden() -> list[str]:
    return _GOLDEN.read_text(encoding="utf-8").split() if _GOLDEN.exists() else []


async def _undisturbed(
    host: Host, postgres_url: str, template: str, folder: Path
) -> tuple[Life, list[str]]:
    async with scene(postgres_url, template, folder) as quiet:
        log = folder / "crossings.log"
        await quiet.listen()
        await quiet.place()
        worker = await host.run("worker", quiet, log=log)
        await quiet.to_rest(seconds=60)
        await host.stop(worker, by=signal.SIGTERM)
        crossed = log.read_text(encoding="utf-8").split()
        # Maintenance goes by the clock, not by the order's life.
        return await quiet.life(), [item for item in crossed if "commit:maintenance" not in item]


async def _killed_at(
    host: Host, crossing: str, postgres_url: str, template: str, folder: Path
) -> Life:
    async with scene(postgres_url, template, folder) as scenery:
        log = folder / "crossings.log"
        await scenery.listen()
        await scenery.place()
        victim = await host.run("worker", scenery, kill=crossing, log=log)
        life = asyncio.create_task(scenery.to_rest(seconds=90))
        status = await asyncio.wait_for(victim.ended, 60)
        assert status == -signal.SIGKILL
        assert log.read_text(encoding="utf-8").split()[-1] == crossing
        heir = await host.run("worker", scenery)
        await life
        await host.stop(heir)
        return await scenery.life()


def _every_third(crossings: Sequence[str]) -> Sequence[str]:
    first = int(os.environ.get("AXON_TEST_CRASH_FIRST", datetime.now(UTC).toordinal() % 3))
    print(f"killing at every third crossing; repeat with AXON_TEST_CRASH_FIRST={first}")  # noqa: T201 — pytest shows it where the test fails
    return crossings[first::3]


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param(_every_third, id="every third"),
        pytest.param(list[str], id="all", marks=pytest.mark.crash_matrix),
    ],
)
@pytest.mark.timeout(600)
async def test_a_worker_killed_anywhere_changes_nothing(
    host: Host,
    postgres_url: str,
    template_database: str,
    tmp_path: Path,
    chosen: Callable[[Sequence[str]], Sequence[str]],
) -> None:
    quiet, crossings = await _undisturbed(host, postgres_url, template_database, tmp_path / "quiet")
    assert (quiet.state, quiet.problems) == ("entregado", ())
    if os.environ.get("AXON_TEST_UPDATE"):
        _GOLDEN.write_text("".join(f"{item}\n" for item in crossings), encoding="utf-8")
    assert crossings == _golden(), (
        "The crossings of an order's life have changed. Review them, then run this test with "
        f"AXON_TEST_UPDATE=1 to write {_GOLDEN.name} anew."
    )

    slots, lives = asyncio.Semaphore(_AT_ONCE), dict[str, Life | str]()

    async def one(number: int, crossing: str) -> None:
        async with slots:
            try:
                lives[crossing] = await _killed_at(
                    host, crossing, postgres_url, template_database, tmp_path / str(number)
                )
            except (AssertionError, TimeoutError) as error:
                lives[crossing] = f"{type(error).__name__}: {error}"

    await asyncio.gather(*(one(number, item) for number, item in enumerate(chosen(crossings))))

    different = {crossing: life for crossing, life in lives.items() if life != quiet}
    assert different == {}
