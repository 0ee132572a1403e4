"""Claude Code (`claude -p --output-format stream-json`), seen with 2.1.197.

One JSON object a line, each with `type` and `session_id`:

- `system`: `subtype` "init" (`model`, `tools`, …) first; "api_retry" (`attempt`, `max_retries`,
  `error_status`, `error`) whenever a request to the model is tried again.
- `assistant`: a `message` whose `content` is a list of blocks: `text`, `thinking`, or `tool_use`
  (`name`, `input`). It is repeated for each block; its `usage` is that of the beginning and is not
  to be added up. With the model "<synthetic>" the words are the program's: what the provider or a
  gateway answered, its address and the state of the account among it.
- `user`: what tools have answered: blocks `tool_result` with `is_error`.
- `result`: the last line: `subtype` ("success", "error_max_turns", "error_during_execution", …),
  `is_error`, `stop_reason`, `result` (its last words, "" where the model said nothing, or those of
  the "<synthetic>" message again), `total_cost_usd`, `duration_ms`, `usage`,
  and `modelUsage`: for each model `inputTokens`, `outputTokens`, `cacheReadInputTokens`,
  `cacheCreationInputTokens` (none contains another) and `costUSD`.

With `-p` the prompt is read from standard input; stream-json needs `--verbose`. Permissions are
skipped: who is kept from what is our sandbox's affair. As root it refuses that unless
`IS_SANDBOX` is set. A server of one's own is named by `ANTHROPIC_BASE_URL`. After SIGINT it ends
with 0, before the model's first word without a `result`; after SIGTERM with 143 and without one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from axon_factory.adapters.builder.command.profiles.base import (
    Ending,
    Json,
    Profile,
    Reading,
    Said,
    Sign,
    Used,
    amount,
    complaint,
    count,
    mapping,
    one_line,
    option_of,
)
from axon_factory.domain.events import LogLevel

_SYNTHETIC = "<synthetic>"
_TOO_LONG = "output token maximum"
_REASONS = {"max_tokens": Ending.CUT, "refusal": Ending.BLOCKED}


def _read(line: Json) -> Reading | None:
    match line.get("type"):
        case "assistant":
            return _assistant(line)
        case "user":
            failed = any(block.get("is_error") is True for block in _blocks(line))
            said = Said("Una herramienta falló", LogLevel.WARNING, internal=True)
            return Reading(said=(said,) if failed else (), answered=False)
        case "system" if line.get("subtype") == "api_retry":
            status = line.get("error_status")
            code = f" ({status})" if isinstance(status, int) else ""
            return complaint(
                f"El modelo no respondió: {one_line(line.get('error')) or 'sin motivo'}{code}"
            )
        case "system" | "stream_event" | "rate_limit_event":
            return Reading()
        case "result":
            return _result(line)
        case _:
            return None


def _configured_model(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """The lines name the model; this is for those that do not."""
    return option_of(arguments, "--model") or environment.get("ANTHROPIC_MODEL") or None


def _priced_as(model: str) -> tuple[str, str | None]:
    """`[1m]` behind a name is the size of its context."""
    return model.partition("[")[0], "anthropic"


def _assistant(line: Json) -> Reading:
    """Return what the model, or the program in its place, has said and wants done."""
    blocks = _blocks(line)
    if mapping(line.get("message")).get("model") == _SYNTHETIC:
        texts = (one_line(block.get("text")) for block in blocks if block.get("type") == "text")
        text = " ".join(texts).strip()
        return complaint(text) if text else Reading(sign=Sign.ERROR)
    said = tuple(said for block in blocks for said in _block(block))
    return Reading(said=said, answered=not said[-1].internal if said else None)


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
    used, words = _used(line), one_line(line.get("result"))
    reason = one_line(line.get("stop_reason"), 60)
    if line.get("is_error") is True or line.get("subtype") != "success" or reason in _REASONS:
        text = words or one_line(line.get("subtype"))
        ending = Ending.CUT if _TOO_LONG in text else _REASONS.get(reason, Ending.GAVE_UP)
        reading = replace(complaint(text or "error sin mensaje", ending=ending), used=used)
        # Words of its own were an `assistant` line already, and so they are below.
        return replace(reading, said=()) if words else reading
    return Reading(used=used, ending=Ending.DONE, answered=bool(words))


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


CLAUDE_CODE = Profile(
    name="claude-code",
    program="claude",
    first_words=(
        "-p",
        "--output-format",
        "stream-json",
        "--verbose",
        "--dangerously-skip-permissions",
    ),
    environment={
        "IS_SANDBOX": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    },
    read=_read,
    configured_model=_configured_model,
    priced_as=_priced_as,
)
