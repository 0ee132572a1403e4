"""A plan as a person sends it: `domain.plan` says the same of plans, and less of their texts."""

from typing import Annotated

from pydantic import Field, StringConstraints

from axon_factory.domain.plan import Plan
from axon_factory.domain.requests import RequestModel
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


class ResourcesDraft(RequestModel):
    """Lo que el producto necesita en marcha."""

    cpu_cores: Annotated[int, Field(ge=1, le=64)] = Field(description="Núcleos.")
    ram_gb: Annotated[int, Field(ge=1, le=512)] = Field(description="Memoria, en GiB.")
    storage_gb: Annotated[int, Field(ge=1, le=10_000)] = Field(description="Disco, en GiB.")


class MilestoneDraft(RequestModel):
    """Una parte de la construcción."""

    id: PlanIdentifier = Field(description="Identificador del hito dentro del plan.")
    nombre: PlanName = Field(description="Nombre del hito.")
    estimacion_horas: PlanHours = Field(description="Horas estimadas.")
    agente: PlanName = Field(description="Agente que lo construye.")
    entregable: Annotated[Line, StringConstraints(max_length=400)] = Field(
        default="", description="Qué queda hecho."
    )


Names = Annotated[list[PlanName], Field(max_length=_MOST_NAMES)]
NamesNeeded = Annotated[list[PlanName], Field(min_length=1, max_length=_MOST_NAMES)]


class PlanDraft(RequestModel):
    """Un plan de construcción (§2.1); lo que la línea usa debe estar en el catálogo."""

    stack_tecnologico: NamesNeeded = Field(description="Tecnologías del producto.")
    integraciones: Names = Field(
        default_factory=list, description="Servicios externos que conecta."
    )
    templates: Annotated[list[PlanIdentifier], Field(min_length=1, max_length=_MOST_NAMES)] = Field(
        description="Plantillas del tipo de producto de las que parte."
    )
    recursos_requeridos: ResourcesDraft = Field(
        description="Lo que el producto necesita en marcha."
    )
    estimacion_horas: PlanHours = Field(description="Horas en total: la suma de los hitos.")
    subagentes_asignados: NamesNeeded = Field(description="Agentes que participan.")
    milestones: Annotated[
        list[MilestoneDraft], Field(min_length=1, max_length=_MOST_MILESTONES)
    ] = Field(description="Los hitos, en orden; cada `id`, una vez.")
    observaciones: Annotated[list[PlanNote], Field(max_length=_MOST_NAMES)] = Field(
        default_factory=list, description="Notas del plan."
    )

    @property
    def plan(self) -> Plan:
        """The plan that it is."""
        return Plan.model_validate(self.model_dump())
