"""The product types: what an entry of the catalogue is, how it is read, and its default plan.

A type is read from `products/<id>/product.toml` and `configuracion.schema.json`.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Self, cast

from pydantic import BaseModel, ConfigDict, Field

from axon_factory.domain.plan import Milestone, Plan, Resources

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


INTEGRATIONS = MappingProxyType(
    {
        "whatsapp": "WhatsApp Business API",
        "stripe": "Stripe",
        "google_sheets": "Google Sheets",
        "hubspot": "HubSpot",
        "email": "Email (SendGrid/Resend)",
        "calendar": "Calendar (Google Calendar)",
        "slack": "Slack",
        "discord": "Discord",
        "sms": "SMS (Twilio)",
        "zapier": "Zapier",
        "make": "Make",
    }
)
"""Slugs that a client's configuration uses, and the labels that a plan shows."""


def integration_label(slug: str) -> str | None:
    """Return the catalogue's label of an integration slug, or None for an unknown one."""
    return INTEGRATIONS.get(slug)


PRODUCTS_FOLDER = Path(__file__).with_name("products")
_SHARED = "../shared.schema.json#/$defs/"


def load_product_types(identifiers: Iterable[str]) -> Mapping[str, ProductType]:
    """Return the product types with these ids, in this order.

    Raises:
        pydantic.ValidationError: a product's file does not say what it must.
        KeyError: a schema refers to a definition that is not shared.
    """
    shared = _document(PRODUCTS_FOLDER / "shared.schema.json")["$defs"]
    return MappingProxyType({name: _load(name, shared) for name in identifiers})


def _load(identifier: str, shared: Mapping[str, Any]) -> ProductType:
    folder = PRODUCTS_FOLDER / identifier
    data = tomllib.loads((folder / "product.toml").read_text(encoding="utf-8"))
    schema = _document(folder / "configuracion.schema.json")
    return ProductType(id=identifier, **data, configuracion_schema=_published(schema, shared))


def _document(file: Path) -> Any:  # noqa: ANN401 — JSON
    return json.loads(file.read_text(encoding="utf-8"))


def _published(schema: Any, shared: Mapping[str, Any]) -> Any:  # noqa: ANN401 — JSON
    """Return a schema that stands alone, its objects with the order of their fields."""
    if isinstance(schema, list):
        return [_published(item, shared) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    members = cast("dict[str, Any]", schema)
    reference = members.get("$ref")
    if isinstance(reference, str):
        return _published(shared[reference.removeprefix(_SHARED)], shared)
    published = {name: _published(value, shared) for name, value in members.items()}
    properties = published.get("properties")
    if isinstance(properties, dict):
        published["x-orden"] = list(cast("dict[str, Any]", properties))
    return published


_HOURS_AN_EXTRA_INTEGRATION = 2
_INCLUDED_INTEGRATIONS = 3
_INTEGRATIONS_MILESTONE = "integraciones"
_BASE_INTEGRATION = {"autopilot_whatsapp": "whatsapp"}


def default_plan(
    product: ProductType, configuration: Mapping[str, Any], *, notes: tuple[str, ...] = ()
) -> Plan:
    """Return the plan of `product` with the integrations that were asked for.

    It says which of them the catalogue does not have; `notes` follow that.
    """
    known, unknown = _integrations(product, configuration)
    milestones = _milestones(product, len(known))
    missing = (f"El catálogo no tiene la integración '{slug}': queda fuera" for slug in unknown)
    return Plan(
        stack_tecnologico=product.stack_base,
        integraciones=known,
        templates=product.templates,
        recursos_requeridos=product.recursos,
        estimacion_horas=sum(item.estimacion_horas for item in milestones),
        subagentes_asignados=product.subagentes,
        milestones=milestones,
        observaciones=(*missing, *notes),
    )


def _integrations(
    product: ProductType, configuration: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    requested = configuration.get("integraciones")
    slugs: list[str] = [_BASE_INTEGRATION[product.id]] if product.id in _BASE_INTEGRATION else []
    if isinstance(requested, list):
        slugs += [item for item in requested if isinstance(item, str)]  # pyright: ignore[reportUnknownVariableType] — JSON
    known: dict[str, None] = {}
    unknown: dict[str, None] = {}
    for slug in slugs:
        label = integration_label(slug)
        if label is None:
            unknown[slug[:60]] = None
        else:
            known[label] = None
    return tuple(known), tuple(unknown)


def _milestones(product: ProductType, integrations: int) -> tuple[Milestone, ...]:
    extra = max(0, integrations - _INCLUDED_INTEGRATIONS) * _HOURS_AN_EXTRA_INTEGRATION
    return tuple(
        item.model_copy(update={"estimacion_horas": item.estimacion_horas + extra})
        if item.id == _INTEGRATIONS_MILESTONE
        else item
        for item in product.milestones
    )
