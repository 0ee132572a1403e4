"""A small product of the contract, written into a folder and committed, and ways to spoil it."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from axon_factory.ports.product import ProductUnderReview

__all__ = ["LIGHT_MAIN", "git", "make_product", "under_review", "write", "write_files"]

MANIFEST = {
    "name": "Producto de prueba",
    "slug": "prueba",
    "health": "/health",
    "admin": "/admin",
    "api": "/api",
    "docs": "/guia",
    "webhooks": {"whatsapp": "/webhooks/whatsapp"},
}

MAIN = '''\
"""Start command of the product."""

import os

import uvicorn

from app.web import app

uvicorn.run(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), log_level="warning")
'''

WEB = '''\
"""A product that is as small as the contract allows."""

import hmac
import os
import sqlite3
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

app = FastAPI()


def open_database() -> sqlite3.Connection:
    """Open the database below DATA_DIR and migrate it."""
    connection = sqlite3.connect(Path(os.environ["DATA_DIR"]) / "product.db")
    connection.execute("CREATE TABLE IF NOT EXISTS visits (number INTEGER)")
    return connection


@app.get("/health")
def health() -> JSONResponse:
    """Touch the database."""
    with open_database() as connection:
        connection.execute("SELECT count(*) FROM visits").fetchone()
    return JSONResponse(
        {
            "status": "ok",
            "db_migrated": True,
            "seeds_loaded": True,
            "integrations_configured": ["whatsapp"] if os.environ.get("WEBHOOK_SECRET") else [],
            "integrations_pending": [],
        }
    )


@app.get("/who")
def who() -> dict[str, object]:
    """Tell who runs this, and what it was given."""
    names = sorted(os.environ)
    return {"uid": os.getuid(), "names": names, "public_url": os.environ["PUBLIC_URL"]}


@app.get("/admin")
def admin(password: str = "") -> Response:
    """Fail closed without a password of our own."""
    expected = os.environ.get("ADMIN_PASSWORD", "")
    allowed = bool(expected) and hmac.compare_digest(password, expected)
    return Response(status_code=200 if allowed else 403)


@app.get("/guia")
def guide() -> Response:
    """Serve the address that the client is given."""
    return Response(status_code=200)


@app.post("/webhooks/whatsapp")
def webhook(request: Request) -> Response:
    """Fail closed: this product checks no signature at all."""
    return Response(status_code=403)
'''

LIGHT_MAIN = '''\
"""A product of the standard library only: it starts fast."""

import json
import os
import signal
import sqlite3
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

HEALTH = {
    "status": "ok",
    "db_migrated": True,
    "seeds_loaded": True,
    "integrations_configured": ["whatsapp"] if os.environ.get("WEBHOOK_SECRET") else [],
    "integrations_pending": [],
}
UNSIGNED = 403


def open_database() -> sqlite3.Connection:
    """Open the database below DATA_DIR and migrate it."""
    connection = sqlite3.connect(Path(os.environ["DATA_DIR"]) / "product.db")
    connection.execute("CREATE TABLE IF NOT EXISTS visits (number INTEGER)")
    return connection


def answer(method: str, path: str, query: dict[str, list[str]]) -> tuple[int, object]:
    """Return status and content."""
    if path == "/health":
        with open_database() as connection:
            connection.execute("SELECT count(*) FROM visits").fetchone()
        return 200, HEALTH
    if path == "/visits":
        with open_database() as connection:
            connection.execute("INSERT INTO visits VALUES (1)")
            (count,) = connection.execute("SELECT count(*) FROM visits").fetchone()
        return 200, {"visits": count}
    if path == "/who":
        names = sorted(os.environ)
        return 200, {"uid": os.getuid(), "names": names, "public_url": os.environ["PUBLIC_URL"]}
    if path == "/guia":
        return 200, {}
    if path == "/admin":
        expected = os.environ.get("ADMIN_PASSWORD")
        return (200 if expected and query.get("password") == [expected] else 403), {}
    if (method, path) == ("POST", "/webhooks/whatsapp"):
        return UNSIGNED, {}
    return 404, {}


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON."""

    def handle_one(self) -> None:
        """Answer a request of any method."""
        parts = urlsplit(self.path)
        status, content = answer(self.command, parts.path, parse_qs(parts.query))
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = handle_one


server = ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
try:
    server.serve_forever()
finally:
    Path(os.environ["DATA_DIR"], "ended").touch()
'''

TESTS = '''\
"""The product's own tests."""

import os
import tempfile

from fastapi.testclient import TestClient

os.environ["DATA_DIR"] = tempfile.mkdtemp()

from app.web import app  # noqa: E402

client = TestClient(app)


def test_health() -> None:
    assert client.get("/health").json()["db_migrated"] is True


def test_webhook_refuses() -> None:
    assert client.post("/webhooks/whatsapp").status_code == 403
'''

GOOD = {
    "axon-product.json": json.dumps(MANIFEST),
    "app/__init__.py": '"""A product."""\n',
    "app/__main__.py": MAIN,
    "app/web.py": WEB,
    "tests/test_web.py": TESTS,
    "pyproject.toml": "[tool.pytest.ini_options]\nfilterwarnings = []\n",
}


LIGHT = {
    "axon-product.json": json.dumps(MANIFEST),
    "app/__main__.py": LIGHT_MAIN,
    "tests/test_light.py": "def test_nothing() -> None:\n    assert True\n",
}


def git(folder: Path, *words: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    identity = ["-c", "user.name=Prueba", "-c", "user.email=prueba@example.com"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *words],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.stdout.strip()


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write `files`."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def write_files(folder: Path, files: dict[str, str]) -> str:
    """Write and commit `files`; return the commit."""
    write(folder, files)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Producto")
    return git(folder, "rev-parse", "HEAD")


def make_product(
    folder: Path, changes: dict[str, str] | None = None, *, drop: str = "", light: bool = True
) -> str:
    """Create a product in `folder`; return its commit.

    The light one needs no FastAPI and starts fast.
    `changes` replaces or adds files; files whose name starts with `drop` are left out.
    """
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    files = {**(LIGHT if light else GOOD), **(changes or {})}
    kept = {name: text for name, text in files.items() if not (drop and name.startswith(drop))}
    return write_files(folder, kept)


def under_review(folder: Path) -> ProductUnderReview:
    """Return what a council is told of the product in `folder`, at its newest commit."""
    head = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "--verify", "-q", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()
    commit = head or "0" * 40
    return ProductUnderReview("order", "ORD-2025-001", "prueba", "whatsapp_bot", 1, folder, commit)
