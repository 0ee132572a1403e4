"""The files that pages load: our own of `static/`, and those that `make assets` brought.

An address has the digest of its file, so that a browser may keep the file for ever.
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from axon_factory.domain.errors import NotFound

__all__ = ["Asset", "asset", "is_there", "router"]

router = APIRouter(include_in_schema=False)

_WEB = Path(__file__).parent
_FOLDERS = (_WEB / "static", _WEB / "assets")
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file as pages name it."""

    address: str
    integrity: str
    """Its digest (Subresource Integrity)."""


@router.get("/static/{name}")
async def static_file(name: str) -> FileResponse:
    """Serve one file of the pages."""
    file = _files().get(name)
    if file is None or not file.is_file():
        raise NotFound("No hay tal archivo", message_en="There is no such file")
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return FileResponse(file, media_type=_TYPES[file.suffix], headers=headers)


@cache
def asset(name: str) -> Asset:
    """Return how a page names the file `name`.

    Raises:
        KeyError: there is no such file; `make assets` brings those of others.
    """
    content = _files()[name].read_bytes()
    digest = hashlib.sha384(content).digest()
    return Asset(
        address=f"/static/{name}?{digest.hex()[:16]}",
        integrity=f"sha384-{base64.b64encode(digest).decode()}",
    )


def is_there(name: str) -> bool:
    """Return whether the file was installed."""
    return name in _files()


@cache
def _files() -> dict[str, Path]:
    """Return each file by its name; only what stands in these folders is ever served."""
    return {
        file.name: file
        for folder in _FOLDERS
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if file.suffix in _TYPES
    }
