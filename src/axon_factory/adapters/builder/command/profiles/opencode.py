"""opencode (`opencode run --format json`), seen with 1.18.33.

One JSON object a line, each with `type`, `timestamp` (milliseconds) and `sessionID`:

- `step_start`, `step_finish`: a request to the model. The latter's `part` has `reason`, `cost` in
  US dollars (0 for a model whose price it does not know) and `tokens`: `input`, `output`,
  `reasoning`, and `cache` with `read` and `write`; none of them contains another. `reason` is
  "stop", "tool-calls", "length", "content-filter" or another; with "length" it ends with 0. After
  a stream that ended without its last event it is "unknown", and the same is asked again without
  end; one that was reset is tried again with nothing but another `step_start`.
- `text`: what it says, in `part.text`.
- `reasoning`: what it thinks, only with `--thinking`.
- `tool_use`: a tool that has ended: `part.tool`, and in `part.state` its `status` ("completed" or
  "error"), `title`, `input`, `output` or `error`. A command that fails is "completed", and its exit
  code is in `metadata.exit`.
- `error`: `error.name`, and mostly `error.data.message`; it then ends with 1.

It reads the prompt from standard input, asks nobody with `--auto`, and takes its provider from
`OPENCODE_CONFIG_CONTENT` (JSON) or from the key of a known provider. It looks up models and its own
newer versions on the internet unless told not to.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

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
    moment,
    one_line,
    option_of,
    spoken,
)
from axon_factory.domain.events import LogLevel

_GOES_ON, _BROKE_OFF = "tool-calls", "unknown"
_REASONS = {
    "stop": Ending.DONE,
    "length": Ending.CUT,
    "content-filter": Ending.BLOCKED,
}
_ERRORS = {"ContentFilterError": Ending.BLOCKED, "MessageOutputLengthError": Ending.CUT}


def _read(line: Json) -> Reading | None:
    reading = _read_line(line)
    return reading and replace(reading, at=moment(line.get("timestamp")))


def _read_line(line: Json) -> Reading | None:
    part = mapping(line.get("part"))
    match line.get("type"):
        case "text":
            return spoken(one_line(part.get("text")), Sign.TRY)
        case "tool_use":
            return Reading(said=(_tool(part),), answered=False)
        case "step_finish":
            return _finished(part)
        case "error":
            error = mapping(line.get("error"))
            message = mapping(error.get("data")).get("message") or error.get("name")
            ending = _ERRORS.get(one_line(error.get("name")), Ending.GAVE_UP)
            return complaint(one_line(message) or "error sin mensaje", ending=ending)
        case "step_start":
            return Reading(answered=False, sign=Sign.TRY)
        case "reasoning":
            return Reading()
        case _:
            return None


def _configured_model(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """`-m`, or `model` of `OPENCODE_CONFIG_CONTENT` or `OPENCODE_CONFIG`."""
    named = option_of(arguments, "-m", "--model")
    if named:
        return named
    return _model_in(environment.get("OPENCODE_CONFIG_CONTENT")) or _model_in(
        _content(environment.get("OPENCODE_CONFIG"))
    )


def _priced_as(model: str) -> tuple[str, str | None]:
    """A model is named `provider/model`."""
    provider, separator, name = model.partition("/")
    return (name, provider) if separator else (model, None)


def _content(path: str | None) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8") if path else None
    except (OSError, ValueError):
        return None


def _model_in(configuration: str | None) -> str | None:
    try:
        return one_line(mapping(json.loads(configuration or "{}")).get("model"), 100) or None
    except (ValueError, RecursionError):
        return None


def _finished(part: Json) -> Reading:
    reason = one_line(part.get("reason"), 60)
    used = (_used(part),)
    if reason == _GOES_ON:
        return Reading(used=used)
    if reason == _BROKE_OFF:
        return replace(complaint("La respuesta del modelo se interrumpió"), used=used)
    ending = _REASONS.get(reason, Ending.GAVE_UP)
    if ending is Ending.DONE:
        return Reading(used=used, ending=ending)
    return replace(
        complaint(f"El modelo terminó: {reason or 'sin motivo'}", ending=ending), used=used
    )


def _tool(part: Json) -> Said:
    state = mapping(part.get("state"))
    name, title = one_line(part.get("tool"), 60), one_line(state.get("title"), 300)
    if state.get("status") == "error":
        return Said(f"{name}: {one_line(state.get('error'), 300)}", LogLevel.WARNING, internal=True)
    text = f"{name}: {title}" if title else name
    code = mapping(state.get("metadata")).get("exit")
    if isinstance(code, int) and code != 0:
        return Said(f"{text} (código {code})", LogLevel.WARNING, internal=True)
    return Said(text, internal=True)


def _used(part: Json) -> Used:
    tokens = mapping(part.get("tokens"))
    cache = mapping(tokens.get("cache"))
    return Used(
        input_tokens=sum(map(count, (tokens.get("input"), cache.get("read"), cache.get("write")))),
        output_tokens=count(tokens.get("output")) + count(tokens.get("reasoning")),
        cost_usd=amount(part.get("cost")) or None,
    )


OPENCODE = Profile(
    name="opencode",
    program="opencode",
    first_words=("run", "--format", "json", "--auto"),
    environment={"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"},
    read=_read,
    configured_model=_configured_model,
    priced_as=_priced_as,
)
