import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.adapters.builder.templates.builder import TEMPLATE_ROOT
from axon_factory.adapters.builder.templates.layers import MILESTONES, brought_by
from axon_factory.adapters.builder.templates.render import RenderJob, render
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.plan import Milestone, Plan
from axon_factory.ports.builder import BuildReport, BuildRequest, BuildStatus, Finding
from axon_factory.ports.errors import PortError

ROOT = Path(__file__).parents[3]
PRODUCT_PYTHON = ROOT / ".venv-product" / "bin" / "python"
# Bytecode is kept beside the products: their trees stay clean, and the next run is faster.
BYTECODE = f"{tempfile.gettempdir()}/axon-test-bytecode-{os.getuid()}"
EXAMPLE = {  # the design's §3.1
    "whatsapp_number": "+5215587654321",
    "horario_atencion": "9:00-20:00",
    "idioma": "es",
    "personalidad_bot": "profesional y amigable",
    "productos": ["camisetas", "pantalones", "zapatos"],
    "integraciones": ["stripe", "google_sheets"],
}
HOSTILE = "{{7*7}} {% raw %} <script>alert(1)</script> \"'\\ ; rm -rf / $(id) `id` \n## x\n'''"
CLIENT = {"nombre": "Empresa XYZ S.A.", "email": "contacto@empresa.com", "pais": "México"}


def make_plan(
    product_type: str = "autopilot_whatsapp", milestones: tuple[str, ...] | None = None
) -> Plan:
    product = PRODUCT_TYPES[product_type]
    chosen = product.milestones
    if milestones is not None:
        chosen = tuple(
            Milestone(
                id=m, nombre=f"Hito\n\nAxon-Milestone: 1/{m}x", estimacion_horas=1, agente="A"
            )
            for m in milestones
        )
    return Plan(
        stack_tecnologico=product.stack_base,
        templates=product.templates,
        recursos_requeridos=product.recursos,
        estimacion_horas=product.estimacion_horas,
        subagentes_asignados=product.subagentes,
        milestones=chosen,
    )


def make_request(directory: Path, **changes: Any) -> BuildRequest:  # noqa: ANN401 — any field
    request = BuildRequest(
        order_id="550e8400-e29b-41d4-a716-446655440000",
        order_number="ORD-2025-001",
        slug="whatsapp-bot-ventas",
        product_type="autopilot_whatsapp",
        product_name="WhatsApp Bot Ventas - Empresa XYZ",
        attempt=1,
        plan=make_plan(),
        client=CLIENT,
        configuration=EXAMPLE,
        product_dir=directory,
    )
    return replace(request, **changes)


async def proceed(builder: TemplateBuilder, request: BuildRequest) -> BuildReport:
    session = await builder.start(request, idempotency_key="start")
    return await builder.proceed(session, request, idempotency_key="proceed")


async def build(request: BuildRequest) -> list[BuildReport]:
    builder, reports = TemplateBuilder(), list[BuildReport]()
    while not reports or reports[-1].status is BuildStatus.WORKING:
        reports.append(await proceed(builder, request))
        done = {milestone.id for milestone in reports[-1].milestones}
        request = replace(request, completed=request.completed | done)
    return reports


def git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def run_in_product(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PRODUCT_PYTHON, "-m", *arguments],
        cwd=directory,
        env={"PATH": os.defpath, "PYTHONPYCACHEPREFIX": BYTECODE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
async def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[BuildRequest, list[BuildReport]]:
    request = make_request(tmp_path_factory.mktemp("products") / "bot")
    return request, await build(request)


async def test_the_example_order_is_built_milestone_by_milestone(
    built: tuple[BuildRequest, list[BuildReport]],
) -> None:
    request, reports = built
    milestones = [milestone for report in reports for milestone in report.milestones]
    assert [m.id for m in milestones] == list(MILESTONES)
    assert [r.status for r in reports] == [BuildStatus.WORKING] * 4 + [BuildStatus.FINISHED]
    assert milestones[0].message == "Proyecto base creado desde template autopilot_base"
    assert milestones[3].message == "Integraciones incorporadas: stripe, google_sheets"
    assert [m.agent for m in milestones] == [m.agente for m in request.plan.milestones]
    history = git(request.product_dir, "log", "--reverse", "--format=%H %(trailers:unfold)")
    assert re.findall(r"(\w{40}) Axon-Milestone: 1/(\w+)", history) == [
        (m.commit, m.id) for m in milestones
    ]
    assert git(request.product_dir, "branch", "--show-current") == "main"
    assert git(request.product_dir, "status", "--porcelain") == ""


async def test_each_commit_brings_what_its_milestone_says(
    built: tuple[BuildRequest, list[BuildReport]],
) -> None:
    request, _ = built
    signs = {
        "scaffolding": "app/main.py",
        "backend_api": "app/modules/whatsapp.py",
        "frontend": "app/modules/admin.py",
        "integraciones": "app/modules/stripe.py",
        "qa": "tests/test_whatsapp.py",
    }
    for sign in signs.values():
        log = git(request.product_dir, "log", "--diff-filter=A", "--format=%s%b", "--", sign)
        assert [m for m in MILESTONES if f"1/{m}" in log] == [
            next(m for m in signs if signs[m] == sign)
        ]


async def test_the_manifest_and_the_journal_say_what_was_built(
    built: tuple[BuildRequest, list[BuildReport]],
) -> None:
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


async def test_nothing_of_this_machine_is_in_the_product(
    built: tuple[BuildRequest, list[BuildReport]],
) -> None:
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


async def test_the_product_passes_its_own_tests_and_lint(
    built: tuple[BuildRequest, list[BuildReport]],
) -> None:
    directory = built[0].product_dir
    tests = await asyncio.to_thread(run_in_product, directory, "pytest", "-q")
    assert tests.returncode == 0, tests.stdout[-3000:]
    assert " passed" in tests.stdout
    for arguments in (("check",), ("check", "--extend-select", "S"), ("format", "--check")):
        lint = run_in_product(directory, "ruff", *arguments, "--no-cache", ".")
        assert lint.returncode == 0, lint.stdout
    assert git(directory, "status", "--porcelain") == ""


async def test_the_running_bot_answers_a_signed_message(
    built: tuple[BuildRequest, list[BuildReport]], tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    public = "https://bot.example.com"
    process = await asyncio.create_subprocess_exec(
        PRODUCT_PYTHON,
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


async def test_a_repeated_call_reports_the_same_commit(
    built: tuple[BuildRequest, list[BuildReport]],
) -> None:
    request, reports = built
    head = git(request.product_dir, "rev-parse", "HEAD")
    again = await build(request)
    assert [r.milestones for r in again] == [r.milestones for r in reports]
    assert git(request.product_dir, "rev-parse", "HEAD") == head
    everything = replace(request, completed=frozenset(MILESTONES))
    assert await proceed(TemplateBuilder(), everything) == BuildReport(BuildStatus.FINISHED)


async def test_a_new_attempt_builds_again_and_records_the_findings(
    built: tuple[BuildRequest, list[BuildReport]], tmp_path: Path
) -> None:
    directory = tmp_path / "bot"
    shutil.copytree(built[0].product_dir, directory)
    request = make_request(
        directory,
        attempt=2,
        plan=make_plan(milestones=("qa",)),
        findings=(Finding("pruebas", HOSTILE),),
    )
    (directory / "app" / "main.py").write_text("broken")
    (report,) = await build(request)
    assert report.status is BuildStatus.FINISHED
    assert report.milestones[0].message.startswith("Intento 2: ")
    assert (directory / "app" / "main.py").read_text() != "broken"
    entry = json.loads((directory / "docs" / "construccion.json").read_text())["hitos"][-1]
    assert entry["intento"] == 2
    assert entry["hallazgos"] == [{"revision": "pruebas", "mensaje": HOSTILE}]


@pytest.fixture
def blocked(tmp_path: Path) -> tuple[TemplateBuilder, Path]:
    """A builder whose render leaves half a tree and never ends, and the pipe that says so."""
    pipe, script = tmp_path / "pipe", tmp_path / "python"
    os.mkfifo(pipe)
    script.write_text(
        f"#!/bin/sh\nmkdir app; echo half > app/half.py\nsleep 600 &\necho $! > {pipe}\nwait\n"
    )
    script.chmod(0o700)
    return TemplateBuilder(python=script), pipe


@pytest.mark.parametrize("how", ["cancel", "stop"])
async def test_an_interrupted_render_is_killed_and_leaves_no_trace(
    blocked: tuple[TemplateBuilder, Path], tmp_path: Path, how: str
) -> None:
    builder, pipe = blocked
    request = make_request(tmp_path / "bot", plan=make_plan(milestones=("otro", "qa")))
    task = asyncio.create_task(proceed(builder, request))
    child = os.pidfd_open(int(await asyncio.to_thread(pipe.read_text)))
    if how == "cancel":
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    else:
        session = await builder.start(request, idempotency_key="k")
        await builder.stop(session, request, idempotency_key="k")
        await builder.stop(session, request, idempotency_key="k")
        with pytest.raises(PortError) as caught:
            await task
        assert caught.value.transient
    assert await asyncio.to_thread(select.select, [child], [], [], 10) == ([child], [], [])
    os.close(child)
    # What a kill -9 of git itself leaves besides.
    (request.product_dir / ".git" / "index.lock").touch()
    report = await proceed(TemplateBuilder(), request)
    assert [m.id for m in report.milestones] == ["otro"]
    files = git(request.product_dir, "ls-tree", "-r", "--name-only", "HEAD").split()
    assert files == ["docs/construccion.json"]
    assert git(request.product_dir, "status", "--porcelain", "--ignored") == ""
    # The plan's milestone names hold line breaks and trailers: they stay text.
    trailers = git(request.product_dir, "log", "--format=%(trailers:only,unfold)")
    assert trailers == "Axon-Milestone: 1/otro"


async def test_a_killed_worker_is_recovered_from(
    blocked: tuple[TemplateBuilder, Path], tmp_path: Path
) -> None:
    _, pipe = blocked
    directory = tmp_path / "bot"
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, importlib.util, sys; from pathlib import Path\n"
        "spec = importlib.util.spec_from_file_location('t', sys.argv[1])\n"
        "t = importlib.util.module_from_spec(spec); spec.loader.exec_module(t)\n"
        "request = t.make_request(Path(sys.argv[2]), plan=t.make_plan(milestones=('otro', 'qa')))\n"
        "asyncio.run(t.proceed(t.TemplateBuilder(python=Path(sys.argv[3])), request))\n",
        __file__,
        str(directory),
        str(tmp_path / "python"),
    )
    orphan = int(await asyncio.to_thread(pipe.read_text))
    worker.kill()
    await worker.wait()
    os.killpg(os.getpgid(orphan), signal.SIGKILL)
    request = make_request(directory, plan=make_plan(milestones=("otro", "qa")))
    first = await proceed(TemplateBuilder(), request)
    assert [m.id for m in first.milestones] == ["otro"]
    assert git(directory, "ls-tree", "-r", "--name-only", "HEAD") == "docs/construccion.json"


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


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.just(HOSTILE),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
DATA_FILES = {"app/product.json", "axon-product.json", "docs/construccion.json"}


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


def test_two_layers_that_write_one_file_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "templates"
    shutil.copytree(TEMPLATE_ROOT, root)
    (root / "whatsapp_bot_base" / "template" / "app" / "main.py").write_text("other")
    (tmp_path / "staging").mkdir()
    (tmp_path / "product").mkdir()
    job = RenderJob(
        template_root=root,
        templates=("whatsapp_bot_base",),
        staging=tmp_path / "staging",
        product_dir=tmp_path / "product",
        files_of=frozenset(MILESTONES),
        document={"nombre": "x", "slug": "s"},
        integrations=(),
        journal={},
    )
    with pytest.raises(ValueError, match=r"whatsapp_bot_base writes app/main\.py"):
        render(job)


@pytest.mark.parametrize("template", ["desconocida", "runtime"])
async def test_an_unknown_template_is_a_typed_failure(tmp_path: Path, template: str) -> None:
    plan = make_plan().model_copy(update={"templates": (template,)})
    with pytest.raises(PortError, match=template) as caught:
        await proceed(TemplateBuilder(), make_request(tmp_path / "bot", plan=plan))
    assert caught.value.cause is FailureCause.PLANTILLA_NO_DISPONIBLE
    assert not caught.value.transient


async def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "file").touch()
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / ".git").symlink_to(tmp_path / "elsewhere")
    for name in ("link", "file", "inner"):
        with pytest.raises(PortError) as caught:
            await proceed(TemplateBuilder(), make_request(tmp_path / name))
        assert caught.value.cause is FailureCause.CONSTRUCCION_FALLIDA, name
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("milestone", "plan", "expected"),
    [
        ("scaffolding", ("scaffolding", "qa"), {"scaffolding"}),
        ("integraciones", ("scaffolding", "integraciones", "qa"), set(MILESTONES) - {"qa"}),
        ("otro", ("scaffolding", "otro", "qa"), set[str]()),
        ("otro", ("scaffolding", "otro"), set(MILESTONES)),
    ],
)
def test_the_last_milestone_brings_all_that_is_left(
    milestone: str, plan: tuple[str, ...], expected: set[str]
) -> None:
    assert brought_by(milestone, plan) == expected
