"""What `axon up` needs from its surroundings, and nothing of the developer's own."""

import os
import sys
from pathlib import Path

import pytest

from axon_factory.adapters.product_runtime import ProductRuntime
from tests.acceptance.program import product_ports


@pytest.fixture(scope="session")
def installed_runtime() -> Path:
    """The products' environment that `axon runtime install` made (`make test` does so)."""
    root = Path(os.environ.get("AXON_PRODUCT_RUNTIME") or f"{sys.prefix}-product")
    if not ProductRuntime(root).is_ready():
        pytest.skip(f"{root} is not installed: run `axon runtime install`, as `make test` does")
    return root


@pytest.fixture(scope="module")
def surroundings(installed_runtime: Path) -> dict[str, str]:
    """The environment of a person who set nothing, but for where the products' Python is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AXON_")}
    return kept | {
        "AXON_PRODUCT_RUNTIME": str(installed_runtime),
        "AXON_PRODUCT_PORTS": product_ports(),
    }
