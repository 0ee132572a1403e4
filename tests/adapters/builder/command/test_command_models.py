"""What a run has cost, also where the tool's lines name neither a model nor a price."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from axon_factory.adapters.builder.command import PROFILES
from axon_factory.adapters.builder.command.output import Cursor, Reader
from axon_factory.domain.text import Redactor
from axon_factory.ports.planner import ModelUse

CODEX_USED = {"type": "turn.completed", "usage": {"input_tokens": 10**6, "output_tokens": 0}}
OPENCODE_USED = {
    "type": "step_finish",
    "part": {"reason": "stop", "cost": 0, "tokens": {"input": 10**6, "output": 0}},
}
CONTENT = json.dumps({"model": "openai/gpt-4o"})


def used(profile: str, model: str | None, line: object, folder: Path) -> ModelUse:
    """Return the one use that a line tells of."""
    output = folder / "output.jsonl"
    output.write_text(json.dumps(line) + "\n", encoding="utf-8")
    reader = Reader(PROFILES[profile], model, Redactor())
    (use,) = reader.news(output, Cursor(), ended=True).uses
    return use


@pytest.mark.parametrize(
    ("profile", "arguments", "environment", "model"),
    [
        ("codex", ["-m", "gpt-4o"], {}, "gpt-4o"),
        ("codex", ["--model=gpt-4o", "-c", "x=1"], {}, "gpt-4o"),
        ("codex", ["-c", 'model="gpt-4o"'], {}, "gpt-4o"),
        ("codex", ["-c", "model_provider=own"], {}, None),
        ("codex", [], {"CODEX_HOME": "{folder}"}, "gpt-4o-mini"),
        ("codex", ["-m", "gpt-4o"], {"CODEX_HOME": "{folder}"}, "gpt-4o"),
        ("codex", [], {"CODEX_HOME": "/no/hay"}, None),
        ("opencode", ["-m", "openai/gpt-4o"], {}, "openai/gpt-4o"),
        ("opencode", [], {"OPENCODE_CONFIG_CONTENT": CONTENT}, "openai/gpt-4o"),
        ("opencode", [], {"OPENCODE_CONFIG": "{folder}/opencode.json"}, "openai/gpt-4o"),
        ("opencode", [], {"OPENCODE_CONFIG_CONTENT": "no es JSON"}, None),
        ("opencode", [], {"OPENCODE_CONFIG_CONTENT": "[1]"}, None),
        ("claude-code", ["--model", "claude-sonnet-4-5"], {}, "claude-sonnet-4-5"),
        ("claude-code", [], {"ANTHROPIC_MODEL": "claude-sonnet-4-5"}, "claude-sonnet-4-5"),
        ("claude-code", [], {}, None),
    ],
)
def test_the_tools_configuration_names_the_model(
    profile: str,
    arguments: list[str],
    environment: dict[str, str],
    model: str | None,
    tmp_path: Path,
) -> None:
    (tmp_path / "config.toml").write_text('model = "gpt-4o-mini"\n', encoding="utf-8")
    (tmp_path / "opencode.json").write_text(CONTENT, encoding="utf-8")
    given = {name: value.replace("{folder}", str(tmp_path)) for name, value in environment.items()}
    assert PROFILES[profile].configured_model(arguments, given) == model


@pytest.mark.parametrize(
    ("profile", "model", "line", "cost"),
    [
        ("codex", "gpt-4o", CODEX_USED, Decimal("2.5")),
        ("codex", "un-modelo-propio", CODEX_USED, None),
        ("codex", None, CODEX_USED, None),
        ("opencode", "openai/gpt-4o", OPENCODE_USED, Decimal("2.5")),
        ("opencode", "own/m-own", OPENCODE_USED, None),
    ],
)
def test_a_model_with_a_known_price_costs_it(
    profile: str, model: str | None, line: object, cost: Decimal | None, tmp_path: Path
) -> None:
    """So the budgets in dollars, and not only those in tokens, count what was built."""
    use = used(profile, model, line, tmp_path)
    assert (use.model, use.input_tokens) == (model or "desconocido", 10**6)
    assert use.cost_usd == cost
