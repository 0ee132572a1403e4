"""TemplateBuilder: one commit a milestone, rendered from the catalogue's templates.

A template is made on layers. A layer is a folder with `copier.yml`, `template/` and `layer.json`:

- `requires`: the layers below it. What a template stands on comes along.
- `milestones`: file patterns by milestone id; the rest belongs to `default_milestone`.
- `webhooks` and `integrations.<slug>.webhooks`: names and paths for the product's manifest.
"""

import asyncio
import fnmatch
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict

import axon_factory
from axon_factory.adapters.builder.repository import GitError, Repository
from axon_factory.adapters.child_processes import Processes
from axon_factory.domain.building import BuilderName
from axon_factory.domain.failure import FailureCause, MachineTrouble, Trouble, trouble_said
from axon_factory.domain.plan import Milestone
from axon_factory.ports.builder import (
    BuildReport,
    BuildRequest,
    BuildStatus,
    MilestoneReport,
    build_failure,
)
from axon_factory.ports.errors import PortError

MILESTONES = ("scaffolding", "backend_api", "frontend", "integraciones", "qa")
"""The milestones that bring files, in the order in which they build on one another."""

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
TEMPLATE_ROOT = Path(axon_factory.__file__).parent / "product_templates"
RENDER_MODULE = "axon_factory.adapters.builder.templates.render"
MAX_INTEGRATIONS = 50


class UnknownTemplateError(LookupError):
    """A plan names a template that is not installed; the message is the template's id."""


class _Integration(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    webhooks: Mapping[str, str] = {}


class Layer(BaseModel):
    """One layer's `layer.json`, with its id (the folder's name)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    version: str
    requires: tuple[str, ...]
    webhooks: Mapping[str, str]
    integrations: Mapping[str, _Integration]
    default_milestone: str
    milestones: Mapping[str, tuple[str, ...]]

    def milestone_of(self, path: str) -> str:
        """Return the milestone that brings a file (POSIX path from the product's root)."""
        for milestone, patterns in self.milestones.items():
            if any(fnmatch.fnmatchcase(path, pattern) for pattern in patterns):
                return milestone
        return self.default_milestone


def load_layers(root: Path, templates: Iterable[str]) -> tuple[Layer, ...]:
    """Return the layers of these templates and of all they require, lowest first.

    Raises:
        UnknownTemplateError: there is no such template under `root`.
    """
    found: dict[str, Layer] = {}
    for template in templates:
        _add(root, template, found)
    return tuple(found.values())


def _add(root: Path, template: str, found: dict[str, Layer]) -> None:
    if template in found:
        return
    file = root / template / "layer.json"
    if not _IDENTIFIER.fullmatch(template) or not file.is_file():
        raise UnknownTemplateError(template)
    layer = Layer.model_validate({"id": template, **json.loads(file.read_text(encoding="utf-8"))})
    for required in layer.requires:
        _add(root, required, found)
    found[template] = layer


def brought_by(milestone: str, plan: Sequence[str]) -> frozenset[str]:
    """Return the file-bringing milestones whose files stand once `milestone` of `plan` is done.

    A milestone brings its own files and those of earlier ones that the plan leaves out; the plan's
    last one brings the rest; one that is not in :data:`MILESTONES` brings none.
    """
    if milestone == plan[-1]:
        return frozenset(MILESTONES)
    if milestone not in MILESTONES:
        return frozenset()
    return frozenset(MILESTONES[: MILESTONES.index(milestone) + 1])


def manifest(
    layers: Iterable[Layer], *, name: str, slug: str, integrations: Iterable[str]
) -> dict[str, object]:
    """Return the product's `axon-product.json`."""
    wanted = set(integrations)
    webhooks: dict[str, str] = {}
    for layer in layers:
        webhooks |= layer.webhooks
        for integration, offer in layer.integrations.items():
            if integration in wanted:
                webhooks |= offer.webhooks
    return {
        "name": name,
        "slug": slug,
        "health": "/health",
        "admin": "/admin",
        "api": "/api",
        "docs": "/guia",
        "webhooks": webhooks,
    }


class TemplateBuilder:
    """Builds in the call: each `proceed` renders and commits the plan's next milestone.

    The repository is the session's only memory: a session survives any crash. Its id follows from
    order and attempt.
    """

    name: str = BuilderName.TEMPLATES

    def __init__(
        self,
        *,
        template_root: Path = TEMPLATE_ROOT,
        python: Path | None = None,
        render_timeout_seconds: float = 120,
    ) -> None:
        """Take the folder of the templates and the Python that has Copier (default: this one)."""
        self._template_root = template_root
        self._python = python or Path(sys.executable)
        self._render_timeout = render_timeout_seconds
        self._processes = Processes()

    async def start(
        self,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — order and attempt are the key: see _session_id
    ) -> str:
        """Check that the plan can be built here; return the session's id.

        Raises:
            PortError: a template is missing, or the product's folder is not to be used.
        """
        await asyncio.to_thread(self._check, request)
        return _session_id(request)

    async def find(
        self,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — as in start
    ) -> str | None:
        """Return the session's id: it follows from order and attempt."""
        return _session_id(request)

    async def proceed(
        self,
        session_id: str,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — as in start
    ) -> BuildReport:
        """Commit the first milestone of the plan that is not in `request.completed`.

        Raises:
            PortError: a template is missing or the milestone could not be rendered or committed.
        """
        if session_id != _session_id(request):
            raise build_failure("La sesión de construcción no corresponde a la orden.")
        await asyncio.to_thread(self._check, request)
        due = [m for m in request.plan.milestones if m.id not in request.completed]
        if not due:
            return BuildReport(BuildStatus.FINISHED)
        milestone = due[0]
        repository = Repository(request.product_dir)
        try:
            await repository.restore()
            known = await repository.milestones(request.attempt)
            commit = known.get(milestone.id)
            if commit is None:
                await self._render(session_id, request, milestone, repository)
                commit = await repository.commit(
                    self._message(request, milestone), request.attempt, milestone.id
                )
        except (GitError, OSError) as error:
            raise build_failure(
                f"El repositorio del producto falló: {error}", transient=True
            ) from error
        report = MilestoneReport(
            milestone.id, milestone.agente, self._message(request, milestone), commit
        )
        status = BuildStatus.WORKING if len(due) > 1 else BuildStatus.FINISHED
        return BuildReport(status, (report,))

    async def stop(
        self,
        session_id: str,
        request: BuildRequest,  # noqa: ARG002 — the session's id says all
        *,
        force: bool,  # noqa: ARG002 — nobody is asked
        idempotency_key: str,  # noqa: ARG002 — killing twice is killing once
    ) -> bool:
        """Kill what the session runs; a `proceed` that waits for it fails."""
        self._processes.kill(session_id)
        return True

    async def forget(self, order_id: str, *, idempotency_key: str) -> None:
        """Do nothing: this builder keeps nothing beside the repository."""

    def _check(self, request: BuildRequest) -> None:
        try:
            load_layers(self._template_root, request.plan.templates)
        except UnknownTemplateError as error:
            message = f"La plantilla {error} no está disponible en esta fábrica."
            raise PortError(message, cause=FailureCause.PLANTILLA_NO_DISPONIBLE) from error
        directory = request.product_dir
        if not directory.is_absolute() or directory.is_symlink() or _is_other_file(directory):
            raise build_failure("La carpeta del producto no es una carpeta propia.")
        if shutil.which("git") is None:
            trouble = MachineTrouble(Trouble.FALTA_PROGRAMA, "git")
            raise build_failure("El programa git no está instalado.", trouble=trouble)

    async def _render(
        self, session_id: str, request: BuildRequest, milestone: Milestone, repository: Repository
    ) -> None:
        job = self._job(request, milestone, repository.staging())
        environment = {
            name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ
        }
        try:
            done = await self._processes.run(
                session_id,
                [self._python, "-P", "-m", RENDER_MODULE],
                environment={
                    **environment,
                    "HOME": str(job["staging"]),
                    "LC_ALL": "C.UTF-8",
                },
                directory=request.product_dir,
                stdin=json.dumps(job).encode(),
                timeout=self._render_timeout,
            )
        except TimeoutError as error:
            message = f"La plantilla no terminó en {self._render_timeout:.0f} segundos."
            trouble = MachineTrouble(Trouble.SOBRECARGA, message)
            raise build_failure(message, transient=True, trouble=trouble) from error
        if done.exit_code != 0:
            reason = done.stderr.splitlines()[-1:] or [f"código {done.exit_code}"]
            # A signal is the machine's doing (memory, shutdown), an exit code the template's.
            kind = trouble_said(done.stderr)
            if done.exit_code == -signal.SIGKILL:
                kind = Trouble.SIN_MEMORIA
            raise build_failure(
                f"La plantilla no se pudo aplicar: {reason[0][:300]}",
                transient=done.exit_code < 0,
                trouble=MachineTrouble(kind, reason[0][:300]) if kind else None,
            )

    def _job(self, request: BuildRequest, milestone: Milestone, staging: Path) -> dict[str, Any]:
        plan = [entry.id for entry in request.plan.milestones]
        return {
            "template_root": str(self._template_root),
            "templates": list(request.plan.templates),
            "staging": str(staging),
            "product_dir": str(request.product_dir),
            "files_of": sorted(brought_by(milestone.id, plan)),
            "document": {
                "nombre": request.product_name,
                "slug": request.slug,
                "tipo": request.product_type,
                "orden": request.order_number,
                "cliente": dict(request.client),
                "configuracion": dict(request.configuration),
            },
            "integrations": _integrations(request.configuration),
            "journal": {
                "intento": request.attempt,
                "hito": milestone.id,
                "nombre": milestone.nombre,
                "agente": milestone.agente,
                "hallazgos": [
                    {"revision": finding.check, "mensaje": finding.message}
                    for finding in request.findings
                ],
            },
        }

    def _message(self, request: BuildRequest, milestone: Milestone) -> str:
        """Return the log's sentence on a finished milestone (the style of design §2.1 `logs`)."""
        templates = request.plan.templates
        layers = load_layers(self._template_root, templates)
        offered = {slug for layer in layers for slug in layer.integrations}
        built = [s for s in _integrations(request.configuration) if s in offered]
        last = (
            "Integraciones incorporadas: " + ", ".join(built)
            if built
            else "Sin integraciones adicionales que incorporar"
        )
        sentences = {
            "scaffolding": f"Proyecto base creado desde template {templates[0]}",
            "backend_api": f"Backend API construido desde template {templates[-1]}",
            "frontend": "Panel de administración y guía de uso construidos",
            "integraciones": last,
            "qa": "Pruebas y documentación del producto incorporadas",
        }
        # A plan's names are text of others: on one line, no trailer can hide in them.
        other = "Hito registrado: " + " ".join(milestone.nombre.split())
        sentence = sentences.get(milestone.id, other)
        return sentence if request.attempt == 1 else f"Intento {request.attempt}: {sentence}"


def _session_id(request: BuildRequest) -> str:
    return f"plantillas-{request.order_id}-{request.attempt}"


def _integrations(configuration: Mapping[str, Any]) -> list[str]:
    """Return the slugs of the requested integrations ("Google Sheets" → "google_sheets")."""
    value: object = configuration.get("integraciones")
    names = cast("list[object]", value) if isinstance(value, list) else []
    slugs = (re.sub(r"[^a-z0-9]+", "_", n.lower()).strip("_") for n in names if isinstance(n, str))
    return list(dict.fromkeys(slug[:60] for slug in slugs if slug))[:MAX_INTEGRATIONS]


def _is_other_file(path: Path) -> bool:
    return path.exists() and not path.is_dir()
