"""What `axon up` needs from its surroundings, and nothing of the developer's own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.program import product_ports
from tests.support.prefork import Prefork, prefork
from tests.support.product_runtime import product_python


@pytest.fixture(scope="session")
def installed_runtime() -> Path:
    """The folder of the products' environment that `axon runtime install` made."""
    return product_python().parents[2]


@pytest.fixture(scope="module")
def surroundings(installed_runtime: Path) -> dict[str, str]:
    """The environment of a person who set nothing, but for where the products' Python is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AXON_")}
    return kept | {
        "AXON_PRODUCT_RUNTIME": str(installed_runtime),
        "AXON_PRODUCT_PORTS": product_ports(),
    }


@pytest.fixture(scope="session")
def axon() -> Iterator[Prefork]:
    """Commands of the program that need no whole start of Python each."""
    with prefork(os.environ) as axon:
        yield axon
