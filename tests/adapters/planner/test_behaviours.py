"""Whatever a server of models does, planning ends: with its repaired plan, the next one's, or the
catalogue's, after no more requests and no more time than is allowed."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from axon_factory.adapters.planner.llm import (
    Limits,
    LlmPlanner,
    ModelAddress,
    ModelRouter,
    Provider,
)
from axon_factory.adapters.planner.llm.reading import SENTENCES, Outcome
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.plan_review import problems_of
from axon_factory.ports.planner import Budget, PlanQuestion
from tests.support.model_behaviours import BEHAVIOURS, GOOD, INVALID, REQUEST, good_plan
from tests.support.model_server import ModelServer, answering, serving

LIMITS = Limits(timeout_seconds=5, total_seconds=20, pause_seconds=0.01, longest_pause_seconds=2)
IMPATIENT = replace(LIMITS, timeout_seconds=0.4)
"""For models that never answer: every other one must have the time that a busy machine takes."""
LONGEST_CASE_SECONDS = 60.0


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with serving() as models:
        models.play("bueno", GOOD)
        yield models


def planner(server: ModelServer, *models: str, limits: Limits = LIMITS) -> LlmPlanner:
    addresses = [
        ModelAddress(Provider.COMPATIBLE, name, "sk-clave-de-prueba", server.url) for name in models
    ]
    return LlmPlanner(ModelRouter(addresses, limits))


IN_THE_GATE = BEHAVIOURS.keys() - INVALID.keys() | {"prose", "NUL", "two calls"}
"""How each kind is taken is seen where it is repaired; what follows a second one is the same."""


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in IN_THE_GATE else pytest.mark.nightly)
        for name in BEHAVIOURS
    ],
)
async def test_the_next_model_plans_or_at_last_the_catalogue(
    server: ModelServer, name: str
) -> None:
    case = BEHAVIOURS[name]
    server.play("malo", case.behaviour)
    limits = IMPATIENT if Outcome.TIEMPO_AGOTADO in case.outcomes else LIMITS
    two = planner(server, "malo", "bueno", limits=limits)
    one = planner(server, "malo", limits=limits)
    began = time.monotonic()
    by_next, by_catalogue = await asyncio.gather(
        two.make_plan(REQUEST, idempotency_key="k"), one.make_plan(REQUEST, idempotency_key="k")
    )
    assert time.monotonic() - began < LONGEST_CASE_SECONDS
    assert (by_next.planner, by_next.model) == ("llm", "compatible:bueno")
    assert [use.outcome for use in by_next.uses] == [*case.outcomes, Outcome.OK]
    assert by_next.fallback is None
    assert by_catalogue.planner == "catalogue"
    assert [use.outcome for use in by_catalogue.uses] == [*case.outcomes]
    assert by_catalogue.fallback == f"compatible:malo {SENTENCES[case.outcomes[0]]}"
    assert len(server.asked["malo"]) == 2 * len(case.outcomes)
    check_pause(name, [exchange.at for exchange in server.asked["malo"]])
    for outcome in (by_next, by_catalogue):
        assert outcome.plan is not None
        assert problems_of(outcome.plan, PRODUCT_TYPES["webhook_service"]) == []
    for use in by_catalogue.uses:
        assert (use.provider, use.model, use.prompt_version) == ("compatible", "malo", "plan.v1")
        assert use.error
        assert "sk-clave" not in use.error
        assert "Avisos" not in use.error


def check_pause(name: str, times: list[float]) -> None:
    """A model is left alone for as long as it wants; two planners ask it at the same time."""
    match name, times:
        case "429, seconds", [first, _, third, _]:
            assert third - first >= 1
        case "429, date", [first, _, third, _]:
            assert third >= int(first) + 1  # the date has no fractions of a second
        case _:
            assert not name.startswith("429, ") or name == "429, an hour"


@pytest.mark.parametrize("name", [name for name, case in BEHAVIOURS.items() if case.repairable])
async def test_a_model_that_is_told_its_mistake_repairs_it(server: ModelServer, name: str) -> None:
    case = BEHAVIOURS[name]
    server.play("malo", case.behaviour, GOOD)
    outcome = await planner(server, "malo").make_plan(REQUEST, idempotency_key="k")
    assert (outcome.planner, outcome.model) == ("llm", "compatible:malo")
    assert [use.outcome for use in outcome.uses] == [case.outcomes[0], Outcome.OK]
    first, second = server.messages("malo", 0), server.messages("malo", 1)
    assert second[: len(first)] == first
    assert "problemas" in second[-1]["content"]


async def test_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nowhere = ModelServer(f"http://127.0.0.1:{unused.getsockname()[1]}/v1")
        outcome = await planner(nowhere, "malo").make_plan(REQUEST, idempotency_key="k")
    assert outcome.fallback == "compatible:malo no se pudo conectar"
    assert [use.outcome for use in outcome.uses] == [Outcome.SIN_CONEXION] * 2
    assert all(use.input_tokens == 0 for use in outcome.uses)


@pytest.mark.parametrize(
    "text",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        "{}",
        "\n  {}\n",
    ],
)
async def test_a_server_without_tools_may_answer_in_text(server: ModelServer, text: str) -> None:
    content = text.replace("{}", json.dumps(good_plan()))
    server.play("malo", answering(tool=None, content=content))
    outcome = await planner(server, "malo").make_plan(REQUEST, idempotency_key="k")
    assert outcome.model == "compatible:malo"
    assert outcome.prompt_version == "plan.v1"


@pytest.mark.parametrize(
    ("usage", "tokens_in", "tokens_out"),
    [
        ({"prompt_tokens": 900, "completion_tokens": 300, "total_tokens": 1200}, 900, 300),
        ({"prompt_tokens": 10**15, "completion_tokens": 10**15, "total_tokens": 1}, 10**7, 10**7),
        (None, None, None),
    ],
)
async def test_what_a_server_says_it_used_is_kept_within_what_can_be(
    server: ModelServer, usage: object, tokens_in: int | None, tokens_out: int | None
) -> None:
    """None: an estimate, because no answer is for nothing."""
    server.play("malo", answering(good_plan(), usage=usage))
    outcome = await planner(server, "malo").make_plan(REQUEST, idempotency_key="k")
    (use,) = outcome.uses
    assert use.outcome == "ok"
    assert use.input_tokens == tokens_in or (tokens_in is None and 500 < use.input_tokens < 5000)
    assert use.output_tokens == tokens_out or (tokens_out is None and 100 < use.output_tokens < 999)
    assert use.cost_usd is None


async def test_the_whole_call_has_an_end(server: ModelServer) -> None:
    for name in ("a", "b", "c", "d"):
        server.play(name, BEHAVIOURS["stalled"].behaviour)
    slow = planner(server, "a", "b", "c", "d", limits=replace(IMPATIENT, total_seconds=0.7))
    outcome = await slow.make_plan(REQUEST, idempotency_key="k")
    assert [use.model for use in outcome.uses] == ["a", "b"]
    assert outcome.planner == "catalogue"
    assert outcome.fallback is not None
    assert outcome.fallback.endswith("se acabó el tiempo para preguntar a los modelos")


async def test_a_cancelled_plan_leaves_no_request(server: ModelServer) -> None:
    server.play("malo", BEHAVIOURS["stalled"].behaviour)
    slow = planner(server, "malo", limits=replace(LIMITS, timeout_seconds=60))
    call = asyncio.create_task(slow.make_plan(REQUEST, idempotency_key="k"))
    while not server.asked["malo"]:  # noqa: ASYNC110 — the server's list has no event
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


@pytest.mark.parametrize(
    ("budget", "models", "requests"),
    [
        (Budget(0), ("bueno",), 0),
        (Budget(10_000, Decimal(0)), ("bueno",), 0),
        (Budget(500), ("bueno",), 0),  # not even the prompt fits
        (Budget(4000), ("malo", "bueno"), 1),  # the first answer uses what there is
    ],
)
async def test_a_spent_budget_asks_a_person(
    server: ModelServer, budget: Budget, models: tuple[str, ...], requests: int
) -> None:
    usage = {"prompt_tokens": 3000, "completion_tokens": 1500, "total_tokens": 4500}
    server.play("malo", answering({"plan": 1}, usage=usage))
    outcome = await planner(server, *models).make_plan(
        replace(REQUEST, budget=budget), idempotency_key="k"
    )
    assert outcome.budget_spent
    assert outcome.plan is None
    assert len(outcome.uses) == requests


async def test_the_last_tokens_bound_the_answer(server: ModelServer) -> None:
    await planner(server, "bueno").make_plan(
        replace(REQUEST, budget=Budget(4000)), idempotency_key="k"
    )
    body = server.asked["bueno"][0].body
    assert 256 <= (body.get("max_completion_tokens") or body["max_tokens"]) < 4000


async def test_a_person_may_decide_on_no_models(server: ModelServer) -> None:
    request = replace(REQUEST, models_allowed=False, budget=Budget(0))
    outcome = await planner(server, "bueno").make_plan(request, idempotency_key="k")
    assert outcome.planner == "catalogue"
    assert outcome.plan is not None
    assert outcome.fallback == "una persona decidió seguir sin modelos"
    assert not server.asked["bueno"]


@pytest.fixture
async def question() -> PlanQuestion:
    made = await LlmPlanner(ModelRouter((), LIMITS)).make_plan(REQUEST, idempotency_key="k")
    assert made.plan is not None
    return PlanQuestion(REQUEST, made.plan, "¿Por qué 8 horas de backend?")


async def test_questions_are_answered_in_plain_text(
    server: ModelServer, question: PlanQuestion
) -> None:
    server.play("bueno", answering(tool=None, content="Porque hay \x07cuatro\u202e destinos.\n"))
    answer = await planner(server, "bueno").answer(question, idempotency_key="k")
    assert (answer.text, answer.planner) == ("Porque hay cuatro destinos.", "llm")
    assert [use.prompt_version for use in answer.uses] == ["answer.v1"]
    assert "tools" not in server.asked["bueno"][0].body


@pytest.mark.parametrize("name", ["stalled", "500", "nothing said", "refusal", "10 MB"])
async def test_without_an_answer_the_catalogue_says_what_it_knows(
    server: ModelServer, question: PlanQuestion, name: str
) -> None:
    case = BEHAVIOURS[name]
    server.play("malo", case.behaviour)
    limits = IMPATIENT if Outcome.TIEMPO_AGOTADO in case.outcomes else LIMITS
    answer = await planner(server, "malo", limits=limits).answer(question, idempotency_key="k")
    assert answer.planner == "catalogue"
    assert SENTENCES[case.outcomes[0]] in answer.text
    assert [use.outcome for use in answer.uses] == [*case.outcomes]
