"""Layers: what a product template is made on, and which milestone brings each of its files.

A layer is a folder with `copier.yml`, `template/` and `layer.json`:

- `requires`: the layers below it. what a template stands on comes along.
- `milestones`: file patterns by milestone id; the rest belongs to `default_milestone`.
- `webhooks` and `integrations.<slug>.webhooks`: names and paths for the product's manifest.
"""

import fnmatch
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

MILESTONES = ("scaffolding", "backend_api", "frontend", "integraciones", "qa")
"""The milestones that bring files, in the order in which they build on one another."""

_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


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
    last one brings whatever is left; one that is not in :data:`MILESTONES` brings none.
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
