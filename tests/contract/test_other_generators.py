"""Every other generator of clients takes the served document whole (`make long`).

Each client is generated, compiled strictly if it is in TypeScript, and creates, lists, reads and
approves an order. The folder `generators` has the programs and the lock of the generators.
"""

import asyncio
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.driven_client import drive
from tests.support.workshop import Workshop

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
GENERATORS = Path(__file__).with_name("generators")
MODULES = GENERATORS / "node_modules"
PYTHON = ROOT / ".venv-generators" / "bin" / "python"
OPENAPI_GENERATOR = (
    *(str(PYTHON.with_name("openapi-generator-cli")), "generate"),
    *("-i", "openapi.json", "-o", "client", "-g"),
)


@dataclass(frozen=True)
class Generator:
    """How a client is made in the folder `client`."""

    program: str
    command: tuple[str, ...]


def _npm(program: str, *command: str) -> Generator:
    return Generator(program, (str(MODULES / ".bin" / command[0]), *command[1:]))


TYPESCRIPT = {
    "openapi-fetch": _npm(
        "openapi_fetch.ts", "openapi-typescript", "openapi.json", "-o", "client/schema.ts"
    ),
    "orval": _npm(
        "orval.ts",
        "orval",
        "--input",
        "openapi.json",
        "--output",
        "client/api.ts",
        "--client",
        "fetch",
    ),
    "hey-api": _npm("hey_api.ts", "openapi-ts", "-i", "openapi.json", "-o", "client"),
    "typescript-fetch": Generator("typescript_fetch.ts", (*OPENAPI_GENERATOR, "typescript-fetch")),
}


@pytest.fixture
async def folder(workshop: Workshop, tmp_path: Path) -> Path:
    """A folder with the document that the API serves."""
    for needed in (MODULES, PYTHON):
        if not needed.exists():
            pytest.fail(f"{needed.relative_to(ROOT)} is not installed: make long")
    document = await workshop.http.get("/openapi.json")
    (tmp_path / "openapi.json").write_bytes(document.content)
    return tmp_path


@pytest.mark.parametrize("generator", TYPESCRIPT.values(), ids=TYPESCRIPT)
async def test_a_client_in_typescript(
    workshop: Workshop, folder: Path, generator: Generator
) -> None:
    for name in (generator.program, "orders.ts", "tsconfig.json"):
        shutil.copy(GENERATORS / name, folder)
    # A package of its own, which finds the modules where Node.js looks for them.
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(MODULES)
    await _run(folder, *generator.command)
    await _run(folder, str(MODULES / ".bin" / "tsc"), "--project", ".")
    bundle = folder / "bundle.mjs"
    await _run(
        folder,
        *(str(MODULES / ".bin" / "esbuild"), generator.program, f"--outfile={bundle}"),
        *("--bundle", "--platform=node", "--format=esm", "--log-level=warning"),
    )
    await drive(workshop, "node", bundle)


async def test_the_python_client_of_openapi_generator(workshop: Workshop, folder: Path) -> None:
    await _run(folder, *OPENAPI_GENERATOR, "python", "--package-name", "axon_client")
    await _run(folder, str(PYTHON), "-W", "error", "-m", "compileall", "-q", "client")
    program = GENERATORS / "openapi_generator.py"
    await drive(workshop, PYTHON, "-W", "error", program, PYTHONPATH=str(folder / "client"))


async def _run(folder: Path, *command: str) -> None:
    """Run `command` in `folder`, and fail with what it says unless it succeeds."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "DO_NOT_TRACK": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
