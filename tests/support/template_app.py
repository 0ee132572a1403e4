"""The products' own modules, as a rendered product has them: one `app` of all layers."""

import importlib
import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from axon_factory.adapters.builder.templates.builder import TEMPLATE_ROOT

__all__ = ["product_module", "understood_product"]

_PACKAGES = ("app", "app.modules", "app.whatsapp", "app.webhooks")
_loaded: dict[str, ModuleType] = {}


def product_module(name: str) -> Any:  # noqa: ANN401 — code that is no part of this program
    """Import a module of the products, such as "app.whatsapp.hours"."""
    with _products_app():
        return importlib.import_module(name)


def understood_product(configuration: dict[str, Any], client: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 — see above
    """Return what a product reads of `app/product.json`."""
    return product_module("app.product").Product(
        name="P", client=client or {}, configuration=configuration
    )


@contextmanager
def _products_app() -> Generator[None]:
    """Have `app` importable meanwhile; the name is the products' and not left to other tests."""
    sys.modules.update(_loaded or _empty_packages())
    try:
        yield
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "app"]:
            _loaded[name] = sys.modules.pop(name)


def _empty_packages() -> dict[str, ModuleType]:
    packages: dict[str, ModuleType] = {}
    for name in _PACKAGES:
        package = ModuleType(name)
        package.__path__ = [
            str(folder) for folder in TEMPLATE_ROOT.glob(f"*/template/{name.replace('.', '/')}")
        ]
        packages[name] = package
    return packages
