"""A builder that is an Autonomous Agent's HTTP API (docs/agents/autonomous-agent.openapi.json)."""

from axon_factory.adapters.builder.http.builder import HttpBuilder
from axon_factory.adapters.builder.http.client import AgentAddress

__all__ = ["AgentAddress", "HttpBuilder"]
