"""The design's own examples, and what answers have had beside them since."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, cast

__all__ = ["EXAMPLE_ID", "EXAMPLE_NUMBER", "design_example", "extended"]

EXAMPLE_ID = "550e8400-e29b-41d4-a716-446655440000"
EXAMPLE_NUMBER = "ORD-2025-001"

_FOLDER = files("axon_factory.api.schemas") / "examples"


def design_example(name: str) -> dict[str, Any]:
    """Return an example of the design, e.g. "3.1-create.201", as the design writes it."""
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def extended(example: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return `example` with the keys of `more` added; where both have an object or a list, inside.

    Nothing of the example is changed.
    """
    document = dict(example)
    for key, value in more.items():
        document[key] = _joined(document[key], value) if key in document else value
    return document


def _joined(one: Any, other: Any) -> Any:  # noqa: ANN401 — any JSON values
    if isinstance(one, dict) and isinstance(other, dict):
        return extended(cast("dict[str, Any]", one), cast("dict[str, Any]", other))
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(cast("list[Any]", one), cast("list[Any]", other), strict=True)
        return [_joined(first, second) for first, second in pairs]
    raise ValueError(f"the design already says {one!r}")
