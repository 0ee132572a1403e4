"""Sandbox: runs one command of a product with limits, in bubblewrap where that works."""

from axon_factory.adapters.sandbox.bubblewrap import python_folders
from axon_factory.adapters.sandbox.canary import CanarySong, sing
from axon_factory.adapters.sandbox.meter import processor_count
from axon_factory.adapters.sandbox.model import MEBIBYTE, Capability, Limits, SandboxRun
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
