"""The answer to a probe."""

from typing import ClassVar, Literal

from pydantic import Field

from axon_factory.api.schemas.base import AnswerModel

__all__ = ["Health"]


class Health(AnswerModel):
    """El servicio y su base de datos responden."""

    EXAMPLE: ClassVar = {"status": "ok", "version": "0.1.0"}

    status: Literal["ok"] = Field(description="Siempre `ok`; si no, la respuesta es un 503.")
    version: str = Field(description="Versión del programa.")
