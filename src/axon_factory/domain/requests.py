"""Bodies of requests: strict, refused whole, documented where they are declared."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

__all__ = ["RequestModel"]


class RequestModel(BaseModel):
    """The body of a request, or a part of one; an unknown key or another type is refused.

    The docstring of each model is its description in the OpenAPI document, so it is in Spanish.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    EXAMPLE: ClassVar[Mapping[str, Any] | None] = None
