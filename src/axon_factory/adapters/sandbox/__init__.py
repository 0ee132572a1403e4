"""Sandbox: runs one command of a product with limits, in bubblewrap where that works."""

from axon_factory.adapters.sandbox.bubblewrap import python_folders
from axon_factory.adapters.sandbox.model import Capability, Limits, SandboxRun
from axon_factory.adapters.sandbox.product import (
    Manifest,
    ManifestError,
    ProductRepository,
    RepositoryError,
    RepositoryState,
    read_manifest,
)
from axon_factory.adapters.sandbox.sandbox import Sandbox

__all__ = [
    "Capability",
    "Limits",
    "Manifest",
    "ManifestError",
    "ProductRepository",
    "RepositoryError",
    "RepositoryState",
    "Sandbox",
    "SandboxRun",
    "python_folders",
    "read_manifest",
]
