"""The composition root: alone builds adapters, services and applications from settings."""

from axon_factory.bootstrap.container import Container
from axon_factory.bootstrap.options import master_key

__all__ = ["Container", "master_key"]
