"""How the template builder works: milestones, attempts, interruptions, refusals."""

import asyncio
import json
import os
import re
import select
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from axon_factory.adapters.builder.templates import TemplateBuilder
from axon_factory.adapters.builder.templates.builder import MILESTONES, TEMPLATE_ROOT, brought_by
from axon_factory.adapters.builder.templates.render import RenderJob, render
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.builder import BuildReport, BuildStatus, Finding
from axon_factory.ports.errors import PortError
from tests.support.builds import HOSTILE, Built, build, make_plan, make_request, proceed
from tests.support.products import git


@pytest.mark.proven("products")
async def test_the_example_order_is_built_milestone_by_milestone(built: Built) -> None:
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


@pytest.mark.proven("products")
async def test_each_commit_brings_what_its_milestone_says(built: Built) -> None:
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


@pytest.mark.proven("products")
async def test_a_repeated_call_reports_the_same_commit(built: Built) -> None:
    request, reports = built
    head = git(request.product_dir, "rev-parse", "HEAD")
    again = await build(request)
    assert [r.milestones for r in again] == [r.milestones for r in reports]
    assert git(request.product_dir, "rev-parse", "HEAD") == head
    everything = replace(request, completed=frozenset(MILESTONES))
    assert await proceed(TemplateBuilder(), everything) == BuildReport(BuildStatus.FINISHED)


@pytest.mark.proven("products")
async def test_a_new_attempt_builds_again_and_records_the_findings(
    built: Built, tmp_path: Path
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


@pytest.mark.parametrize(
    "how", [pytest.param("cancel", marks=pytest.mark.proven("products")), "stop"]
)
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
        await builder.stop(session, request, force=False, idempotency_key="k")
        await builder.stop(session, request, force=False, idempotency_key="k")
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


@pytest.mark.proven("products")
async def test_a_killed_worker_is_recovered_from(
    blocked: tuple[TemplateBuilder, Path], tmp_path: Path
) -> None:
    _, pipe = blocked
    directory = tmp_path / "bot"
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, sys; from pathlib import Path\n"
        "from axon_factory.adapters.builder.templates import TemplateBuilder\n"
        "from tests.support.builds import make_plan, make_request, proceed\n"
        "request = make_request(Path(sys.argv[1]), plan=make_plan(milestones=('otro', 'qa')))\n"
        "asyncio.run(proceed(TemplateBuilder(python=Path(sys.argv[2])), request))\n",
        str(directory),
        str(tmp_path / "python"),
        cwd=Path(__file__).parents[3],
    )
    orphan = int(await asyncio.to_thread(pipe.read_text))
    worker.kill()
    await worker.wait()
    os.killpg(os.getpgid(orphan), signal.SIGKILL)
    request = make_request(directory, plan=make_plan(milestones=("otro", "qa")))
    first = await proceed(TemplateBuilder(), request)
    assert [m.id for m in first.milestones] == ["otro"]
    assert git(directory, "ls-tree", "-r", "--name-only", "HEAD") == "docs/construccion.json"


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
