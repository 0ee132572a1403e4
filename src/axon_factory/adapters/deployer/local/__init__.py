"""Deployer of this machine: supervisord as a separate daemon, every product in the sandbox."""

from axon_factory.adapters.deployer.local.deployer import LocalDeployer, ProductStatus
from axon_factory.adapters.deployer.local.health import LocalProductHost

__all__ = ["LocalDeployer", "LocalProductHost", "ProductStatus"]
