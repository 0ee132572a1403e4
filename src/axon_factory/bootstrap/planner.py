"""Which planner the settings choose."""

from axon_factory.adapters.planner.catalogue import CataloguePlanner
from axon_factory.ports.planner import Planner
from axon_factory.settings import Settings

_SHARE_OF_STEP = 0.8
"""How much of a step's time models may take: the rest is the catalogue's, which plans at last."""


def planner_of(settings: Settings) -> Planner:
    """Return the planner of the line: the models', if any are named, else the catalogue's."""
    return _of_models(settings) if settings.models else CataloguePlanner()


def _of_models(settings: Settings) -> Planner:
    from axon_factory.adapters.planner.llm import (  # noqa: PLC0415 — takes a second and more to import
        Limits,
        LlmPlanner,
        ModelAddress,
        ModelRouter,
        Provider,
    )

    keys = {
        Provider.COMPATIBLE: settings.llm_api_key,
        Provider.OPENAI: settings.llm_openai_api_key,
        Provider.ANTHROPIC: settings.llm_anthropic_api_key,
    }
    addresses: list[ModelAddress] = []
    for named, model in settings.models:
        provider = Provider(named)
        key = keys[provider]
        addresses.append(
            ModelAddress(
                provider,
                model,
                api_key=key.get_secret_value() if key else None,
                base_url=settings.llm_base_url if provider is Provider.COMPATIBLE else None,
            )
        )
    limits = Limits(
        attempts=settings.llm_attempts,
        timeout_seconds=settings.llm_timeout_seconds,
        total_seconds=settings.step_timeout_seconds * _SHARE_OF_STEP,
        max_output_tokens=settings.llm_max_output_tokens,
    )
    return LlmPlanner(ModelRouter(addresses, limits))
