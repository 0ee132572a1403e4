"""The catalogue planner: deterministic, from catalogue and configuration (design §4.1)."""

from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.catalogue.product_types import default_plan
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError
from axon_factory.ports.planner import (
    PlannerAnswer,
    PlanningOutcome,
    PlanQuestion,
    PlanRequest,
)

# Clients read the notes of a plan too: the reason itself is the approver's word to the planner.
_SAME_AS_BEFORE = "El catálogo planifica siempre igual: revisa si este plan responde al rechazo"


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
        notes = (_SAME_AS_BEFORE,) if request.rejection_reason else ()
        plan = default_plan(product, request.configuration, notes=notes)
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
