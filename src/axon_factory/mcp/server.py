"""The SDK's server, which explains in our words and in the caller's language what does not fit."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.types import CallToolResult, InputRequiredResult
from pydantic import ValidationError
from starlette.requests import Request

from axon_factory.domain.text import Sentence
from axon_factory.orders.requests.messages import field_messages

PrefersEnglish = Callable[[str], bool]
"""Whether a caller with this `Accept-Language` reads English rather than Spanish."""

_DOES_NOT_FIT = Sentence(
    "400 validacion: los argumentos no encajan con la herramienta",
    "400 validacion: the arguments do not fit the tool",
)
_LONGEST_NAME = 60


class ExplainingServer(MCPServer[Any]):
    """Answers a tool that refuses with its own sentence, and wrong arguments field by field."""

    def __init__(
        self, *names: str, instructions: str, version: str, prefers_english: PrefersEnglish
    ) -> None:
        """`names` are the server's name and title; the rest is as in the SDK."""
        super().__init__(*names, instructions=instructions, version=version)
        self._prefers_english = prefers_english

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> CallToolResult | InputRequiredResult:
        """Call a tool.

        Raises:
            ToolError: it is unknown, its arguments do not fit, or it refuses.
        """
        english = self._is_english(context)
        known = {tool.name: tool.input_schema for tool in await self.list_tools()}
        if name not in known:
            raise ToolError(_in(english, _no_tool(name, sorted(known))))
        names = list(known[name].get("properties", {}))
        wrong = {_shown(given): _unknown(given, names) for given in arguments if given not in names}
        if wrong:
            raise ToolError(_explained(wrong, english=english))
        try:
            return await super().call_tool(name, arguments, context)
        except UnexpectedToolError:
            raise
        except ToolError as error:
            cause = error.__cause__
            if isinstance(cause, ValidationError):
                lines = field_messages(cause.errors(include_url=False))
                raise ToolError(_explained(lines, english=english)) from cause
            if isinstance(cause, ToolError):
                raise ToolError(_in(english, cause.args[0])) from cause
            raise

    def _is_english(self, context: Context[Any, Any] | None) -> bool:
        request = None if context is None else context.request_context.request
        if not isinstance(request, Request):
            return False
        return self._prefers_english(request.headers.get("accept-language", ""))


def _in(english: bool, said: str) -> str:  # noqa: FBT001 — which of two languages
    return said.en if english and isinstance(said, Sentence) else str(said)


def _explained(fields: Mapping[str, str], *, english: bool) -> str:
    lines = [f"- {field}: {_in(english, said)}" for field, said in fields.items()]
    return "\n".join([_in(english, _DOES_NOT_FIT), *lines])


def _shown(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:_LONGEST_NAME]


def _unknown(name: str, known: Sequence[str]) -> Sentence:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return Sentence(f"No existe; ¿es «{near[0]}»?", f"There is none; is it `{near[0]}`?")
    every = ", ".join(known)
    return Sentence(f"No existe; los hay: {every}", f"There is none; there are: {every}")


def _no_tool(name: str, known: Sequence[str]) -> Sentence:
    every, asked = ", ".join(known), _shown(name)
    return Sentence(
        f"No hay una herramienta «{asked}»; hay: {every}",
        f"There is no tool `{asked}`; there are: {every}",
    )
