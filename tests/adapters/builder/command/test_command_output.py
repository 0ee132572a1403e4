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
from axon_factory.adapters.builder.command.output import Cursor, Reader
from axon_factory.adapters.builder.command.profiles.base import Ending
from axon_factory.domain.events import Visibility
from axon_factory.domain.text import Redactor

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
    news = reader(profile).news(written(tmp_path, *lines), Cursor(), ended=True)
    shown = [log.message for log in news.logs if log.visibility is Visibility.CLIENTE]
    assert shown == ["Voy a ello"]
    assert [log.message for log in news.logs if log.message not in shown] == internal
    (use,) = news.uses
    assert (use.input_tokens, use.output_tokens, use.cost_usd) == (15, 5, cost)
    assert reader(profile).verdict(tmp_path / "output.jsonl", 0).ending is not Ending.GAVE_UP


@pytest.mark.parametrize(
    ("profile", "line", "error", "ending"),
    [
        ("opencode", {"type": "error", "error": {"name": "APIError"}}, "APIError", Ending.GAVE_UP),
        ("codex", {"type": "error", "message": "Reconnecting"}, "Reconnecting", None),
        ("codex", {"type": "turn.failed", "error": {"message": "401"}}, "401", Ending.GAVE_UP),
        (
            "claude-code",
            {"type": "result", "subtype": "error_max_turns", "is_error": True},
            "error_max_turns",
            Ending.GAVE_UP,
        ),
    ],
)
def test_a_profile_knows_how_its_program_gives_up(
    profile: str, line: dict[str, Any], error: str, ending: Ending | None, tmp_path: Path
) -> None:
    verdict = reader(profile).verdict(written(tmp_path, line), 0)
    assert (verdict.error, verdict.ending) == (error, ending)


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
    news = reader(profile).news(tmp_path / "o", Cursor(), ended=True)
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
        expected = reader("opencode").news(output, Cursor(), ended=True)
        logs, uses, cursor = list[Any](), list[Any](), Cursor()
        for cut in [*sorted(cuts), len(whole)]:
            output.write_bytes(whole[:cut])
            news = reader("opencode").news(output, cursor, ended=cut >= len(whole))
            logs, uses = [*logs, *news.logs], [*uses, *news.uses]
            cursor = Cursor.read(news.cursor.write())
    assert tuple(logs) == expected.logs
    assert len(uses) == len(expected.uses)
    assert cursor.offset == len(whole)


@pytest.mark.proven("agents")
def test_a_flood_is_counted_and_not_repeated(tmp_path: Path) -> None:
    texts = ("".join(chr(97 + int(digit)) for digit in f"{number:04}") for number in range(2_500))
    lines = ({"type": "text", "part": {"text": text + "x" * 1000}} for text in texts)
    output = written(tmp_path, *lines, OPENCODE[-1])
    cursor, logs, uses, looks = Cursor(), list[Any](), list[Any](), 0
    while True:
        news = reader("opencode").news(output, cursor, ended=True)
        logs, uses, looks = [*logs, *news.logs], [*uses, *news.uses], looks + 1
        cursor = news.cursor
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
    cursor = Cursor()
    for _ in range(3):
        cursor = reader("codex").news(output, cursor, ended=False).cursor
    assert cursor.offset == 3 * 1024 * 1024


def test_many_costs_become_one_sum_a_model(tmp_path: Path) -> None:
    output = written(tmp_path, *[OPENCODE[-1]] * 200)
    (use,) = reader("opencode").news(output, Cursor(), ended=True).uses
    assert (use.input_tokens, use.output_tokens, use.cost_usd) == (3000, 1000, Decimal(100))
