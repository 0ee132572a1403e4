"""Sandbox: runs one command of a product with limits, in bubblewrap where that works."""

from axon_factory.adapters.sandbox.confinement import (
    MEBIBYTE,
    Capability,
    Limits,
    SandboxRun,
    python_folders,
)
from axon_factory.adapters.sandbox.processes import processor_count
from axon_factory.adapters.sandbox.product import (
    Manifest,
    ManifestError,
    ProductRepository,
    RepositoryError,
    RepositoryState,
    read_manifest,
)
from axon_factory.adapters.sandbox.sandbox import CanarySong, Sandbox, sing

__all__ = [
    "MEBIBYTE",
    "CanarySong",
    "Capability",
    "Limits",
    "Manifest",
    "ManifestError",
    "ProductRepository",
    "RepositoryError",
    "RepositoryState",
    "Sandbox",
    "SandboxRun",
    "processor_count",
    "python_folders",
    "read_manifest",
    "sing",
]
