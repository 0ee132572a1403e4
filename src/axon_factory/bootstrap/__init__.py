"""The composition root: alone builds adapters, services and applications from settings."""

from axon_factory.bootstrap.factory import Factory
from axon_factory.bootstrap.options import master_key

__all__ = ["Factory", "master_key"]
