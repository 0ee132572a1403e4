"""Which planner the settings choose, and what is refused at the start."""

import ast
from collections.abc import Mapping
from pathlib import Path

import pytest

import axon_factory
from axon_factory.adapters.planner.catalogue import CataloguePlanner
from axon_factory.adapters.planner.llm import LlmPlanner
from axon_factory.bootstrap.adapters import planner_of
from axon_factory.settings import Settings, SettingsInvalid, load_settings
from tests.support.model_behaviours import GOOD, REQUEST
from tests.support.model_server import serving

KEY = "sk-canario-de-ajustes"


def loaded(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(f"AXON_LLM_{name}", value)
    return load_settings()


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"MODELS": "gpt-5"}, "'gpt-5' is no model such as"),
        ({"MODELS": "google:gemini"}, "is no model such as"),
        ({"MODELS": "openai:"}, "is no model such as"),
        ({"MODELS": "openai:a b"}, "is no model such as"),
        ({"MODELS": "openai:a,openai:a", "OPENAI_API_KEY": KEY}, "each model once"),
        ({"MODELS": ",".join(f"openai:m{n}" for n in range(9))}, "at most 8"),
        ({"MODELS": "openai:gpt-5"}, "AXON_LLM_OPENAI_API_KEY is required"),
        ({"MODELS": "openai:gpt-5", "OPENAI_API_KEY": " "}, "AXON_LLM_OPENAI_API_KEY is required"),
        ({"MODELS": "openai:gpt-5", "API_KEY": KEY}, "AXON_LLM_OPENAI_API_KEY is required"),
        ({"MODELS": "anthropic:claude-sonnet-5"}, "AXON_LLM_ANTHROPIC_API_KEY is required"),
        ({"MODELS": "compatible:qwen"}, "AXON_LLM_BASE_URL is required"),
        ({"MODELS": "compatible:qwen", "BASE_URL": "http://10.0.0.1/v1"}, "https://"),
        ({"BASE_URL": "http://models.example/v1"}, "https://"),
        ({"BASE_URL": "ftp://models.example/v1"}, "http"),
        ({"ATTEMPTS": "0"}, "AXON_LLM_ATTEMPTS"),
        ({"TIMEOUT_SECONDS": "0"}, "AXON_LLM_TIMEOUT_SECONDS"),
    ],
)
def test_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], sentence: str
) -> None:
    with pytest.raises(SettingsInvalid, match=sentence) as refused:
        loaded(monkeypatch, variables)
    assert KEY not in str(refused.value)


def test_without_models_the_catalogue_plans() -> None:
    assert isinstance(planner_of(load_settings()), CataloguePlanner)


def test_the_models_library_is_imported_by_who_names_a_model_only() -> None:
    """It takes seconds: no module may import the adapter when it is itself imported."""
    source = Path(axon_factory.__file__).parent
    for path in source.rglob("*.py"):
        folder = path.relative_to(source).as_posix()
        if folder.startswith(("adapters/planner/llm/", "product_templates/")):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                assert "planner.llm" not in ast.unparse(node), folder
                assert "pydantic_ai" not in ast.unparse(node), folder


async def test_models_are_asked_in_the_order_of_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving() as server:
        server.play("vendor/b:1", GOOD)
        server.play("a", GOOD)
        settings = loaded(
            monkeypatch,
            {
                "MODELS": " compatible:vendor/b:1 , compatible:a,",
                "BASE_URL": server.url,
                "API_KEY": KEY,
                "MAX_OUTPUT_TOKENS": "900",
            },
        )
        planner = planner_of(settings)
        assert isinstance(planner, LlmPlanner)
        outcome = await planner.make_plan(REQUEST, idempotency_key="k")
    assert outcome.model == "compatible:vendor/b:1"
    (asked,) = server.asked["vendor/b:1"]
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert (asked.body.get("max_completion_tokens") or asked.body["max_tokens"]) == 900
    assert not server.asked["a"]
