"""One sandbox for all tests of agents: it finds out once what the machine allows."""

import pytest

from axon_factory.adapters.sandbox import Sandbox
from tests.support.product_runtime import product_python


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    return Sandbox(product_python())
