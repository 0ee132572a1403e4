"""The catalogue planner: deterministic, from catalogue and configuration (design §4.1)."""

from collections.abc import Mapping
from typing import Any

from axon_factory.domain.catalogue import PRODUCT_TYPES, ProductType, integration_label
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.plan import Milestone, Plan
from axon_factory.ports.errors import PortError
from axon_factory.ports.planner import (
    PlannerAnswer,
    PlanningOutcome,
    PlanQuestion,
    PlanRequest,
)

__all__ = ["CataloguePlanner"]

_HOURS_AN_EXTRA_INTEGRATION = 2
_INCLUDED_INTEGRATIONS = 3
_INTEGRATIONS_MILESTONE = "integraciones"
_BASE_INTEGRATION = {"autopilot_whatsapp": "whatsapp"}


class CataloguePlanner:
    """Plans what the catalogue knows how to build, and says what it does not."""

    name = "catalogue"

    async def make_plan(self, request: PlanRequest, *, idempotency_key: str) -> PlanningOutcome:
        """Return the catalogue's plan, fitted to the integrations that the client asked for.

        Raises:
            PortError: the catalogue has no such product.
        """
        del idempotency_key  # the same request gives the same plan
        product = PRODUCT_TYPES.get(request.product_type)
        if product is None:
            raise PortError(
                f"Tipo de producto no válido: {request.product_type}",
                cause=FailureCause.TIPO_NO_VALIDO,
            )
        known, unknown = _integrations(product, request.configuration)
        milestones = _milestones(product, len(known))
        plan = Plan(
            stack_tecnologico=product.stack_base,
            integraciones=known,
            templates=product.templates,
            recursos_requeridos=product.recursos,
            estimacion_horas=sum(item.estimacion_horas for item in milestones),
            subagentes_asignados=product.subagentes,
            milestones=milestones,
            observaciones=_notes(unknown, request.rejection_reason),
        )
        return PlanningOutcome(plan, self.name)

    async def answer(self, question: PlanQuestion, *, idempotency_key: str) -> PlannerAnswer:
        """Say what the plan itself says: the catalogue knows no more."""
        del idempotency_key
        plan = question.plan
        milestones = "; ".join(
            f"{item.nombre}: {item.estimacion_horas:g} h ({item.agente})"
            for item in plan.milestones
        )
        notes = " ".join(plan.observaciones)
        text = (
            "Este plan viene del catálogo, sin un modelo que razone sobre él. "
            f"Plantillas: {', '.join(plan.templates)}. "
            f"Integraciones: {', '.join(plan.integraciones) or 'ninguna'}. "
            f"Hitos: {milestones}. {notes}"
        )
        return PlannerAnswer(text.strip(), self.name)


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


def _notes(unknown: tuple[str, ...], rejection: str | None) -> tuple[str, ...]:
    notes = [f"El catálogo no tiene la integración '{slug}': queda fuera" for slug in unknown]
    if rejection:
        notes.append(f"Motivo del rechazo anterior: {rejection}"[:400])
    return tuple(notes)
