"""`axon up` as a user without privileges, when the tests themselves run as root."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from axon_factory.adapters.product_runtime import ProductRuntime
from tests.acceptance.demonstration import report
from tests.acceptance.program import DELIVERY_SECONDS, AxonUp, free_port, processes_of

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]  # a delivery on a busy machine

USER = 65534
# `env`, because setpriv itself still has root's privileges when it looks for a program.
AS_USER = [
    "setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", "env",
]  # fmt: skip


def runs(*command: str) -> bool:
    """Tell whether the user can run a command that needs nothing else of the machine."""
    try:
        return (
            subprocess.run([*AS_USER, *command], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


@pytest.fixture(scope="module")
def system_python() -> str:
    """A Python of our version that the user can run; ours may live in root's own folder."""
    if os.geteuid() != 0:
        pytest.skip("the suite runs as a normal user: every other test shows it")
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is missing")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [sys.base_prefix + "/bin/" + version, f"/usr/bin/{version}",
                  f"/usr/local/bin/{version}"]  # fmt: skip
    usable = [name for name in candidates if runs(name, "-c", "")]
    if not usable:
        pytest.skip(f"no {version} that user {USER} can run: tried {', '.join(candidates)}")
    return usable[0]


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """The user's own folder; pytest's are root's alone."""
    with tempfile.TemporaryDirectory(prefix="axon-user-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        yield Path(name)


def environment_for_user(python: str, folder: Path, *packages: str) -> Path:
    """Make a virtual environment that finds its packages where they are; return its Python."""
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "lib" / version / "site-packages"
    (site / "tests.pth").write_text("".join(f"{name}\n" for name in packages))
    return folder / "bin" / "python"


def runtime_for_user(python: str, installed: Path, root: Path) -> Path:
    """Copy the products' environment onto a Python that the user can run."""
    original = ProductRuntime(installed).python.parent.parent
    if runs(str(original / "bin" / "python"), "-c", "import fastapi"):
        return installed
    copy = root / original.name
    environment_for_user(python, copy)
    shutil.copytree(original / "lib", copy / "lib", dirs_exist_ok=True)
    shutil.copy(original / "bin" / "ruff", copy / "bin" / "ruff")
    for marker in original.glob("axon-lock*"):
        shutil.copy(marker, copy)
    assert ProductRuntime(root).is_ready()
    return root


def test_a_normal_user_gets_the_same(
    system_python: str, installed_runtime: Path, surroundings: dict[str, str], home: Path
) -> None:
    source = Path(__file__).parents[2] / "src"
    packages = sysconfig.get_paths()["purelib"]
    python = environment_for_user(system_python, home / "factory", packages, str(source))
    if not runs(str(python), "-c", "import axon_factory.bootstrap, supervisor"):
        pytest.skip(f"user {USER} cannot read {source} or {packages}")
    runtime = runtime_for_user(system_python, installed_runtime, home / "products")
    (home / "own").mkdir()
    shutil.chown(home / "own", USER, USER)
    environment = surroundings | {
        "HOME": str(home / "own"),
        "AXON_PRODUCT_RUNTIME": str(runtime),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [*AS_USER, str(python), "-m", "axon_factory"]
    data_dir = home / "own" / "data"

    with AxonUp(data_dir, free_port(), "--once", environment=environment, command=command) as up:
        delivered = up.wait_for(DELIVERY_SECONDS, evento="entregada")
        report(f"delivered to user {USER} {delivered['at']:.1f} s after the start")
        assert up.wait(60) == 0, up.story()
        assert processes_of(data_dir) == {}
    owners = {path.lstat().st_uid for path in data_dir.rglob("*")}
    assert owners == {USER}
