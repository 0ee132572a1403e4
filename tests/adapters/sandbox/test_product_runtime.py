"""The products' environment: whole or not there, one for each lock. Needs no network."""

import asyncio
import sys
from importlib.resources import files
from pathlib import Path

import pytest

from axon_factory.adapters.product_runtime import LOCK, ProductRuntime, RuntimeInstallError


def locked(folder: Path, text: str = "# nothing\n") -> Path:
    lock = folder / "requirements.txt"
    lock.write_text(text)
    return lock


async def test_two_installs_at_once_make_one_environment(tmp_path: Path) -> None:
    runtimes = [ProductRuntime(tmp_path / "runtime", lock=locked(tmp_path)) for _ in range(2)]
    lines: list[str] = []
    assert not runtimes[0].is_ready()
    await asyncio.gather(*(runtime.install(lines.append) for runtime in runtimes))
    assert all(runtime.is_ready() for runtime in runtimes)
    script = "import sys; print(sys.prefix != sys.base_prefix)"
    process = await asyncio.create_subprocess_exec(
        runtimes[0].python, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    assert (await process.communicate())[0] == b"True\n"
    lines.clear()
    await runtimes[0].install(lines.append)
    assert lines == []


async def test_another_lock_has_another_environment(tmp_path: Path) -> None:
    first = ProductRuntime(tmp_path / "runtime", lock=locked(tmp_path))
    await first.install(lambda _: None)
    second = ProductRuntime(tmp_path / "runtime", lock=locked(tmp_path, "# changed\n"))
    assert not second.is_ready()
    await second.install(lambda _: None)
    assert second.is_ready()
    assert first.is_ready()
    assert first.python != second.python


async def test_a_package_without_hash_is_refused(tmp_path: Path) -> None:
    runtime = ProductRuntime(tmp_path / "runtime", lock=locked(tmp_path, "left==1.0\n"))
    with pytest.raises(RuntimeInstallError, match="No se pudo instalar"):
        await runtime.install(lambda _: None)
    assert not runtime.is_ready()


async def test_a_half_made_environment_is_replaced(tmp_path: Path) -> None:
    runtime = ProductRuntime(tmp_path / "runtime", lock=locked(tmp_path))
    runtime.python.parent.mkdir(parents=True)
    runtime.python.symlink_to(sys.executable)
    assert not runtime.is_ready()
    await runtime.install(lambda _: None)
    assert runtime.is_ready()


def test_the_packaged_lock_pins_and_hashes_everything_and_names_no_host() -> None:
    text = (files("axon_factory") / LOCK).read_text(encoding="utf-8")
    logical = text.replace("\\\n", " ").splitlines()
    requirements = [line for line in logical if line and not line.lstrip().startswith("#")]
    assert requirements
    assert all("==" in line and "--hash=sha256:" in line for line in requirements)
    assert "://" not in text
