"""One exchange in each vendor's own protocol: what is sent, what is read, what it cost."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from axon_factory.adapters.planner.llm import (
    Limits,
    LlmPlanner,
    ModelAddress,
    ModelRouter,
    Provider,
)
from axon_factory.ports.planner import PlanningOutcome
from tests.support.model_behaviours import GOOD, REQUEST, good_plan
from tests.support.model_server import Exchange, ModelServer, serving


async def anthropic_messages(exchange: Exchange) -> None:
    content: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": exchange.body["model"],
        "content": [
            {"type": "tool_use", "id": "t1", "name": "entregar_plan", "input": good_plan()}
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 1000, "output_tokens": 500},
    }
    await exchange.send(json.dumps(content).encode())


async def openai_responses(exchange: Exchange) -> None:
    content: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": exchange.body["model"],
        "output": [
            {
                "type": "function_call",
                "id": "fc_1",
                "call_id": "call_1",
                "name": "entregar_plan",
                "arguments": json.dumps(good_plan()),
                "status": "completed",
            }
        ],
        "parallel_tool_calls": True,
        "tool_choice": "required",
        "tools": [],
        "usage": {
            "input_tokens": 1000,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 500,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 1500,
        },
    }
    await exchange.send(json.dumps(content).encode())


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with serving() as models:
        yield models


async def plan_by(server: ModelServer, address: ModelAddress) -> tuple[PlanningOutcome, Exchange]:
    planner = LlmPlanner(ModelRouter((address,), Limits(timeout_seconds=20)))
    outcome = await planner.make_plan(REQUEST, idempotency_key="k")
    assert outcome.planner == "llm", outcome.uses
    (exchange,) = server.asked[address.name]
    return outcome, exchange


async def test_anthropic_messages(server: ModelServer) -> None:
    server.play("claude-sonnet-5", anthropic_messages)
    url = server.url.removesuffix("/v1")
    address = ModelAddress(Provider.ANTHROPIC, "claude-sonnet-5", "sk-ant-prueba", url)
    outcome, exchange = await plan_by(server, address)
    assert exchange.path.partition("?")[0] == "/v1/messages"
    assert exchange.headers["authorization"] == "Bearer sk-ant-prueba"
    assert exchange.body["max_tokens"] == 4000
    assert [tool["name"] for tool in exchange.body["tools"]] == ["entregar_plan"]
    assert "Avisos" not in json.dumps(exchange.body["system"])
    assert "Avisos" in json.dumps(exchange.body["messages"])
    (use,) = outcome.uses
    assert (use.provider, use.model) == ("anthropic", "claude-sonnet-5")
    assert (use.input_tokens, use.output_tokens) == (1000, 500)
    assert use.cost_usd == Decimal("0.007000")


async def test_openai_responses(server: ModelServer) -> None:
    server.play("gpt-4o", openai_responses)
    address = ModelAddress(Provider.OPENAI, "gpt-4o", "sk-prueba", server.url)
    outcome, exchange = await plan_by(server, address)
    assert exchange.path == "/v1/responses"
    assert exchange.headers["authorization"] == "Bearer sk-prueba"
    assert exchange.body["store"] is False
    assert exchange.body["max_output_tokens"] == 4000
    assert exchange.body["tool_choice"] == "required"
    assert "Avisos" not in exchange.body["instructions"]
    (use,) = outcome.uses
    assert (use.provider, use.cost_usd) == ("openai", Decimal("0.0075"))


async def test_a_compatible_server(server: ModelServer) -> None:
    server.play("qwen/qwen3:32b", GOOD)
    address = ModelAddress(Provider.COMPATIBLE, "qwen/qwen3:32b", None, server.url)
    outcome, exchange = await plan_by(server, address)
    assert exchange.path == "/v1/chat/completions"
    assert exchange.headers["accept-encoding"] == "identity"
    assert exchange.body["tool_choice"] == "required"
    assert [message["role"] for message in exchange.body["messages"]] == ["system", "user"]
    (use,) = outcome.uses
    assert use.cost_usd is None  # nobody knows its price: it counts by tokens only
    assert use.latency_ms >= 0
