"""A plan as a person sends it: `domain.plan` says the same of plans, and less of their texts."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from axon_factory.domain.plan import Plan
from axon_factory.orders.requests.values import Line, LongText

__all__ = ["PlanDraft", "Question"]

_MOST_NAMES = 50
_MOST_MILESTONES = 100
_IDENTIFIER = r"^[a-z0-9][a-z0-9_-]{0,62}$"

PlanName = Annotated[Line, StringConstraints(min_length=1, max_length=120)]
PlanNote = Annotated[Line, StringConstraints(min_length=1, max_length=1000)]
PlanIdentifier = Annotated[str, StringConstraints(pattern=_IDENTIFIER)]
PlanHours = Annotated[float, Field(gt=0, le=1000)]
Question = LongText


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ResourcesDraft(_Strict):
    """Cores, GiB of memory, GiB of disk."""

    cpu_cores: Annotated[int, Field(ge=1, le=64)]
    ram_gb: Annotated[int, Field(ge=1, le=512)]
    storage_gb: Annotated[int, Field(ge=1, le=10_000)]


class MilestoneDraft(_Strict):
    """One milestone."""

    id: PlanIdentifier
    nombre: PlanName
    estimacion_horas: PlanHours
    agente: PlanName
    entregable: Annotated[Line, StringConstraints(max_length=400)] = ""


Names = Annotated[list[PlanName], Field(max_length=_MOST_NAMES)]
NamesNeeded = Annotated[list[PlanName], Field(min_length=1, max_length=_MOST_NAMES)]


class PlanDraft(_Strict):
    """The whole plan, in the design's wire names (§2.1)."""

    stack_tecnologico: NamesNeeded
    integraciones: Names = Field(default_factory=list)
    templates: Annotated[list[PlanIdentifier], Field(min_length=1, max_length=_MOST_NAMES)]
    recursos_requeridos: ResourcesDraft
    estimacion_horas: PlanHours
    subagentes_asignados: NamesNeeded
    milestones: Annotated[list[MilestoneDraft], Field(min_length=1, max_length=_MOST_MILESTONES)]
    observaciones: Annotated[list[PlanNote], Field(max_length=_MOST_NAMES)] = Field(
        default_factory=list
    )

    @property
    def plan(self) -> Plan:
        """The plan that it is."""
        return Plan.model_validate(self.model_dump())
