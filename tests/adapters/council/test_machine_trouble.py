"""A good product on a machine that cannot review it: no receipt, and the cause by name."""

import errno
import os
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from axon_factory.adapters.council import LocalCouncil
from axon_factory.adapters.council.bench import Bench
from axon_factory.adapters.sandbox import MEBIBYTE, Limits, Sandbox, confinement, sing
from axon_factory.adapters.sandbox import sandbox as sandbox_module
from axon_factory.domain.failure import Trouble
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import CheckReceipt
from tests.support import products
from tests.support.product_runtime import product_python

_T = Trouble
QUICK_TEST = "def test_something() -> None:\n    assert True\n"
# Thirty times 4 MB, in files of their own: no limit of a single file sees it.
HOARDER = """import os
import pathlib
import time


def test_write() -> None:
    for number in range(30):
        try:
            pathlib.Path(os.environ["HOME"], str(number)).write_bytes(b"x" * 4_000_000)
        except OSError:
            time.sleep(60)
        time.sleep(0.05)
"""
SELF_KILLER = "import os\n\n\ndef test_kill() -> None:\n    os.kill(os.getpid(), 9)\n"


@pytest.fixture(
    params=[
        pytest.param(True, id="strongest"),
        # The sandbox's own tests try both kinds, and more than the council asks of them.
        pytest.param(False, id="subprocess", marks=pytest.mark.nightly),
    ]
)
async def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """The strongest sandbox that works here, and the weakest."""
    return Sandbox(product_python(), bubblewrap=request.param)


async def review(sandbox: Sandbox, folder: Path, check: str, **options: Any) -> CheckReceipt:  # noqa: ANN401 — LocalCouncil's
    council = LocalCouncil(sandbox, stop_seconds=1, **options)
    return await council.run_check(check, products.under_review(folder), idempotency_key="key")


def _make_good(folder: Path) -> None:
    if not folder.exists():
        products.make_product(folder, {"tests/test_light.py": QUICK_TEST})


async def trouble_with(sandbox: Sandbox, folder: Path, check: str, **options: Any) -> Trouble:  # noqa: ANN401 — as above
    """Return what the council says of the machine; the product itself is good."""
    _make_good(folder)
    with pytest.raises(PortError) as failure:
        await review(sandbox, folder, check, **options)
    assert failure.value.trouble is not None, failure.value
    return failure.value.trouble.kind


async def test_without_git_in_the_sandbox(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setattr(sandbox_module, "SEARCH_PATH", str(programs))
    assert await trouble_with(sandbox, tmp_path / "product", "tests") is _T.FALTA_PROGRAMA


def _bent(*words: str) -> Callable[..., list[str]]:
    """Return `bubblewrap_arguments` with further words after the sandbox's own devices."""

    def bend(*arguments: Any, **names: Any) -> list[str]:  # noqa: ANN401 — passed through
        made = confinement.bubblewrap_arguments(*arguments, **names)
        place = made.index("--remount-ro")
        return [*made[:place], *words, *made[place:]]

    return bend


@pytest.mark.parametrize("check", ["tests", "security", "health"])
async def test_with_a_null_device_that_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: str
) -> None:
    best = Sandbox(product_python())
    if (await best.capability()).bubblewrap is None:
        pytest.skip("without bubblewrap there is no null device but the machine's")
    null = tmp_path / "null"
    null.touch(mode=0o000)
    bend = _bent("--ro-bind", str(null), "/dev/null")
    monkeypatch.setattr(sandbox_module, "bubblewrap_arguments", bend)
    found = await trouble_with(best, tmp_path / "product", check)
    assert found is _T.SIN_AISLAMIENTO


async def test_without_bubblewrap_where_it_was(tmp_path: Path) -> None:
    best = Sandbox(product_python())
    capability = await best.capability()
    if capability.bubblewrap is None:
        pytest.skip("there is no bubblewrap that could go")
    gone = tmp_path / "bwrap"
    best._capability = type(capability)(str(gone), capability.drops_user, "test")  # pyright: ignore[reportPrivateUsage] — no setting says so
    found = await trouble_with(best, tmp_path / "product", "tests")
    assert found is _T.SIN_AISLAMIENTO


async def test_with_products_python_that_lost_its_tools(tmp_path: Path) -> None:
    python = tmp_path / "python"
    venv.create(python, with_pip=False)
    bare = Sandbox(python / "bin" / "python", bubblewrap=False)
    for check in ("tests", "security"):
        found = await trouble_with(bare, tmp_path / "product", check)
        assert found is _T.SIN_AISLAMIENTO


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, _T.DISCO_LLENO),
        (errno.EMFILE, _T.SIN_RECURSOS),
        (errno.ENOMEM, _T.SIN_MEMORIA),
        (errno.EAGAIN, _T.SIN_RECURSOS),
    ],
)
async def test_when_nothing_can_be_started(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    expected: Trouble,
) -> None:
    await sandbox.capability()

    async def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("asyncio.create_subprocess_exec", refuse)
    assert await trouble_with(sandbox, tmp_path / "product", "tests") is expected


@pytest.mark.proven("council")
async def test_a_product_that_fails_is_to_blame(sandbox: Sandbox, tmp_path: Path) -> None:
    """Also one that kills itself each time: it is tried twice, and then believed."""
    assert (await sing(sandbox)).trouble is None
    products.make_product(tmp_path / "product", {"tests/test_light.py": SELF_KILLER})
    receipt = await review(sandbox, tmp_path / "product", "tests")
    assert not receipt.passed


@pytest.mark.proven("council")
async def test_a_check_may_write_so_much_and_no_more(sandbox: Sandbox, tmp_path: Path) -> None:
    folder, work = tmp_path / "product", tmp_path / "work"
    products.make_product(folder, {"tests/test_light.py": HOARDER})
    work.mkdir()
    limits = Limits(disk_bytes=24 * MEBIBYTE)
    receipt = await review(sandbox, folder, "tests", limits=limits, scratch_root=work)
    assert not receipt.passed
    assert "24 MB en disco" in receipt.findings[0], receipt
    assert list(work.iterdir()) == []


async def test_nothing_but_its_folder_can_be_written_to(tmp_path: Path) -> None:
    best = Sandbox(product_python())
    if (await best.capability()).bubblewrap is None:
        pytest.skip("without bubblewrap the machine's rights decide")
    script = """
import os
for place in ("/", "/dev", "/dev/shm", "/tmp", os.environ["HOME"]):
    room = os.statvfs(place)
    try:
        open(f"{place}/x", "w").close()
        print(place, room.f_blocks * room.f_frsize < 2**27)
    except OSError as error:
        print(place, error.strerror)
"""
    run = await best.run(
        [str(best.python), "-I", "-c", script],
        cwd=tmp_path,
        scratch=tmp_path,
        limits=Limits(disk_bytes=2**24),
        keep=False,
    )
    assert run.output.decode().splitlines() == [
        "/ Read-only file system",
        "/dev Read-only file system",
        "/dev/shm True",  # noqa: S108 — the sandbox's own
        "/tmp True",  # noqa: S108 — the same
        f"{tmp_path} True",
    ]


def _aged(folder: Path) -> Path:
    old = time.time() - 3600
    os.utime(folder, (old, old))
    return folder


def test_folders_of_killed_checks_are_removed(tmp_path: Path) -> None:
    """The kernel frees a lock however its process ends; what is held, or new, stays."""
    script = (
        "import os, sys, pathlib\n"
        "from axon_factory.adapters.council.bench import Bench\n"
        "bench = Bench(pathlib.Path(sys.argv[1]))\n"
        "(bench.scratch / 'x').mkdir(mode=0)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    (killed,) = tmp_path.iterdir()
    held = Bench(tmp_path)
    assert killed.exists(), "it may be so new that it has no lock yet"
    stranger = tmp_path / "something-else"
    stranger.mkdir()
    for folder in (killed, held.root, stranger):
        _aged(folder)

    Bench(tmp_path).remove()

    assert _names(tmp_path) == sorted([held.root.name, stranger.name])
    held.remove()
    assert _names(tmp_path) == [stranger.name]


def _names(folder: Path) -> Sequence[str]:
    return sorted(path.name for path in folder.iterdir())
