"""Codex (`codex exec --json`), seen with 0.169.0.

One JSON object a line:

- `thread.started` (`thread_id`), `turn.started`.
- `item.started`, `item.updated`, `item.completed`: an `item` with `id` and `type`: `agent_message`
  and `reasoning` (`text`), `command_execution` (`command`, `aggregated_output`, `exit_code`,
  `status`), `file_change` (`changes` with `path` and `kind`), `mcp_tool_call` (`server`, `tool`,
  `status`), `web_search` (`query`), `todo_list`, `error` (`message`; it goes on).
- `turn.completed`: `usage` with `input_tokens`, which contains `cached_input_tokens`, and
  `output_tokens`, which contains `reasoning_output_tokens`. Neither a price nor the model.
- `error` (`message`): also each attempt to reconnect; `turn.failed` (`error.message`): the end,
  with exit code 1.

The prompt is read from standard input where it is given as `-`. Its own sandbox is switched off: it
needs privileges that ours does not leave it. Another provider than OpenAI is set by
`-c model_providers.…` among the further words.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from axon_factory.adapters.builder.command.profiles.base import (
    Json,
    Reading,
    Said,
    Used,
    count,
    mapping,
    one_line,
)
from axon_factory.domain.events import LogLevel

__all__ = ["Codex"]

_NO_NEWS = ("thread.started", "turn.started", "item.started", "item.updated")


class Codex:
    """The profile `codex`."""

    name = "codex"
    program = "codex"
    environment: Mapping[str, str] = {}

    def words(self, program: Path, model: str | None, arguments: Sequence[str]) -> list[str]:
        """See the profile."""
        chosen = ["--model", model] if model else []
        fixed = ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
        return [str(program), "exec", *fixed, *chosen, *arguments, "-"]

    def read(self, line: Json) -> Reading | None:
        """See the profile."""
        match line.get("type"):
            case "item.completed":
                said = _item(mapping(line.get("item")))
                return None if said is None else Reading(said=said)
            case "turn.completed":
                usage = mapping(line.get("usage"))
                used = Used(count(usage.get("input_tokens")), count(usage.get("output_tokens")))
                return Reading(used=(used,), fatal=False)
            case "turn.failed":
                text = one_line(mapping(line.get("error")).get("message")) or "error sin mensaje"
                said = Said(text, LogLevel.ERROR, internal=True)
                return Reading((said,), error=text, fatal=True)
            case "error":
                text = one_line(line.get("message")) or "error sin mensaje"
                return Reading((Said(text, LogLevel.WARNING, internal=True),), error=text)
            case kind if kind in _NO_NEWS:
                return Reading()
            case _:
                return None


def _item(item: Json) -> tuple[Said, ...] | None:
    match item.get("type"):
        case "agent_message":
            text = one_line(item.get("text"))
            return (Said(text),) if text else ()
        case "command_execution":
            code, command = item.get("exit_code"), one_line(item.get("command"), 300)
            failed = isinstance(code, int) and code != 0
            outcome = f" (código {code})" if failed else ""
            level = LogLevel.WARNING if failed else LogLevel.INFO
            return (Said(f"{command}{outcome}", level, internal=True),)
        case "file_change":
            changes = item.get("changes")
            count_of = len(cast("list[Any]", changes)) if isinstance(changes, list) else 0
            return (Said(f"Cambió {count_of} archivos", internal=True),)
        case "mcp_tool_call":
            name = f"{one_line(item.get('server'), 60)}.{one_line(item.get('tool'), 60)}"
            return (Said(name, internal=True),)
        case "web_search":
            return (Said(f"Buscó: {one_line(item.get('query'), 300)}", internal=True),)
        case "error":
            return (Said(one_line(item.get("message")), LogLevel.WARNING, internal=True),)
        case "reasoning" | "todo_list":
            return ()
        case _:
            return None
