"""What every model of an answer has in common."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["AnswerModel", "Count", "OrderNumber", "Timestamp"]


def _finish(schema: dict[str, Any], model: type["AnswerModel"]) -> None:
    """Show the model's example, and no defaults: an answer has none, a key is there or not."""
    for member in schema.get("properties", {}).values():
        member.pop("default", None)
    if model.EXAMPLE is not None:
        schema["examples"] = [dict(model.EXAMPLE)]


class AnswerModel(BaseModel):
    """An answer, or a part of one.

    A field with a default may be missing: not every caller reads every field (`domain.fields`).
    """

    model_config = ConfigDict(json_schema_extra=_finish)  # pyright: ignore[reportArgumentType] — Pydantic passes the class that has the schema
    EXAMPLE: ClassVar[Mapping[str, Any] | None] = None


Timestamp = Annotated[datetime, Field(description="UTC, en segundos: `2025-11-14T10:00:00Z`.")]
Count = Annotated[int, Field(ge=0)]
OrderNumber = Annotated[
    str,
    Field(
        description="Número legible, único y sin huecos por año.",
        pattern=r"^ORD-\d{4}-\d{3,}$",
    ),
]
