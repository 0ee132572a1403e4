"""What servers of language models do wrong, and what must come of each: the table of the tests.

docs/planning.md has the same table for people.
"""

import asyncio
import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from axon_factory.adapters.planner.llm.reading import Outcome
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.ports.planner import PlanRequest
from tests.support.model_server import Behaviour, Exchange, answering, status

__all__ = ["BEHAVIOURS", "GOOD", "INVALID", "REQUEST", "Case", "good_plan"]

Json = Any
_O = Outcome

REQUEST = PlanRequest(
    order_id="1",
    order_number="ORD-2025-001",
    product_type="webhook_service",
    product_name="Avisos",
    industry="retail",
    client_name="Empresa XYZ",
    configuration={"integraciones": ["slack"]},
)
"""An order to plan, without anything odd."""


def good_plan(product_id: str = "webhook_service", **changes: Json) -> dict[str, Json]:
    """A plan that the line takes; `changes` replace its members."""
    product = PRODUCT_TYPES[product_id]
    plan: dict[str, Json] = {
        "stack_tecnologico": list(product.stack_base),
        "integraciones": ["Slack"],
        "templates": list(product.templates),
        "recursos_requeridos": product.recursos.model_dump(),
        "estimacion_horas": sum(item.estimacion_horas for item in product.milestones),
        "subagentes_asignados": list(product.subagentes),
        "milestones": [item.model_dump(mode="json") for item in product.milestones],
        "observaciones": [],
    }
    return plan | changes


def _milestones(**changes: Json) -> list[dict[str, Json]]:
    first, *others = good_plan()["milestones"]
    return [{**first, **changes}, *others]


def _hours(hours: Json) -> dict[str, Json]:
    return good_plan(milestones=_milestones(estimacion_horas=hours), estimacion_horas=hours)


GOOD = answering(good_plan())


async def _closed(exchange: Exchange) -> None:
    """Hang up without a word."""


async def _stalled(_: Exchange) -> None:
    await asyncio.Event().wait()


async def _stalled_in_body(exchange: Exchange) -> None:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
    await asyncio.Event().wait()


async def _dripping(exchange: Exchange) -> None:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while True:
        exchange.writer.write(b" ")
        await exchange.writer.drain()
        await asyncio.sleep(0.02)


async def _late(exchange: Exchange) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    await status(429, Retry_After=date)(exchange)


async def _gzipped(exchange: Exchange) -> None:
    await exchange.send(gzip.compress(b" " * 10_000_000), Content_Encoding="gzip")


def _raw(content: bytes, **headers: str) -> Behaviour:
    async def send(exchange: Exchange) -> None:
        await exchange.send(content, **headers)

    return send


async def _cut(exchange: Exchange) -> None:
    await exchange.send(b'{"id": "r1", "choices": [', Content_Length="5000")


@dataclass(frozen=True, slots=True)
class Case:
    """One behaviour: what is recorded when a model keeps to it, one word for each request."""

    behaviour: Behaviour
    outcomes: tuple[Outcome, ...]

    @property
    def repairable(self) -> bool:
        """Whether the model is told what was wrong, and asked once more."""
        return self.outcomes[0] in {_O.SALIDA_INVALIDA, _O.SALIDA_TRUNCADA}


def _twice(outcome: Outcome) -> Callable[[Behaviour], Case]:
    return lambda behaviour: Case(behaviour, (outcome, outcome))


def _once(outcome: Outcome) -> Callable[[Behaviour], Case]:
    return lambda behaviour: Case(behaviour, (outcome,))


INVALID: dict[str, Behaviour] = {
    "prose": answering(tool=None, content="Claro, aquí tienes un buen plan para tu pedido."),
    "nothing said": answering(tool=None, content=""),
    "truncated JSON": answering(json.dumps(good_plan())[:200]),
    "wrong schema": answering({"plan": "construir todo"}),
    "wrong types": answering(good_plan(templates="webhook_service_base")),
    "extra keys": answering(good_plan(comandos=["rm -rf /"])),
    "extra keys in a milestone": answering(good_plan(milestones=_milestones(script="x"))),
    "NUL": answering(good_plan(observaciones=["antes\x00después"])),
    "invisible characters": answering(good_plan(observaciones=["hola\u202e \U000e0041"])),
    "negative hours": answering(_hours(-5)),
    "a billion hours": answering(_hours(1e9)),
    "hours that are no number": answering(json.dumps(_hours("N")).replace('"N"', "NaN")),
    "hours that do not add up": answering(good_plan(estimacion_horas=9)),
    "path in a template name": answering(good_plan(templates=["../../etc/passwd"])),
    "unknown template": answering(good_plan(templates=["autopilot_base"])),
    "unknown agent": answering(good_plan(subagentes_asignados=["Hacker"])),
    "unknown agent of a milestone": answering(good_plan(milestones=_milestones(agente="root"))),
    "unknown integration": answering(good_plan(integraciones=["Bitcoin"])),
    "duplicate milestones": answering(
        good_plan(milestones=good_plan()["milestones"] * 2, estimacion_horas=32)
    ),
    "no milestones": answering(good_plan(milestones=[], estimacion_horas=16)),
    "English": answering(good_plan(observaciones=["This is the plan for all of the client"])),
    "Chinese": answering(good_plan(milestones=_milestones(nombre="构建系统"))),
    "call of another tool": answering(good_plan(), tool="ejecutar"),
    "two calls": answering(good_plan(), calls=2),
    "nested without end": answering("[" * 100_000),
}
"""Answers that are no plan the line could take."""

BEHAVIOURS: dict[str, Case] = {
    "hangs up": _twice(_O.SIN_CONEXION)(_closed),
    "cut off in its body": _twice(_O.SIN_CONEXION)(_cut),
    "stalled": _once(_O.TIEMPO_AGOTADO)(_stalled),
    "stalled in its body": _once(_O.TIEMPO_AGOTADO)(_stalled_in_body),
    "slow drip": _once(_O.TIEMPO_AGOTADO)(_dripping),
    "429, seconds": _twice(_O.LIMITE_DE_USO)(status(429, Retry_After="1")),
    "429, date": _twice(_O.LIMITE_DE_USO)(_late),
    "429, an hour": _once(_O.LIMITE_DE_USO)(status(429, Retry_After="3600")),
    "500": _twice(_O.ERROR_DEL_SERVIDOR)(status(500)),
    "503": _twice(_O.ERROR_DEL_SERVIDOR)(status(503)),
    "503, a day": _once(_O.ERROR_DEL_SERVIDOR)(status(503, Retry_After="86400")),
    "401": _once(_O.NO_AUTORIZADO)(status(401)),
    "402": _once(_O.SIN_SALDO)(status(402)),
    "403": _once(_O.NO_AUTORIZADO)(status(403)),
    "404": _once(_O.PETICION_RECHAZADA)(status(404)),
    "400": _once(_O.PETICION_RECHAZADA)(status(400)),
    "redirect": _twice(_O.RESPUESTA_ILEGIBLE)(status(302, Location="http://127.0.0.1:1/")),
    "empty body": _twice(_O.RESPUESTA_ILEGIBLE)(_raw(b"")),
    "a page": _twice(_O.RESPUESTA_ILEGIBLE)(_raw(b"<html>", Content_Type="text/html")),
    "no choices": _twice(_O.RESPUESTA_ILEGIBLE)(_raw(b'{"choices": []}')),
    "an error that says 200": _twice(_O.RESPUESTA_ILEGIBLE)(_raw(b'{"error": {"code": 1}}')),
    "negative usage": _twice(_O.RESPUESTA_ILEGIBLE)(
        answering(good_plan(), usage={"prompt_tokens": 7, "completion_tokens": -300})
    ),
    "10 MB": _once(_O.RESPUESTA_DEMASIADO_GRANDE)(_raw(b'{"a": "' + b"x" * 10_000_000)),
    "compressed 10 MB": _once(_O.RESPUESTA_DEMASIADO_GRANDE)(_gzipped),
    "refusal": _once(_O.NEGATIVA)(answering(tool=None, refusal="No puedo ayudar con eso.")),
    "filtered": _once(_O.NEGATIVA)(answering(tool=None, content="", finish="content_filter")),
    "cut at the limit": _twice(_O.SALIDA_TRUNCADA)(
        answering(json.dumps(good_plan())[:300], finish="length")
    ),
    **{name: _twice(_O.SALIDA_INVALIDA)(behaviour) for name, behaviour in INVALID.items()},
}
"""Every behaviour that ends without a plan by its model."""
