"""What is said of one schema of the OpenAPI document."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["SchemaText"]


@dataclass(frozen=True, slots=True)
class SchemaText:
    """What is said of one schema: of itself, of its fields, and an example."""

    description: str
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    example: Mapping[str, Any] | None = None
