"""The builder `a2a`: any agent that speaks the A2A protocol (version 1)."""

from axon_factory.adapters.builder.a2a.builder import A2ABuilder
from axon_factory.adapters.builder.a2a.connection import A2AOptions

__all__ = ["A2ABuilder", "A2AOptions"]
