"""Claude Code (`claude -p --output-format stream-json`), seen with 2.1.197.

One JSON object a line, each with `type` and `session_id`:

- `system`: `subtype` "init" (`model`, `tools`, …) first; "api_retry" (`attempt`, `max_retries`,
  `error_status`, `error`) whenever a request to the model is tried again.
- `assistant`: a `message` whose `content` is a list of blocks: `text`, `thinking`, or `tool_use`
  (`name`, `input`). It is repeated for each block; its `usage` is that of the beginning and is not
  to be added up.
- `user`: what tools have answered: blocks `tool_result` with `is_error`.
- `result`: the last line: `subtype` ("success", "error_max_turns", "error_during_execution", …),
  `is_error`, `result` (its last words, or the error's), `total_cost_usd`, `duration_ms`, `usage`,
  and `modelUsage`: for each model `inputTokens`, `outputTokens`, `cacheReadInputTokens`,
  `cacheCreationInputTokens` (none contains another) and `costUSD`.

With `-p` the prompt is read from standard input; stream-json needs `--verbose`. Permissions are
skipped: who is kept from what is our sandbox's affair. As root it refuses that unless
`IS_SANDBOX` is set. A server of one's own is named by `ANTHROPIC_BASE_URL`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from axon_factory.adapters.builder.command.profiles.base import (
    Json,
    Reading,
    Said,
    Used,
    amount,
    count,
    mapping,
    one_line,
)
from axon_factory.domain.events import LogLevel

__all__ = ["ClaudeCode"]


class ClaudeCode:
    """The profile `claude-code`."""

    name = "claude-code"
    program = "claude"
    environment: Mapping[str, str] = {
        "IS_SANDBOX": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }

    def words(self, program: Path, model: str | None, arguments: Sequence[str]) -> list[str]:
        """See the profile."""
        chosen = ["--model", model] if model else []
        fixed = ["-p", "--output-format", "stream-json", "--verbose"]
        return [str(program), *fixed, "--dangerously-skip-permissions", *chosen, *arguments]

    def read(self, line: Json) -> Reading | None:
        """See the profile."""
        match line.get("type"):
            case "assistant":
                blocks = _blocks(line)
                return Reading(said=tuple(said for block in blocks for said in _block(block)))
            case "user":
                failed = any(block.get("is_error") is True for block in _blocks(line))
                said = Said("Una herramienta falló", LogLevel.WARNING, internal=True)
                return Reading(said=(said,) if failed else ())
            case "system" if line.get("subtype") == "api_retry":
                text = f"El modelo no respondió: {one_line(line.get('error')) or 'sin motivo'}"
                return Reading((Said(text, LogLevel.WARNING, internal=True),), error=text)
            case "system" | "stream_event" | "rate_limit_event":
                return Reading()
            case "result":
                return _result(line)
            case _:
                return None


def _blocks(line: Json) -> list[Json]:
    content = mapping(line.get("message")).get("content")
    return [mapping(block) for block in cast("list[Any]", content)] if _is_list(content) else []


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _block(block: Json) -> tuple[Said, ...]:
    match block.get("type"):
        case "text":
            text = one_line(block.get("text"))
            return (Said(text),) if text else ()
        case "tool_use":
            given = mapping(block.get("input"))
            about = next(
                (given[key] for key in ("command", "file_path", "pattern") if key in given), ""
            )
            text = f"{one_line(block.get('name'), 60)}: {one_line(about, 300)}"
            return (Said(text.removesuffix(": "), internal=True),)
        case _:
            return ()


def _result(line: Json) -> Reading:
    used = _used(line)
    if line.get("is_error") is True or line.get("subtype") != "success":
        text = one_line(line.get("result")) or one_line(line.get("subtype")) or "error sin mensaje"
        said = Said(text, LogLevel.ERROR, internal=True)
        return Reading((said,), used, text, fatal=True)
    # Its words were an `assistant` line already.
    return Reading(used=used, fatal=False)


def _used(line: Json) -> tuple[Used, ...]:
    latency = count(line.get("duration_ms"))
    models = mapping(line.get("modelUsage"))
    if not models:
        return _used_in_all(line, latency)
    return tuple(
        Used(
            sum(
                count(mapping(use).get(key))
                for key in ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
            ),
            count(mapping(use).get("outputTokens")),
            amount(mapping(use).get("costUSD")),
            one_line(model, 100),
            latency,
        )
        for model, use in list(models.items())[:20]
    )


def _used_in_all(line: Json, latency: int) -> tuple[Used, ...]:
    usage = mapping(line.get("usage"))
    if not usage:
        return ()
    keys = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    asked = sum(count(usage.get(key)) for key in keys)
    cost = amount(line.get("total_cost_usd"))
    return (Used(asked, count(usage.get("output_tokens")), cost, None, latency),)
