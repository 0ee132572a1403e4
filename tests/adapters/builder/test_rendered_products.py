"""What the template builder makes: products that run, hold nothing of ours and take any text."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import tempfile
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axon_factory.adapters.builder.templates.builder import MILESTONES, TEMPLATE_ROOT
from axon_factory.adapters.builder.templates.render import RenderJob, render
from tests.support.builds import HOSTILE, Built, build, make_plan, make_request
from tests.support.product_runtime import product_python
from tests.support.products import git

pytestmark = pytest.mark.proven("products")

ROOT = Path(__file__).parents[3]
# Bytecode is kept beside the products: their trees stay clean, and the next run is faster.
BYTECODE = f"{tempfile.gettempdir()}/axon-test-bytecode-{os.getuid()}"
HOSTILE_CONFIGURATION = {
    "productos": [HOSTILE, "", 7, {"nombre": HOSTILE, "precio": HOSTILE}, "{{", "$x"],
    "horario_atencion": HOSTILE,
    "idioma": HOSTILE,
    "personalidad_bot": [HOSTILE],
    "integraciones": [HOSTILE, "../../x", "Google Sheets", None],
    "reglas": [{"evento": HOSTILE, "destino": HOSTILE, "campos": {HOSTILE: HOSTILE}}, HOSTILE],
    "citas": {"desde": HOSTILE, "hasta": 7},
    HOSTILE: HOSTILE,
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(HOSTILE),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
DATA_FILES = {"app/product.json", "axon-product.json", "docs/construccion.json"}


async def test_the_manifest_and_the_journal_say_what_was_built(built: Built) -> None:
    directory = built[0].product_dir
    manifest = json.loads((directory / "axon-product.json").read_text())
    assert manifest["webhooks"] == {
        "whatsapp": "/webhooks/whatsapp",
        "stripe": "/webhooks/stripe",
    }
    assert {key: manifest[key] for key in ("health", "admin", "api", "docs")} == {
        "health": "/health",
        "admin": "/admin",
        "api": "/api",
        "docs": "/guia",
    }
    journal = json.loads((directory / "docs" / "construccion.json").read_text())
    assert [entry["hito"] for entry in journal["hitos"]] == list(MILESTONES)


async def test_nothing_of_this_machine_is_in_the_product(built: Built) -> None:
    directory = built[0].product_dir
    texts = [
        file.read_text(encoding="utf-8")
        for file in directory.rglob("*")
        if file.is_file() and file.relative_to(directory).parts[0] != ".git"
    ]
    config = (directory / ".git" / "config").read_text()
    for trace in (str(TEMPLATE_ROOT), str(ROOT), str(directory), tempfile.gettempdir() + "/"):
        assert not any(trace in text for text in [*texts, config]), trace
    assert not (directory / ".git" / "axon-render").exists()


def run_in_product(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [product_python(), "-m", *arguments],
        cwd=directory,
        env={"PATH": os.defpath, "PYTHONPYCACHEPREFIX": BYTECODE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


async def test_the_product_passes_its_own_tests_and_lint(built: Built) -> None:
    directory = built[0].product_dir
    tests = await asyncio.to_thread(run_in_product, directory, "pytest", "-q")
    assert tests.returncode == 0, tests.stdout[-3000:]
    assert " passed" in tests.stdout
    for arguments in (("check",), ("check", "--extend-select", "S"), ("format", "--check")):
        lint = run_in_product(directory, "ruff", *arguments, "--no-cache", ".")
        assert lint.returncode == 0, lint.stdout
    assert git(directory, "status", "--porcelain") == ""


async def test_the_running_bot_answers_a_signed_message(built: Built, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    public = "https://bot.example.com"
    process = await asyncio.create_subprocess_exec(
        product_python(),
        "-m",
        "app",
        cwd=built[0].product_dir,
        env={
            "PORT": port,
            "HOST": "127.0.0.1",
            "PUBLIC_URL": public,
            "DATA_DIR": str(tmp_path),
            "WEBHOOK_SECRET": "12345",
            "PYTHONPYCACHEPREFIX": BYTECODE,
        },
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            if b"Uvicorn running" in line:
                break
        base = f"http://127.0.0.1:{port}"
        health = json.loads(await asyncio.to_thread(fetch, f"{base}/health"))
        assert (health["status"], health["integrations_pending"]) == (
            "ok",
            ["google_sheets", "stripe"],
        )
        assert health["integrations_configured"] == ["whatsapp"]
        fields = {
            "MessageSid": "SM1",
            "From": "whatsapp:+5215500000001",
            "Body": "¿tienen camisetas?",
        }
        path = "/webhooks/whatsapp"
        answer = await asyncio.to_thread(
            fetch, base + path, fields, twilio_signature(public + path, fields, "12345")
        )
        assert "tenemos camisetas" in answer
        with pytest.raises(URLError, match="403"):
            await asyncio.to_thread(fetch, base + path, fields, "")
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            await process.communicate()
    assert process.returncode in {0, -signal.SIGTERM}


def fetch(url: str, fields: dict[str, str] | None = None, signature: str = "") -> str:
    data = None if fields is None else urllib.parse.urlencode(fields).encode()
    request = urllib.request.Request(url, data, {"X-Twilio-Signature": signature})  # noqa: S310 — loopback
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 — loopback
            return answer.read().decode()
    except HTTPError as error:
        error.close()
        raise URLError(str(error.code)) from None


def twilio_signature(url: str, fields: dict[str, str], token: str) -> str:
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.digest(token.encode(), text.encode(), hashlib.sha1)).decode()


@pytest.mark.parametrize(
    ("product_type", "tests"),
    [
        ("autopilot_whatsapp", ["test_whatsapp.py", "test_google_sheets.py"]),
        ("autopilot_ventas", ["test_sales.py"]),
        ("webhook_service", ["test_webhooks.py"]),
    ],
)
async def test_a_hostile_configuration_builds_a_product_that_passes_its_tests(
    tmp_path: Path, product_type: str, tests: list[str]
) -> None:
    request = make_request(
        tmp_path / "product",
        product_type=product_type,
        plan=make_plan(product_type, milestones=("qa",)),
        product_name=HOSTILE,
        client={"nombre": HOSTILE, "email": HOSTILE},
        configuration=HOSTILE_CONFIGURATION,
    )
    await build(request)
    product = json.loads((request.product_dir / "app" / "product.json").read_text())
    assert product["configuracion"] == HOSTILE_CONFIGURATION
    files = [f"tests/{name}" for name in tests]
    done = await asyncio.to_thread(run_in_product, request.product_dir, "pytest", "-q", *files)
    assert done.returncode == 0, done.stdout[-3000:]
    for arguments in (("check",), ("format", "--check")):
        lint = run_in_product(request.product_dir, "ruff", *arguments, "--no-cache", ".")
        assert lint.returncode == 0, lint.stdout
    assert not (request.product_dir / "app" / "modules" / "stripe.py").exists()


def rendered(name: str, configuration: dict[str, Any], client: dict[str, Any]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        staging, product = Path(folder, "staging"), Path(folder, "product")
        staging.mkdir()
        product.mkdir()
        document = {"nombre": name, "slug": "s", "cliente": client, "configuracion": configuration}
        render(
            RenderJob(
                template_root=TEMPLATE_ROOT,
                templates=("autopilot_base", "whatsapp_bot_base"),
                staging=staging,
                product_dir=product,
                files_of=frozenset(MILESTONES),
                document=document,
                integrations=("stripe",),
                journal={},
            )
        )
        assert json.loads((product / "app" / "product.json").read_bytes()) == document
        assert json.loads((product / "axon-product.json").read_bytes())["name"] == name
        return {
            file.relative_to(product).as_posix(): file.read_bytes()
            for file in product.rglob("*")
            if file.is_file()
        }


def test_what_the_client_wrote_changes_nothing_but_data() -> None:
    plain = rendered("x", {}, {})

    @given(
        name=st.text(min_size=1, max_size=30) | st.just(HOSTILE),
        configuration=st.dictionaries(st.text(max_size=10), JSON, max_size=4),
        client=st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=3),
    )
    @settings(
        max_examples=5, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    def property_holds(name: str, configuration: dict[str, Any], client: dict[str, Any]) -> None:
        files = rendered(name, configuration, client)
        assert files.keys() == plain.keys()
        assert [p for p in files if files[p] != plain[p] and p not in DATA_FILES] == []

    property_holds()
