"""A client generated from the served document takes an order through the line.

The generator lives in an environment of its own (`make .venv-client/.installed`), because its
requirements conflict with the factory's.
"""

import asyncio
import json
from pathlib import Path

import pytest

from tests.contract.driven_client import drive
from tests.support.workshop import Workshop

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-client" / "bin" / "python"
SCRIPT = Path(__file__).with_name("drive_with_client.py")
CONFIG = {"post_hooks": []}  # the generator's own formatting of what nobody reads


@pytest.fixture
async def client(workshop: Workshop, tmp_path: Path) -> Path:
    """A folder with the package `axon_client`, made from the document that the API serves."""
    if not PYTHON.exists():
        pytest.fail("the client generator is not installed: make .venv-client/.installed")
    document = await workshop.http.get("/openapi.json")
    (tmp_path / "openapi.json").write_bytes(document.content)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    arguments = ["generate", "--path", "openapi.json", "--config", "config.json", "--meta", "none"]
    status, output = await _run(
        tmp_path,
        "-m",
        "openapi_python_client",
        *arguments,
        "--fail-on-warning",
        "--output-path",
        "axon_client",
    )
    # Anything it has to say about the document is a warning, whatever it ends with.
    assert (status, output) == (0, "Generating axon_client\n")
    return tmp_path


@pytest.mark.proven("clients")
async def test_a_generated_client_takes_an_order_through_the_line(
    workshop: Workshop, client: Path
) -> None:
    await drive(workshop, PYTHON, "-W", "error", SCRIPT, PYTHONPATH=str(client))


async def _run(folder: Path, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        PYTHON,
        *arguments,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()
