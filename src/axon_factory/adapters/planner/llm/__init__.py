"""The planner over language models, by Pydantic AI: OpenAI, Anthropic, and compatible servers.

Importing it takes more than a second; only who names a model does.
"""

from axon_factory.adapters.planner.llm.planner import Limits, LlmPlanner, ModelRouter
from axon_factory.adapters.planner.llm.providers import ModelAddress, Provider

__all__ = ["Limits", "LlmPlanner", "ModelAddress", "ModelRouter", "Provider"]
