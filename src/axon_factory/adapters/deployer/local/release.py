"""The files of a deployed product: its release, its log, and what stays when it goes."""

import asyncio
import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from axon_factory.adapters.deployer.local.layout import Layout
from axon_factory.adapters.sandbox import ProductRepository, Sandbox
from axon_factory.ports.deployer import DeploymentRequest

LOG_LINES = 20
LOG_BYTES = 2000
SHORTEST_SECRET = 4


async def fetch_release(sandbox: Sandbox, layout: Layout, request: DeploymentRequest) -> Path:
    """Return the folder with the files of the commit, made at the first call.

    Raises:
        RepositoryError: there is no such commit.
        OSError: the product's folder is missing.
    """
    releases = layout.product(request.slug) / "releases"
    release = releases / request.commit
    if release.is_dir():
        return release
    releases.mkdir(parents=True, exist_ok=True)
    # Beside the releases, so that one rename puts the finished export in its place.
    scratch = await asyncio.to_thread(tempfile.mkdtemp, dir=releases, prefix=".export-")
    try:
        repository = await ProductRepository.copy(sandbox, request.product_dir, Path(scratch))
        files = await repository.export(request.commit, "files")
        files.rename(release)
    finally:
        await asyncio.shield(asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True))
    return release


def prune(release: Path) -> None:
    """Remove the product's other releases."""
    for other in release.parent.iterdir():
        if other != release:
            shutil.rmtree(other, ignore_errors=True)


def retire(layout: Layout, slug: str) -> None:
    """Remove the product's folder; its data move to the retired ones."""
    folder = layout.product(slug)
    if (folder / "data").is_dir():
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        (folder / "data").rename(layout.retired / f"{slug}-{now}")
    shutil.rmtree(folder, ignore_errors=True)


def erase(layout: Layout, slug: str) -> None:
    """Remove all that is kept of the product.

    Raises:
        OSError: something of it is still there.
    """
    retired = re.compile(rf"{re.escape(slug)}-\d{{8}}T\d{{6}}\.\d{{6}}Z")
    earlier = [path for path in layout.retired.iterdir() if retired.fullmatch(path.name)]
    for folder in (layout.product(slug), *earlier):
        if folder.exists():
            shutil.rmtree(folder)
    # Its holder is the caller, and the name is not used again.
    (layout.locks / f"{slug}.lock").unlink(missing_ok=True)


def log_tail(layout: Layout, request: DeploymentRequest) -> str:
    """Return the last lines that the product wrote, without its secrets."""
    path = layout.product(request.slug) / "logs" / "product.log"
    try:
        text = path.read_bytes()[-LOG_BYTES * 4 :].decode(errors="replace")
    except OSError:
        return ""
    # Before cutting: half a secret would not be found.
    for value in sorted(request.secrets.values(), key=len, reverse=True):
        if len(value) >= SHORTEST_SECRET:
            text = text.replace(value, "•••")
    return "\n".join(text[-LOG_BYTES:].splitlines()[-LOG_LINES:])
