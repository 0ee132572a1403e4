"""The construction plan: typed, versioned, hashed (design §2.1 `plan`, resolutions 23 and 29)."""

import hashlib
import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, StringConstraints

__all__ = ["Milestone", "Plan", "Resources"]

Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


def _as_documented(hours: float) -> int | float:
    return int(hours) if hours.is_integer() else hours  # design §2.1 writes 24, not 24.0


Hours = Annotated[float, Field(gt=0, le=1000), PlainSerializer(_as_documented)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Resources(_Strict):
    """What the running product needs. Cores, GiB of memory, GiB of disk."""

    cpu_cores: int = Field(ge=1, le=64)
    ram_gb: int = Field(ge=1, le=512)
    storage_gb: int = Field(ge=1, le=10_000)


class Milestone(_Strict):
    """A piece of construction that is either done or not; hours weigh it in the progress."""

    id: Identifier
    nombre: Name
    estimacion_horas: Hours
    agente: Name
    entregable: Annotated[str, StringConstraints(max_length=400)] = ""


class Plan(_Strict):
    """The plan an approver reads. Keys are the design's wire names (§2.1)."""

    stack_tecnologico: tuple[Name, ...] = Field(min_length=1)
    integraciones: tuple[Name, ...] = ()
    templates: tuple[Identifier, ...] = Field(min_length=1)
    recursos_requeridos: Resources
    estimacion_horas: Hours
    subagentes_asignados: tuple[Name, ...] = Field(min_length=1)
    milestones: tuple[Milestone, ...] = Field(min_length=1)
    observaciones: tuple[str, ...] = ()
    """What the approver should know: deviations, requested parts the catalogue does not have."""

    def digest(self) -> str:
        """Return the SHA-256 of the plan's canonical JSON, hexadecimal; an approval binds it."""
        canonical = json.dumps(
            self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False
        )
        return hashlib.sha256(canonical.encode()).hexdigest()
