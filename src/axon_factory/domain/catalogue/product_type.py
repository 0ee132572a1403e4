"""A product type of the catalogue: what the design's §4.1 says of it, and more."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from axon_factory.domain.plan import Milestone, Resources

__all__ = ["REQUIRED_CHECKS", "ProductType"]

REQUIRED_CHECKS = ("tests", "security", "health")
"""The checks of a type that names none, as those did for which older orders were placed."""

_DOCUMENTED = frozenset(
    {
        "id",
        "nombre",
        "descripcion",
        "stack_base",
        "templates",
        "integraciones_comunes",
        "estimacion_horas",
        "precio_base_usd",
        "features",
    }
)


class ProductType(BaseModel):
    """One product of the catalogue. `descripcion_breve` is what §4.2 shows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    version: Annotated[int, Field(ge=1)]
    """Grows by one with every change to this type: a text, a price, its plan or its schema."""
    nombre: str
    descripcion: str
    descripcion_breve: str
    stack_base: tuple[str, ...]
    templates: tuple[str, ...]
    integraciones_comunes: tuple[str, ...]
    estimacion_horas: int
    precio_base_usd: int
    features: tuple[str, ...]
    recursos: Resources
    subagentes: tuple[str, ...]
    milestones: tuple[Milestone, ...]
    verificaciones: Annotated[tuple[str, ...], Field(min_length=1)] = REQUIRED_CHECKS
    """The checks that its products must pass, in order; the council has one of each name."""
    configuracion_schema: Mapping[str, Any]
    """JSON Schema (draft 2020-12) of `datos_cliente.configuracion`."""

    def summary(self) -> dict[str, Any]:
        """Return the documented entry of `GET /api/products/types` (§4.2): first three features."""
        return {
            "id": self.id,
            "nombre": self.nombre,
            "descripcion": self.descripcion_breve,
            "estimacion_horas": self.estimacion_horas,
            "precio_base_usd": self.precio_base_usd,
            "features": list(self.features[:3]),
        }

    def documented(self) -> dict[str, Any]:
        """Return all of §4.1."""
        return self.model_dump(mode="json", include=set(_DOCUMENTED))

    def detail(self) -> dict[str, Any]:
        """Return what `GET /api/products/types/{id}` shows: §4.1, the version and the schema."""
        return {
            **self.documented(),
            "version": self.version,
            "configuracion_schema": self.configuracion_schema,
        }

    def snapshot(self) -> dict[str, Any]:
        """Return what an order keeps of the type it was placed for; the schema is not part."""
        return self.model_dump(mode="json", exclude={"configuracion_schema"})

    @classmethod
    def from_snapshot(cls, kept: Mapping[str, Any]) -> Self:
        """Return the type as it was when an order was placed for it.

        Raises:
            pydantic.ValidationError: `kept` is no snapshot.
        """
        return cls.model_validate({**kept, "configuracion_schema": {}})
