"""Council: reviews built products on this machine."""

from axon_factory.adapters.council.local import LocalCouncil

__all__ = ["LocalCouncil"]
