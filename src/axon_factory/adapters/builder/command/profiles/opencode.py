"""opencode (`opencode run --format json`), seen with 1.18.33.

One JSON object a line, each with `type`, `timestamp` (milliseconds) and `sessionID`:

- `step_start`, `step_finish`: a request to the model. The latter's `part` has `reason`, `cost` in
  US dollars and `tokens`: `input`, `output`, `reasoning`, and `cache` with `read` and `write`; none
  of them contains another.
- `text`: what it says, in `part.text`.
- `reasoning`: what it thinks, only with `--thinking`.
- `tool_use`: a tool that has ended: `part.tool`, and in `part.state` its `status` ("completed" or
  "error"), `title`, `input`, `output` or `error`.
- `error`: `error.name`, and mostly `error.data.message`; it then ends with 1.

It reads the prompt from standard input, asks nobody with `--auto`, and takes its provider from
`OPENCODE_CONFIG_CONTENT` (JSON) or from the key of a known provider. It looks up models and its own
newer versions on the internet unless told not to.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from axon_factory.adapters.builder.command.profiles.base import (
    Json,
    Reading,
    Said,
    Used,
    amount,
    count,
    mapping,
    moment,
    one_line,
)
from axon_factory.domain.events import LogLevel

__all__ = ["Opencode"]


class Opencode:
    """The profile `opencode`."""

    name = "opencode"
    program = "opencode"
    environment: Mapping[str, str] = {
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    }

    def words(self, program: Path, model: str | None, arguments: Sequence[str]) -> list[str]:
        """See the profile."""
        chosen = ["--model", model] if model else []
        return [str(program), "run", "--format", "json", "--auto", *chosen, *arguments]

    def read(self, line: Json) -> Reading | None:
        """See the profile."""
        part, at = mapping(line.get("part")), moment(line.get("timestamp"))
        match line.get("type"):
            case "text":
                text = one_line(part.get("text"))
                return Reading(said=(Said(text),) if text else (), at=at)
            case "tool_use":
                return Reading(said=(_tool(part),), at=at)
            case "step_finish":
                fatal = False if part.get("reason") == "stop" else None
                return Reading(used=(_used(part),), fatal=fatal, at=at)
            case "error":
                error = mapping(line.get("error"))
                message = mapping(error.get("data")).get("message") or error.get("name")
                text = one_line(message) or "error sin mensaje"
                said = Said(text, LogLevel.ERROR, internal=True)
                return Reading((said,), error=text, fatal=True, at=at)
            case "step_start" | "reasoning":
                return Reading(at=at)
            case _:
                return None


def _tool(part: Json) -> Said:
    state = mapping(part.get("state"))
    name, title = one_line(part.get("tool"), 60), one_line(state.get("title"), 300)
    if state.get("status") == "error":
        return Said(f"{name}: {one_line(state.get('error'), 300)}", LogLevel.WARNING, internal=True)
    return Said(f"{name}: {title}" if title else name, internal=True)


def _used(part: Json) -> Used:
    tokens = mapping(part.get("tokens"))
    cache = mapping(tokens.get("cache"))
    return Used(
        input_tokens=sum(map(count, (tokens.get("input"), cache.get("read"), cache.get("write")))),
        output_tokens=count(tokens.get("output")) + count(tokens.get("reasoning")),
        cost_usd=amount(part.get("cost")),
    )
