"""The products' environment that tests run products with."""

import os
import sys
from pathlib import Path

import pytest

from axon_factory.adapters.product_runtime import ProductRuntime

__all__ = ["product_python", "product_runtime"]

RUNTIME_SETTING = "AXON_TEST_PRODUCT_RUNTIME"


def product_runtime() -> ProductRuntime:
    """The environment below AXON_TEST_PRODUCT_RUNTIME, or beside the factory's own."""
    return ProductRuntime(Path(os.environ.get(RUNTIME_SETTING) or f"{sys.prefix}-product"))


def product_python() -> Path:
    """The interpreter of the products; without it the test fails, for a skip would hide it."""
    runtime = product_runtime()
    if not runtime.is_ready():
        reason = "The products' environment is not ready: run `axon runtime install` first."
        pytest.fail(reason, pytrace=False)
    return runtime.python
