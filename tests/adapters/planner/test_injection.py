"""No text of a client leaves its place in a prompt; no secret enters one; no plan leaves the
catalogue, even when the model obeys every word (reference B14)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

from axon_factory.adapters.planner.llm import (
    Limits,
    LlmPlanner,
    ModelAddress,
    ModelRouter,
    Provider,
)
from axon_factory.adapters.planner.llm.prompts import (
    Prompt,
    answer_prompt,
    data_of_order,
    data_of_question,
    plan_prompt,
)
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.plan import Plan
from axon_factory.domain.text import FOR_MODELS
from axon_factory.ports.planner import PlanQuestion, PlanRequest
from tests.support.injections import HOSTILE_PLANS, PAYLOADS
from tests.support.model_behaviours import GOOD, REQUEST, good_plan
from tests.support.model_server import ModelServer, answering, serving

JOINER = "\u200d"
PLAN = Plan.model_validate(good_plan())
Place = tuple[Callable[[str], PlanRequest], Callable[[dict[str, Any]], str | None]]


def configured(make: Callable[[str], dict[str, Any]]) -> Callable[[str], PlanRequest]:
    return lambda text: replace(REQUEST, configuration=make(text))


KEY = "a key of configuracion"
FIELDS: dict[str, Place] = {
    "nombre_producto": (
        lambda text: replace(REQUEST, product_name=text),
        lambda data: data["producto"]["nombre"],
    ),
    "nombre del cliente": (
        lambda text: replace(REQUEST, client_name=text),
        lambda data: data["cliente"]["nombre"],
    ),
    "industria": (
        lambda text: replace(REQUEST, industry=text),
        lambda data: data["cliente"]["industria"],
    ),
    "configuracion.texto": (
        configured(lambda text: {"personalidad_bot": text}),
        lambda data: data["configuracion"]["personalidad_bot"],
    ),
    "configuracion.integraciones[]": (
        configured(lambda text: {"integraciones": ["slack", text]}),
        lambda data: data["configuracion"]["integraciones"][1],
    ),
    "configuracion.productos[].nombre": (
        configured(lambda text: {"productos": [{"nombre": text, "precio": 1}]}),
        lambda data: data["configuracion"]["productos"][0]["nombre"],
    ),
    "configuracion.a.b.c": (
        configured(lambda text: {"a": {"b": {"c": text}}}),
        lambda data: data["configuracion"]["a"]["b"]["c"],
    ),
    KEY: (
        configured(lambda text: {text: 1}),
        lambda data: next(iter(data["configuracion"]), None),
    ),
}


def without_delimiters(prompt: Prompt) -> str:
    """The instructions, with the lines that are new for every call replaced."""
    ours = prompt.delimiters
    return prompt.instructions.replace(ours.opening, "A").replace(ours.closing, "B")


def data_of(prompt: Prompt) -> dict[str, Any]:
    """The data, after checking that the only message is one document between two lines."""
    (message,) = prompt.data
    opening, document, closing = message.split("\n")
    assert (opening, closing) == (prompt.delimiters.opening, prompt.delimiters.closing)
    assert opening not in document
    assert closing not in document
    assert not set("<>\x00\x1b\x7f\u2028\u202e") & set(document)
    assert all(character < "\U000e0000" for character in document)
    return json.loads(document)


def test_there_are_sixty_payloads_and_thirty_hostile_plans() -> None:
    assert len(set(PAYLOADS)) == 60
    assert len(FIELDS) == 8
    assert len(HOSTILE_PLANS) == 30


@pytest.mark.parametrize("field", FIELDS)
def test_no_payload_leaves_its_place(field: str) -> None:
    """Sixty payloads, in the prompt for a plan and in the one for an answer."""
    request, find = FIELDS[field]
    usual = without_delimiters(plan_prompt("webhook_service", data_of_order(REQUEST)))
    asked = PlanQuestion(REQUEST, PLAN, "¿Por qué?")
    usual_answer = without_delimiters(answer_prompt("webhook_service", data_of_question(asked)))
    for payload in PAYLOADS:
        hostile = request(payload)
        told = FOR_MODELS.text(payload)
        if field == KEY and not FOR_MODELS.data({payload: 1}):
            told = None  # it names a secret, and so it goes
        plan = plan_prompt("webhook_service", data_of_order(hostile))
        assert without_delimiters(plan) == usual
        data = data_of(plan)
        assert find(data) == told
        assert data.keys() == data_of_order(REQUEST).keys()
        answer = answer_prompt(
            "webhook_service", data_of_question(PlanQuestion(hostile, PLAN, payload))
        )
        assert without_delimiters(answer) == usual_answer
        data = data_of(answer)
        assert data.keys() == {"pregunta", "plan", "pedido"}
        assert data["pregunta"] == FOR_MODELS.text(payload)
        assert find(data["pedido"]) == told


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[ModelServer]:
    async with serving() as models:
        yield models


def planner(server: ModelServer, model: str) -> LlmPlanner:
    address = ModelAddress(Provider.COMPATIBLE, model, "sk-canario-del-modelo", server.url)
    return LlmPlanner(ModelRouter((address,), Limits(pause_seconds=0)))


async def test_what_reaches_the_server_is_what_was_rendered(server: ModelServer) -> None:
    """The library between prompt and wire adds no message and moves no text."""
    request, find = FIELDS["configuracion.a.b.c"]
    server.play("bueno", GOOD)
    for payload in PAYLOADS:
        await planner(server, "bueno").make_plan(request(payload), idempotency_key="k")
    assert len(server.asked["bueno"]) == len(PAYLOADS)
    for payload, exchange in zip(PAYLOADS, server.asked["bueno"], strict=True):
        system, user = exchange.body["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        opening, document, closing = user["content"].split("\n")
        assert f"`{opening}`" in system["content"]
        assert f"`{closing}`" in system["content"]
        # The library breaks the tokens of chat templates by an invisible joiner: all the better.
        assert find(json.loads(document.replace(JOINER, ""))) == FOR_MODELS.text(payload)
        assert "[INST]" not in document
        assert "canario" not in json.dumps(exchange.body)


@pytest.mark.parametrize("name", HOSTILE_PLANS)
async def test_a_model_that_obeys_gets_nothing_past_the_catalogue(
    server: ModelServer, name: str
) -> None:
    server.play(name, answering(HOSTILE_PLANS[name]))
    outcome = await planner(server, name).make_plan(REQUEST, idempotency_key="k")
    assert outcome.planner == "catalogue"
    assert [use.outcome for use in outcome.uses] == ["salida_invalida"] * 2
    assert outcome.plan is not None
    assert set(outcome.plan.templates) <= set(PRODUCT_TYPES["webhook_service"].templates)
    # What it had said goes back to it as data, between the same two lines.
    again = server.messages(name, 1)
    assert [message["role"] for message in again] == ["system", "user", "user"]
    opening, document, closing = again[2]["content"].split("\n")
    assert [opening, closing] == [again[1]["content"].split("\n")[place] for place in (0, 2)]
    assert json.loads(document).keys() == {"respuesta_anterior", "problemas"}


CANARIES = {
    "stripe_api_key": "sk_live_CANARIO00canario00",
    "token": "canario-1",
    "contraseña_del_panel": "canario-2",
    "credenciales": {"usuario": "canario-3", "clave": "canario-4"},
    "notas_internas": "canario-5",
    "correo": "canario6@example.com",
    "telefono": "+525512345678",
    "descripcion": "la clave es: canario-7 y mi correo canario8@example.com, "
    "mi teléfono +52 55 1234 5678, Bearer canario-9canario-9",
    "productos": [{"nombre": "camiseta", "webhook_secret": "canario-10"}],
    "url": "https://canario:canario-11@base.example/x",
}


async def test_planted_secrets_appear_in_no_prompt(server: ModelServer) -> None:
    request = replace(
        REQUEST,
        configuration=CANARIES,
        product_name="Avisos (password: canario-12)",
        client_name="Ana canario13@example.com",
        rejection_reason="Usa el token=canario-14",
        rejected_plan=PLAN,
        answers=(("¿La clave?", "clave: canario-15"),),
    )
    server.play("espia", answering({"x": 1}), GOOD, answering(tool=None, content="Sí."))
    spied = planner(server, "espia")
    await spied.make_plan(request, idempotency_key="k")
    await spied.answer(PlanQuestion(request, PLAN, "¿password: canario-16?"), idempotency_key="k")
    sent = [json.dumps(exchange.body, ensure_ascii=False) for exchange in server.asked["espia"]]
    assert len(sent) == 3
    for body in sent:
        assert "canario" not in body.casefold()
        assert "1234" not in body
        assert "camiseta" in body


async def test_the_rejection_reaches_the_model_as_data(server: ModelServer) -> None:
    request = replace(REQUEST, rejection_reason="Faltan pruebas", rejected_plan=PLAN)
    server.play("rechazo", GOOD)
    await asyncio.gather(planner(server, "rechazo").make_plan(request, idempotency_key="k"))
    system, user = server.messages("rechazo")
    assert "Faltan pruebas" not in system["content"]
    rejected = json.loads(user["content"].split("\n")[1])["rechazo"]
    assert rejected == {"motivo": "Faltan pruebas", "plan": PLAN.model_dump(mode="json")}
