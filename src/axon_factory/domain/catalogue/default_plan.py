"""The plan that the catalogue has for a product, fitted to what the client configured."""

from collections.abc import Mapping
from typing import Any

from axon_factory.domain.catalogue.integrations import integration_label
from axon_factory.domain.catalogue.product_type import ProductType
from axon_factory.domain.plan import Milestone, Plan

__all__ = ["default_plan"]

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
