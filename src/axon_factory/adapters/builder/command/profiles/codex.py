"""Codex (`codex exec --json`), seen with 0.171.0.

One JSON object a line:

- `thread.started` (`thread_id`), `turn.started`.
- `item.started`, `item.updated`, `item.completed`: an `item` with `id` and `type`: `agent_message`
  and `reasoning` (`text`), `command_execution` (`command`, `aggregated_output`, `exit_code`,
  `status`), `file_change` (`changes` with `path` and `kind`, `status` "completed" or "failed"),
  `mcp_tool_call` (`server`, `tool`, `status`), `web_search` (`query`), `todo_list`, `error`
  (`message`; it goes on). A patch that does not fit gives no item at all.
- `turn.completed`: `usage` with `input_tokens`, which contains `cached_input_tokens`, and
  `output_tokens`, which contains `reasoning_output_tokens`. Neither a price nor the model.
- `error` (`message`): also each attempt to reconnect, "waiting for network" without end;
  `turn.failed` (`error.message`): the end, with exit code 1. SIGINT ends it with 1, and no line.

The prompt is read from standard input where it is given as `-`. Its own sandbox is switched off: it
needs privileges that ours does not leave it. Another provider than OpenAI is set by
`-c model_providers.…` among the further words.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from axon_factory.adapters.builder.command.profiles.base import (
    Ending,
    Json,
    Profile,
    Reading,
    Said,
    Used,
    complaint,
    count,
    mapping,
    one_line,
    option_of,
    spoken,
)
from axon_factory.domain.events import LogLevel

_NO_WORDS = "error sin mensaje"
_REASONS = {"max_output_tokens": Ending.CUT, "content_filter": Ending.BLOCKED}
_RECONNECTING = re.compile(r"^Reconnecting\.\.\. \d+/\d+ \((.*)\)$")
"""Each try again says why in these words, and the end says why without them."""
_NOT_CHANGED = ("failed", "declined")
_NO_NEWS = ("thread.started", "turn.started", "item.started", "item.updated")


def _read(line: Json) -> Reading | None:
    match line.get("type"):
        case "item.completed":
            return _item(mapping(line.get("item")))
        case "turn.completed":
            usage = mapping(line.get("usage"))
            used = Used(count(usage.get("input_tokens")), count(usage.get("output_tokens")))
            return Reading(used=(used,), ending=Ending.DONE)
        case "turn.failed":
            text = one_line(mapping(line.get("error")).get("message")) or _NO_WORDS
            return complaint(text, ending=_why(text))
        case "error":
            text = _RECONNECTING.sub(r"\1", one_line(line.get("message")))
            return complaint(text or _NO_WORDS)
        case kind if kind in _NO_NEWS:
            return Reading()
        case _:
            return None


def _configured_model(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """`-m`, `-c model=…`, or `config.toml` of `CODEX_HOME`."""
    named = option_of(arguments, "-m", "--model")
    for word in arguments:
        key, separator, value = word.partition("=")
        if separator and key.strip() == "model":
            named = value.strip().strip("\"'")
    return named or _of_file(environment.get("CODEX_HOME"))


def _priced_as(model: str) -> tuple[str, str | None]:
    return model, "openai"


def _of_file(folder: str | None) -> str | None:
    """Return the model of the configuration file in a folder; None where there is none."""
    if not folder:
        return None
    try:
        content = (Path(folder) / "config.toml").read_text(encoding="utf-8")
        return one_line(tomllib.loads(content).get("model"), 100) or None
    except (OSError, ValueError):
        return None


def _why(text: str) -> Ending:
    for reason, ending in _REASONS.items():
        if reason in text:
            return ending
    return Ending.GAVE_UP


def _item(item: Json) -> Reading | None:
    match item.get("type"):
        case "agent_message":
            return spoken(one_line(item.get("text")))
        case "error":
            return complaint(one_line(item.get("message")) or _NO_WORDS)
        case "command_execution":
            return _command(item)
        case "file_change":
            return _change(item)
        case "mcp_tool_call":
            name = f"{one_line(item.get('server'), 60)}.{one_line(item.get('tool'), 60)}"
            return _worked(name, failed=item.get("status") == "failed")
        case "web_search":
            return _worked(f"Buscó: {one_line(item.get('query'), 300)}")
        case "reasoning" | "todo_list":
            return Reading()
        case _:
            return None


def _command(item: Json) -> Reading:
    code, command = item.get("exit_code"), one_line(item.get("command"), 300)
    if isinstance(code, int) and code != 0:
        return _worked(f"{command} (código {code})", failed=True)
    return _worked(command, failed=item.get("status") == "failed")


def _change(item: Json) -> Reading:
    changes = item.get("changes")
    number = len(cast("list[Any]", changes)) if isinstance(changes, list) else 0
    if item.get("status") in _NOT_CHANGED:
        return _worked(f"No pudo cambiar {number} archivos", failed=True)
    return _worked(f"Cambió {number} archivos")


def _worked(text: str, *, failed: bool = False) -> Reading:
    level = LogLevel.WARNING if failed else LogLevel.INFO
    return Reading(said=(Said(text, level, internal=True),), answered=False)


CODEX = Profile(
    name="codex",
    program="codex",
    first_words=(
        "exec",
        "--json",
        "--skip-git-repo-check",
        "--dangerously-bypass-approvals-and-sandbox",
    ),
    last_words=("-",),
    read=_read,
    configured_model=_configured_model,
    priced_as=_priced_as,
)
