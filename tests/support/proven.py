"""Parts that seldom change: their long tests are in the gate when a file of the part changed.

`@pytest.mark.proven("products")` names the part. `tests/proven.json` has the digest of each part's
files with which its tests passed last. `make proven` runs them all and writes it.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = ["PARTS", "deselect_unchanged", "unchanged_parts"]

_ROOT = Path(__file__).parents[2]
_RECORD = _ROOT / "tests" / "proven.json"

PARTS = {
    "browser": (
        "src/axon_factory/web",
        "src/axon_factory/api",
        "src/axon_factory/orders/answers",
        "package-lock.json",
        "tests/web",
    ),
    "clients": (
        "src/axon_factory/api",
        "src/axon_factory/orders/answers",
        "requirements-client.txt",
        "tests/contract",
    ),
    "council": (
        "src/axon_factory/adapters/council",
        "src/axon_factory/adapters/sandbox",
        "src/axon_factory/domain/failure.py",
        "src/axon_factory/ports",
        "src/axon_factory/product_templates/runtime",
        "tests/adapters/council",
        "tests/adapters/sandbox",
        "tests/support/products.py",
    ),
    "deployer": (
        "src/axon_factory/bootstrap",
        "src/axon_factory/cli/up.py",
        "src/axon_factory/line/steps/deploy.py",
        "src/axon_factory/line/steps/erase.py",
        "src/axon_factory/worker/products.py",
        "src/axon_factory/adapters/deployer",
        "src/axon_factory/adapters/sandbox",
        "src/axon_factory/domain/failure.py",
        "src/axon_factory/ports",
        "src/axon_factory/product_templates/runtime",
        "tests/adapters/deployer",
        "tests/support/deployments.py",
        "tests/support/products.py",
    ),
    "embedded": (
        "src/axon_factory/db/embedded",
        "requirements.txt",  # it names the server's programs
        "tests/db/embedded",
    ),
    "products": (
        "src/axon_factory/product_templates",
        "src/axon_factory/adapters/builder",
        "src/axon_factory/adapters/git_command.py",
        "src/axon_factory/adapters/product_runtime.py",
        "src/axon_factory/domain/catalogue",
        "src/axon_factory/domain/plan.py",
        "src/axon_factory/ports/builder.py",
        "requirements.txt",
        "tests/adapters/builder",
        "tests/support/builds.py",
        "tests/support/product_runtime.py",
        "tests/support/products.py",
    ),
    # The command builder's agents: real processes in real sandboxes.
    "agents": (
        "src/axon_factory/adapters",
        "src/axon_factory/domain",
        "src/axon_factory/ports",
        "requirements.txt",
        "tests/adapters/builder",
        "tests/support/builds.py",
        "tests/support/command_agents.py",
        "tests/support/fake_agent.py",
        "tests/support/product_runtime.py",
        "tests/support/products.py",
    ),
}
"""Files and folders of each part, from the repository's root."""


def unchanged_parts() -> frozenset[str]:
    """Return the parts whose files are as they were when their tests passed last.

    With AXON_TEST_ALL set there is none: all tests run.
    """
    if os.environ.get("AXON_TEST_ALL"):
        return frozenset()
    record: dict[str, str] = json.loads(_RECORD.read_text()) if _RECORD.exists() else {}
    return frozenset(name for name in PARTS if record.get(name) == _digest(name))


def deselect_unchanged(items: list[pytest.Item]) -> list[pytest.Item]:
    """Take the tests of unchanged parts out of `items` and return them."""
    unchanged = unchanged_parts()
    left_out: list[pytest.Item] = []
    for item in items:
        marker = item.get_closest_marker("proven")
        if marker is not None and marker.args[0] not in PARTS:
            raise pytest.UsageError(f"{item.nodeid}: no part is called {marker.args[0]!r}")
        if marker is not None and marker.args[0] in unchanged:
            left_out.append(item)
    items[:] = [item for item in items if item not in left_out]
    return left_out


def _files(name: str) -> Iterator[Path]:
    for part in PARTS[name]:
        path = _ROOT / part
        if not path.exists():
            raise pytest.UsageError(f"tests/support/proven.py: there is no {part}")
        found = [path] if path.is_file() else path.rglob("*")
        ignored = {"__pycache__", "node_modules", "assets"}
        yield from (one for one in found if one.is_file() and not ignored & set(one.parts))


def _digest(name: str) -> str:
    digest = hashlib.sha256()
    for path in sorted(_files(name)):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(_ROOT)} {content}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    _RECORD.write_text(json.dumps({name: _digest(name) for name in PARTS}, indent=2) + "\n")
