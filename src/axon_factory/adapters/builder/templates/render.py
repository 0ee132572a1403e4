"""Renders one milestone into a product's work tree. A program of its own: data by JSON on stdin.

Importing Copier takes a second and its templates are Jinja, so the worker's process does neither.
What the client wrote arrives as data and leaves as JSON files; no path, code or text is made of it.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from copier import run_copy
from pydantic import BaseModel, ConfigDict

from axon_factory.adapters.builder.templates.builder import load_layers, manifest

JOURNAL = Path("docs", "construccion.json")
"""The product's own record of how it was built."""


class RenderJob(BaseModel):
    """One milestone's work.

    `staging` is an empty folder that the job may fill; `files_of` says which milestones' files
    go to `product_dir`; `document` is the content of `app/product.json`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    template_root: Path
    templates: tuple[str, ...]
    staging: Path
    product_dir: Path
    files_of: frozenset[str]
    document: dict[str, Any]
    integrations: tuple[str, ...]
    journal: dict[str, Any]


def render(job: RenderJob) -> None:
    """Render the layers in `staging`, one over the other, and lay out the milestone's files.

    Raises:
        UnknownTemplateError: a template is not installed.
        ValueError: two layers write the same file, or one would write outside the product.
    """
    layers = load_layers(job.template_root, job.templates)
    owners: dict[Path, str] = {}
    marks: dict[Path, tuple[int, int]] = {}
    for layer in layers:
        run_copy(
            str(job.template_root / layer.id),
            job.staging,
            data={"product": job.document, "integrations": list(job.integrations)},
            defaults=True,
            quiet=True,
            overwrite=True,
            unsafe=False,
        )
        for path, mark in _files(job.staging).items():
            if path not in marks:
                owners[path] = layer.milestone_of(path.as_posix())
            elif marks[path] != mark:
                message = f"{layer.id} writes {path}, which a layer below it writes too"
                raise ValueError(message)
            marks[path] = mark
    product = manifest(
        layers,
        name=job.document["nombre"],
        slug=job.document["slug"],
        integrations=job.integrations,
    )
    _write_json(job.staging / "axon-product.json", product)
    shutil.copyfile(
        job.template_root / "runtime" / "requirements.txt", job.staging / "requirements.txt"
    )
    owners |= {Path("axon-product.json"): "scaffolding", Path("requirements.txt"): "scaffolding"}
    for path, milestone in owners.items():
        if milestone in job.files_of:
            _lay(job.staging / path, job.product_dir, path)
    _journal(job)


def _files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return the files under a folder, each with what changes when it is written again."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder): ((status := path.lstat()).st_ino, status.st_mtime_ns)
        for path in found
    }


def _lay(source: Path, product_dir: Path, path: Path) -> None:
    target = product_dir / path
    inside = target.resolve().is_relative_to(product_dir.resolve())
    if source.is_symlink() or target.is_symlink() or not inside or path.parts[0] == ".git":
        message = f"{path} would be written outside the product"
        raise ValueError(message)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _journal(job: RenderJob) -> None:
    """Add this milestone to what earlier ones recorded."""
    file = job.product_dir / JOURNAL
    entries: list[Any] = []
    if file.is_file():
        entries = json.loads(file.read_text(encoding="utf-8"))["hitos"]
    content = {"templates": list(job.templates), "hitos": [*entries, job.journal]}
    staged = job.staging / JOURNAL
    staged.parent.mkdir(parents=True, exist_ok=True)
    _write_json(staged, content)
    _lay(staged, job.product_dir, JOURNAL)


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Read the job from standard input and do it."""
    render(RenderJob.model_validate_json(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
