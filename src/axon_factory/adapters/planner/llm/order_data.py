"""What a model may know of an order: what a plan needs, without secrets, of bounded size."""

import json
from typing import Any, cast

from axon_factory.domain.redaction import FOR_MODELS
from axon_factory.ports.planner import PlanQuestion, PlanRequest

_LONGEST_DATA = 40_000
_TEXT_LIMITS = (4000, 1000, 200)
_MOST_ITEMS = 200
_DEEPEST = 12
_CUT = "[…]"


def data_of_order(request: PlanRequest) -> dict[str, Any]:
    """Return the order as a model is shown it."""
    data: dict[str, Any] = {
        "producto": {"tipo": request.product_type, "nombre": request.product_name},
        "cliente": {"nombre": request.client_name, "industria": request.industry},
        "configuracion": request.configuration,
    }
    if request.answers:
        data["aclaraciones"] = [
            {"pregunta": asked, "respuesta": answer} for asked, answer in request.answers
        ]
    if request.rejection_reason is not None:
        rejected: dict[str, Any] = {"motivo": request.rejection_reason}
        if request.rejected_plan is not None:
            rejected["plan"] = request.rejected_plan.model_dump(mode="json")
        data["rechazo"] = rejected
    return _fitted(FOR_MODELS.data(data))


def data_of_question(question: PlanQuestion) -> dict[str, Any]:
    """Return a question about a plan, with the plan and the order, as a model is shown them."""
    asked = {"pregunta": question.question, "plan": question.plan.model_dump(mode="json")}
    return {**_fitted(FOR_MODELS.data(asked)), "pedido": data_of_order(question.request)}


def _fitted(data: dict[str, Any]) -> dict[str, Any]:
    """Return data that a prompt has room for: with shorter texts, at last without configuration."""
    for limit in _TEXT_LIMITS:
        shortened = _shortened(data, limit, _DEEPEST)
        if len(json.dumps(shortened)) <= _LONGEST_DATA:
            return shortened
    return {**_shortened(data, _TEXT_LIMITS[-1], 2), "configuracion": _CUT}


def _shortened(value: Any, longest: int, depth: int) -> Any:  # noqa: ANN401 — any JSON value
    match value:
        case str():
            return value if len(value) <= longest else value[:longest] + _CUT
        case dict() | list() if depth == 0:
            return _CUT
        case dict():
            members = list(cast("dict[str, Any]", value).items())[:_MOST_ITEMS]
            return {
                name[:longest]: _shortened(member, longest, depth - 1) for name, member in members
            }
        case list():
            items = cast("list[Any]", value)[:_MOST_ITEMS]
            return [_shortened(item, longest, depth - 1) for item in items]
        case _:
            return value
