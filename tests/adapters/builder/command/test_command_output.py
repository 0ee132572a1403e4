"""What agents' lines mean: the formats of the real programs, and lines that nobody foresaw."""

import json
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axon_factory.adapters.builder.command import PROFILES
from axon_factory.adapters.builder.command.output import Reader
from axon_factory.domain.events import Visibility
from axon_factory.domain.redaction import Redactor

Lines = list[dict[str, Any]]

OPENCODE: Lines = [
    {"type": "step_start", "timestamp": 1795646331257, "part": {"type": "step-start"}},
    {"type": "text", "timestamp": 1795646331258, "part": {"type": "text", "text": "Voy\na ello"}},
    {"type": "tool_use", "part": {"tool": "bash", "state": {"status": "completed", "title": "ls"}}},
    {"type": "tool_use", "part": {"tool": "read", "state": {"status": "error", "error": "no"}}},
    {
        "type": "step_finish",
        "part": {
            "reason": "stop",
            "cost": 0.5,
            "tokens": {
                "input": 10,
                "output": 3,
                "reasoning": 2,
                "cache": {"read": 4, "write": 1},
            },
        },
    },
]
CODEX: Lines = [
    {"type": "thread.started", "thread_id": "t"},
    {"type": "turn.started"},
    {"type": "item.started", "item": {"type": "command_execution", "command": "ls"}},
    {"type": "item.completed", "item": {"type": "agent_message", "text": "Voy a ello"}},
    {"type": "item.completed", "item": {"type": "command_execution", "command": "ls"}},
    {
        "type": "item.completed",
        "item": {"type": "command_execution", "command": "pytest", "exit_code": 2},
    },
    {"type": "item.completed", "item": {"type": "file_change", "changes": [{}, {}]}},
    {"type": "turn.completed", "usage": {"input_tokens": 15, "output_tokens": 5}},
]
CLAUDE: Lines = [
    {"type": "system", "subtype": "init", "model": "m", "tools": []},
    {"type": "system", "subtype": "api_retry", "attempt": 1, "error": "overloaded"},
    {
        "type": "assistant",
        "message": {"content": [{"type": "text", "text": "Voy a ello"}, {"type": "thinking"}]},
    },
    {
        "type": "assistant",
        "message": {"content": [{"type": "tool_use", "name": "Bash", "input": {"command": "ls"}}]},
    },
    {"type": "user", "message": {"content": [{"type": "tool_result", "is_error": True}]}},
    {
        "type": "result",
        "subtype": "success",
        "is_error": False,
        "total_cost_usd": 0.5,
        "duration_ms": 7,
        "modelUsage": {"m-1": {"inputTokens": 11, "cacheReadInputTokens": 4, "outputTokens": 5}},
    },
]


def reader(profile: str) -> Reader:
    return Reader(PROFILES[profile], "modelo", Redactor(["clave-del-proveedor"]))


def written(folder: Path, *lines: object) -> Path:
    output = folder / "output.jsonl"
    output.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return output


@pytest.mark.parametrize(
    ("profile", "lines", "internal", "cost"),
    [
        ("opencode", OPENCODE, ["bash: ls", "read: no"], Decimal("0.5")),
        ("codex", CODEX, ["ls", "pytest (código 2)", "Cambió 2 archivos"], None),
        (
            "claude-code",
            CLAUDE,
            ["El modelo no respondió: overloaded", "Bash: ls", "Una herramienta falló"],
            None,
        ),
    ],
)
def test_a_profile_reads_its_programs_lines(
    profile: str, lines: Lines, internal: list[str], cost: Decimal | None, tmp_path: Path
) -> None:
    news = reader(profile).news(written(tmp_path, *lines), 0, ended=True)
    shown = [log.message for log in news.logs if log.visibility is Visibility.CLIENTE]
    assert shown == ["Voy a ello"]
    assert [log.message for log in news.logs if log.message not in shown] == internal
    (use,) = news.uses
    assert (use.input_tokens, use.output_tokens, use.cost_usd) == (15, 5, cost)
    assert not reader(profile).verdict(tmp_path / "output.jsonl").gave_up


@pytest.mark.parametrize(
    ("profile", "line", "error", "gave_up"),
    [
        ("opencode", {"type": "error", "error": {"name": "APIError"}}, "APIError", True),
        ("codex", {"type": "error", "message": "Reconnecting"}, "Reconnecting", False),
        ("codex", {"type": "turn.failed", "error": {"message": "401"}}, "401", True),
        (
            "claude-code",
            {"type": "result", "subtype": "error_max_turns", "is_error": True},
            "error_max_turns",
            True,
        ),
    ],
)
def test_a_profile_knows_how_its_program_gives_up(
    profile: str, line: dict[str, Any], error: str, gave_up: bool, tmp_path: Path
) -> None:
    verdict = reader(profile).verdict(written(tmp_path, line))
    assert (verdict.error, verdict.gave_up) == (error, gave_up)


ODD = [
    b"no es JSON",
    b'{"type": "text", "part": ',
    b"[1, 2]",
    b"null",
    b'{"type": ["text"]}',
    b'{"type": "nuevo", "x": 1}',
    b'{"type": "text", "part": "x"}',
    b'{"type": "text", "part": {"text": 5}}',
    b'{"type": "text", "part": {"text": "\\ud800 \\u0000 hola"}}',
    b'{"type": "step_finish", "part": {"tokens": {"input": -1, "output": 1e400}, "cost": NaN}}',
    b'{"type": "step_finish", "part": {"tokens": {"input": true}, "cost": 1e300}}',
    b'{"type": "assistant", "message": {"content": "x"}}',
    b'{"type": "assistant", "message": {"content": [5, {"type": "tool_use", "input": []}]}}',
    b'{"type": "result", "modelUsage": {"m": 5}, "result": {}}',
    b'{"type": "result", "usage": {"input_tokens": "x"}, "total_cost_usd": "x"}',
    b'{"type": "item.completed", "item": {"type": "file_change", "changes": 5}}',
    b'{"type": "item.completed", "item": {"type": {}}}',
    b'{"type": "turn.completed", "usage": null}',
    b'{"type": "text", "timestamp": 1e99, "part": {"text": "a"}}',
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b"",
    b"clave-del-proveedor",
]


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("line", ODD, ids=range(len(ODD)))
def test_no_line_breaks_the_reading(profile: str, line: bytes, tmp_path: Path) -> None:
    (tmp_path / "o").write_bytes(line + b"\n")
    news = reader(profile).news(tmp_path / "o", 0, ended=True)
    assert news.complete
    for log in news.logs:
        assert len(log.message) <= 500
        assert log.message.isprintable()
        assert "clave-del" not in log.message
    for use in news.uses:
        assert 0 <= use.input_tokens < 2**31
        assert use.cost_usd is None or use.cost_usd <= 100_000


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_however_it_is_read_every_line_is_reported_once(cuts: list[int]) -> None:
    whole = b"".join(json.dumps(line).encode() + b"\n" for line in OPENCODE) + b"sin final"
    with TemporaryDirectory() as folder:
        output = Path(folder) / "o"
        output.write_bytes(whole)
        expected = reader("opencode").news(output, 0, ended=True)
        logs, uses, offset = list[Any](), list[Any](), 0
        for cut in [*sorted(cuts), len(whole)]:
            output.write_bytes(whole[:cut])
            news = reader("opencode").news(output, offset, ended=cut >= len(whole))
            logs, uses, offset = [*logs, *news.logs], [*uses, *news.uses], news.offset
    assert tuple(logs) == expected.logs
    assert len(uses) == len(expected.uses)
    assert offset == len(whole)


def test_a_flood_is_counted_and_not_repeated(tmp_path: Path) -> None:
    text = {"type": "text", "part": {"text": "x" * 1000}}
    output = written(tmp_path, *[text] * 2_500, OPENCODE[-1])
    offset, logs, uses, looks = 0, list[Any](), list[Any](), 0
    while True:
        news = reader("opencode").news(output, offset, ended=True)
        logs, uses, looks = [*logs, *news.logs], [*uses, *news.uses], looks + 1
        offset = news.offset
        assert len(news.logs) <= 51
        if news.complete:
            break
    assert looks == 3
    assert sum("cosas más" in log.message for log in logs) == looks
    assert len(uses) == 1
    assert len({log.key for log in logs}) == len(logs)


def test_a_line_without_an_end_does_not_stop_the_reading(tmp_path: Path) -> None:
    output = tmp_path / "o"
    output.write_bytes(b"x" * (3 * 1024 * 1024))
    offset = 0
    for _ in range(3):
        offset = reader("codex").news(output, offset, ended=False).offset
    assert offset == 3 * 1024 * 1024


def test_many_costs_become_one_sum_a_model(tmp_path: Path) -> None:
    output = written(tmp_path, *[OPENCODE[-1]] * 200)
    (use,) = reader("opencode").news(output, 0, ended=True).uses
    assert (use.input_tokens, use.output_tokens, use.cost_usd) == (3000, 1000, Decimal(100))
