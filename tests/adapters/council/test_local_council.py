"""The council reviews real products: each defect is found, and nothing is left or changed."""

import asyncio
import hashlib
import time
from pathlib import Path

import pytest

from axon_factory.adapters.council import LocalCouncil
from axon_factory.adapters.sandbox import Limits, Sandbox
from axon_factory.domain.catalogue import REQUIRED_CHECKS
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import CheckReceipt
from tests.support import products
from tests.support.product_runtime import product_python

QUICK_TEST = "def test_something() -> None:\n    assert True\n"
SLEEPER = "import time\n\ntime.sleep(600)\n"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(True, id="strongest"),
        # The sandbox's own tests try both kinds, and more than the council asks of them.
        pytest.param(False, id="subprocess", marks=pytest.mark.nightly),
    ],
)
async def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    """The strongest sandbox that works here, and the weakest."""
    return Sandbox(product_python(), bubblewrap=request.param)


@pytest.fixture(scope="module")
async def best() -> Sandbox:
    """The strongest sandbox that works here."""
    return Sandbox(product_python())


async def review(
    sandbox: Sandbox, folder: Path, check: str, *, limits: Limits | None = None, seconds: float = 30
) -> CheckReceipt:
    council = LocalCouncil(sandbox, limits=limits, health_seconds=seconds, stop_seconds=1)
    return await council.run_check(check, products.under_review(folder), idempotency_key="key")


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in [folder, *folder.rglob("*")]
    }


async def test_a_good_product_passes_and_is_left_as_it_was(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    folder, work = tmp_path / "product", tmp_path / "work"
    products.make_product(folder, light=False)
    work.mkdir()
    before = snapshot(folder)
    council = LocalCouncil(sandbox, scratch_root=work)
    product = products.under_review(folder)
    receipts = [
        await council.run_check(check, product, idempotency_key="key") for check in REQUIRED_CHECKS
    ]
    assert [(receipt.passed, receipt.findings) for receipt in receipts][:2] == [
        (True, ("2 pruebas superadas.",)),
        (True, ("Sin defectos de seguridad en el código.",)),
    ]
    assert receipts[2].passed, receipts[2]
    assert [receipt.agent for receipt in receipts] == ["QA Agent", "Security Agent", "QA Agent"]
    expected = (await sandbox.capability()).isolation
    assert {receipt.isolation for receipt in receipts} == {expected}
    assert {receipt.exit_code for receipt in receipts} == {0}
    assert snapshot(folder) == before
    assert list(work.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "drop", "said"),
    [
        (
            {"tests/test_light.py": "def test_wrong() -> None:\n    assert 1 == 2\n"},
            "",
            "1 fallida",
        ),
        ({}, "tests/", "no tiene carpeta «tests»"),
        ({"tests/test_light.py": '"""Nothing here."""\n'}, "", "Ninguna prueba"),
        (
            {"tests/test_light.py": "import pytest\n\n\n@pytest.mark.skip\ndef test_x(): ...\n"},
            "",
            "Ninguna prueba",
        ),
        ({"tests/conftest.py": "import os\n\nos._exit(0)\n"}, "", "Ninguna prueba"),
        ({"tests/test_light.py": "import missing_module\n"}, "", "1 fallida"),
        (
            {
                "tests/test_light.py": QUICK_TEST + "\n\ndef test_b() -> None:\n    assert False\n",
                "pyproject.toml": "[tool.pytest.ini_options]\naddopts = '--deselect tests/"
                "test_light.py::test_b'\n",
            },
            "",
            "1 prueba superada, 1 fallida.",
        ),
    ],
    ids=["failing", "no-folder", "empty", "skipped", "exits-early", "broken", "hidden"],
)
@pytest.mark.proven("council")
async def test_tests_must_run_and_pass(
    best: Sandbox, tmp_path: Path, files: dict[str, str], drop: str, said: str
) -> None:
    products.make_product(tmp_path / "product", files, drop=drop)
    receipt = await review(best, tmp_path / "product", "tests")
    assert not receipt.passed
    assert said in receipt.findings[0]


async def test_a_failing_test_is_named(best: Sandbox, tmp_path: Path) -> None:
    test = "def test_price() -> None:\n    assert 1 == 2\n"
    products.make_product(tmp_path / "product", {"tests/test_light.py": test})
    receipt = await review(best, tmp_path / "product", "tests")
    assert receipt.findings[1].startswith("tests/test_light.py::test_price - assert 1 == 2")
    assert receipt.exit_code == 1
    assert "test_price" in receipt.output_tail


INJECTION = '''"""Unsafe."""


def find(connection, name):
    return connection.execute(f"SELECT * FROM users WHERE name = '{name}'")
'''
SHELL = '"""Unsafe."""\n\nimport subprocess\n\nsubprocess.run("ls " + input(), shell=True)\n'


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("app/find.py", INJECTION, "S608"),
        ("app/shell.py", SHELL, "S602"),
        ("app/key.py", '"""Key."""\n\npassword = "hunter2hunter2"\n', "S105"),
        ("app/shell.py", SHELL.replace("True)", "True)  # noqa: S602"), "S602"),
        ("app/shell.py", "# ruff: noqa\n" + SHELL, "S602"),
        ("build/shell.py", SHELL, "S602"),
        ("tests/shell.py", SHELL, "S602"),
        ("app/broken.py", "def broken(:\n", "invalid-syntax"),
    ],
    ids=["sql", "shell", "key", "noqa", "file-noqa", "excluded", "in-tests", "syntax"],
)
async def test_unsafe_code_is_found(
    best: Sandbox, tmp_path: Path, name: str, content: str, code: str
) -> None:
    own_rules = "[tool.ruff]\nexclude = ['app']\n[tool.ruff.lint]\nselect = []\n"
    files = {name: content, "pyproject.toml": own_rules, ".gitignore": "*.pyc\n"}
    products.make_product(tmp_path / "product", files)
    receipt = await review(best, tmp_path / "product", "security")
    assert not receipt.passed
    assert any(line.startswith(f"{name}:") and code in line for line in receipt.findings), receipt


async def test_a_product_cannot_bring_its_own_ruff(best: Sandbox, tmp_path: Path) -> None:
    files = {"ruff.py": "print('[]')\n", "app/shell.py": SHELL}
    products.make_product(tmp_path / "product", files)
    receipt = await review(best, tmp_path / "product", "security")
    assert not receipt.passed


LIGHT = products.LIGHT_MAIN


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"app/__main__.py": LIGHT.replace("200, HEALTH", "500, HEALTH")}, "respondió 500"),
        ({"app/__main__.py": "raise SystemExit(3)\n"}, "terminó solo al arrancar (código 3)"),
        ({"app/__main__.py": SLEEPER}, "no respondió"),
        ({"app/__main__.py": "while True:\n    print('x' * 1000)\n"}, "demasiado en su registro"),
        ({"app/__main__.py": LIGHT.replace('"seeds_loaded": True,', "")}, "«seeds_loaded»"),
        ({"app/__main__.py": LIGHT.replace('migrated": True', 'migrated": False')}, "no migró"),
        (
            {"app/__main__.py": LIGHT.replace("UNSIGNED = 403", "UNSIGNED = 200")},
            "respondió 200 a un mensaje sin firma",
        ),
        (
            {"app/__main__.py": LIGHT.replace("lambda *_: sys.exit(0)", "signal.SIG_IGN")},
            "no se detuvo con SIGTERM",
        ),
        ({"axon-product.json": '{"health": "http://example.com"}'}, "«health» de axon-product"),
        ({"axon-product.json": "no"}, "no se puede leer axon-product.json"),
    ],
    ids=[
        *("status-500", "ends", "never-answers", "floods", "key-missing", "not-migrated"),
        *("open-webhook", "deaf", "manifest-wrong", "manifest-broken"),
    ],
)
@pytest.mark.proven("council")
async def test_unhealthy_products_are_found(
    best: Sandbox, tmp_path: Path, files: dict[str, str], said: str
) -> None:
    products.make_product(tmp_path / "product", files)
    # A product that answers has to be up by then, on a busy machine too.
    seconds = 1 if SLEEPER in files.values() else 4 if "500, HEALTH" in str(files) else 30
    receipt = await review(best, tmp_path / "product", "health", seconds=seconds)
    assert not receipt.passed
    assert any(said in line for line in receipt.findings), receipt


async def test_the_review_has_no_secrets(
    best: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AXON_MASTER_KEY", "top-secret")
    test = (
        "import os\n\n\ndef test_environment() -> None:\n"
        "    assert 'AXON_MASTER_KEY' not in os.environ\n"
        "    assert not {'API_KEY', 'ADMIN_PASSWORD', 'WEBHOOK_SECRET'} & set(os.environ)\n"
    )
    products.make_product(tmp_path / "product", {"tests/test_light.py": test})
    receipt = await review(best, tmp_path / "product", "tests")
    assert receipt.passed, receipt


@pytest.mark.proven("council")
async def test_a_flood_of_output_is_stopped(sandbox: Sandbox, tmp_path: Path) -> None:
    flood = "import atexit, os\n\natexit.register(lambda: os.write(1, b'x' * 50_000_000))\n"
    products.make_product(
        tmp_path / "product", {"tests/conftest.py": flood, "tests/test_light.py": QUICK_TEST}
    )
    receipt = await review(
        sandbox, tmp_path / "product", "tests", limits=Limits(output_bytes=1_000_000)
    )
    assert not receipt.passed
    assert receipt.truncated
    assert len(receipt.output_tail.encode()) <= 4096
    assert "1000000 bytes" in receipt.findings[0]


@pytest.mark.proven("council")
async def test_an_endless_test_is_stopped(sandbox: Sandbox, tmp_path: Path) -> None:
    endless = "import time\n\n\ndef test_sleep() -> None:\n    time.sleep(600)\n"
    products.make_product(tmp_path / "product", {"tests/test_light.py": endless})
    receipt = await review(sandbox, tmp_path / "product", "tests", limits=Limits(wall_seconds=2))
    assert not receipt.passed
    assert receipt.timed_out
    assert "2 segundos" in receipt.findings[0]


def sleepers() -> list[str]:
    found: list[str] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"2345.6" in words:
            found.append(folder.name)
    return found


async def test_cancelling_a_check_kills_what_it_started(sandbox: Sandbox, tmp_path: Path) -> None:
    forking = (
        "import subprocess\nimport time\n\n\ndef test_fork() -> None:\n"
        "    subprocess.Popen(['sleep', '2345.6'], start_new_session=True)\n    time.sleep(600)\n"
    )
    folder, work = tmp_path / "product", tmp_path / "work"
    products.make_product(folder, {"tests/test_light.py": forking})
    work.mkdir()
    council = LocalCouncil(sandbox, scratch_root=work)
    running = asyncio.create_task(
        council.run_check("tests", products.under_review(folder), idempotency_key="key")
    )
    deadline = time.monotonic() + 30
    while not sleepers():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert sleepers() == []
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("check", ["tests", "security", "health"])
async def test_uncommitted_changes_fail_every_check(
    best: Sandbox, tmp_path: Path, check: str
) -> None:
    products.make_product(tmp_path / "product")
    (tmp_path / "product" / "app" / "__main__.py").write_text("changed")
    (tmp_path / "product" / "new.py").write_text("new")
    receipt = await review(best, tmp_path / "product", check)
    assert not receipt.passed
    assert "cambios sin confirmar: app/__main__.py, new.py" in receipt.findings[0]


async def test_a_folder_without_repository_fails(best: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "product").mkdir()
    receipt = await review(best, tmp_path / "product", "tests")
    assert not receipt.passed
    assert "no se puede revisar" in receipt.findings[0]


async def test_git_configuration_of_the_product_runs_nothing_here(
    best: Sandbox, tmp_path: Path
) -> None:
    if (await best.capability()).bubblewrap is None:
        pytest.skip("without bubblewrap the product's programs see the machine's files")
    folder, proof = tmp_path / "product", tmp_path / "proof"
    products.make_product(folder)
    products.git(folder, "config", "core.fsmonitor", f"touch {proof}; false")
    (folder / "app" / "__main__.py").touch()
    await review(best, folder, "security")
    assert not proof.exists()


async def test_what_cannot_be_run_is_an_error(best: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(PortError) as missing:
        await review(best, tmp_path / "nowhere", "tests")
    assert missing.value.cause is FailureCause.REVISION_NO_EJECUTABLE
    products.make_product(tmp_path / "product")
    with pytest.raises(PortError) as unknown:
        await review(best, tmp_path / "product", "taste")
    assert unknown.value.cause is FailureCause.REVISION_NO_EJECUTABLE
