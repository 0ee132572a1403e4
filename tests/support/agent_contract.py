"""Holds what is said between factory and agent against the published document."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

__all__ = ["DOCUMENT", "document", "request_faults", "response_faults"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "agents" / "autonomous-agent.openapi.json"
_JSON = "application/json"


@cache
def document() -> dict[str, Any]:
    return json.loads(DOCUMENT.read_text(encoding="utf-8"))


def request_faults(method: str, path: str, headers: Any, body: bytes) -> list[str]:  # noqa: ANN401 — headers of any library
    """Return what the document says against a request."""
    operation = _operation(method, path)
    if operation is None:
        return [f"no operation {method} {path}"]
    named = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "header"]
    missing = [f"{method} {path} without {name}" for name in named if name not in headers]
    content = operation.get("requestBody", {}).get("content", {})
    if _JSON not in content:
        return missing
    return missing + _faults(content[_JSON]["schema"], json.loads(body))


def response_faults(method: str, path: str, status: int, body: bytes) -> list[str]:
    """Return what the document says against an answer."""
    operation = _operation(method, path)
    answer = (operation or {}).get("responses", {}).get(str(status))
    if answer is None:
        return [f"{method} {path} does not answer {status}"]
    answer = _resolved(answer)
    content = answer.get("content", {})
    return _faults(content[_JSON]["schema"], json.loads(body)) if _JSON in content else []


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for form, operations in document()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", form), path):
            return operations.get(method.lower())
    return None


def _resolved(value: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in value:
        return value
    found: Any = document()
    for step in value["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def _faults(schema: dict[str, Any], value: object) -> list[str]:
    whole = {**schema, "components": document()["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]
