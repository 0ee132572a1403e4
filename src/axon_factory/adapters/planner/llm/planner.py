"""The planner over language models; the catalogue's planner is its last resort."""

from functools import partial

from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from axon_factory.adapters.planner.catalogue import CataloguePlanner
from axon_factory.adapters.planner.llm.answer_schema import answer_schema
from axon_factory.adapters.planner.llm.order_data import data_of_order, data_of_question
from axon_factory.adapters.planner.llm.prompts import answer_prompt, plan_prompt
from axon_factory.adapters.planner.llm.reading import PLAN_TOOL, read_plan, read_text
from axon_factory.adapters.planner.llm.router import ModelRouter
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.ports.planner import PlannerAnswer, PlanningOutcome, PlanQuestion, PlanRequest

_BY_DECISION = "una persona decidió seguir sin modelos"
_NO_BUDGET = "se agotó el presupuesto de modelos"


class LlmPlanner:
    """Has models make plans out of the catalogue's parts, and answer questions about them."""

    name = "llm"

    def __init__(self, router: ModelRouter) -> None:
        """`router` knows which models there are."""
        self._router = router
        self._catalogue = CataloguePlanner()

    async def make_plan(self, request: PlanRequest, *, idempotency_key: str) -> PlanningOutcome:
        """Return the first model's valid plan, or the catalogue's, or that the budget is spent.

        Asking again costs again, but has the effect of one: the line keeps one plan a step.

        Raises:
            PortError: the catalogue has no such product.
        """
        if request.product_type not in PRODUCT_TYPES or not request.models_allowed:
            return await self._by_catalogue(request, idempotency_key, _BY_DECISION)
        prompt = plan_prompt(request.product_type, data_of_order(request))
        routed = await self._router.ask(
            prompt,
            _plan_parameters(request.product_type),
            partial(read_plan, product_id=request.product_type),
            request.budget,
        )
        if routed.budget_spent:
            return PlanningOutcome(None, self.name, routed.uses, budget_spent=True)
        if routed.value is None:
            outcome = await self._by_catalogue(request, idempotency_key, routed.reason)
            return PlanningOutcome(
                outcome.plan, outcome.planner, routed.uses, fallback=outcome.fallback
            )
        return PlanningOutcome(
            routed.value, self.name, routed.uses, model=routed.model, prompt_version=prompt.version
        )

    async def answer(self, question: PlanQuestion, *, idempotency_key: str) -> PlannerAnswer:
        """Return the first model's answer, or what the catalogue can say and why it is the one.

        Raises:
            PortError: the catalogue has no such product.
        """
        request = question.request
        if request.product_type not in PRODUCT_TYPES or not request.models_allowed:
            return await self._catalogue.answer(question, idempotency_key=idempotency_key)
        routed = await self._router.ask(
            answer_prompt(request.product_type, data_of_question(question)),
            ModelRequestParameters(),
            read_text,
            request.budget,
        )
        if routed.value is not None:
            return PlannerAnswer(routed.value, self.name, routed.uses)
        told = await self._catalogue.answer(question, idempotency_key=idempotency_key)
        reason = _NO_BUDGET if routed.budget_spent else routed.reason
        return PlannerAnswer(
            f"Ningún modelo respondió ({reason}). {told.text}", told.planner, routed.uses
        )

    async def _by_catalogue(
        self, request: PlanRequest, idempotency_key: str, reason: str | None
    ) -> PlanningOutcome:
        outcome = await self._catalogue.make_plan(request, idempotency_key=idempotency_key)
        return PlanningOutcome(outcome.plan, outcome.planner, fallback=reason)


def _plan_parameters(product_id: str) -> ModelRequestParameters:
    """Return what makes a model hand over a plan: one tool, which it has to call."""
    tool = ToolDefinition(
        name=PLAN_TOOL,
        description="Entrega el plan de construcción completo.",
        parameters_json_schema=answer_schema(product_id),
        kind="output",
    )
    return ModelRequestParameters(output_mode="tool", output_tools=[tool], allow_text_output=False)
