"""The AsyncAPI document; each message of the other tests is held against it (`sockets`)."""

import json
import re
from typing import Any

from jsonschema import Draft202012Validator

from axon_factory.realtime.asyncapi import asyncapi_document
from tests.support.workshop import Workshop

_DESIGNED = {"type", "order_id", "estado", "progreso", "last_log"}


async def test_it_is_served_to_anybody(workshop: Workshop) -> None:
    answer = await workshop.http.get("/asyncapi.json")
    assert answer.status_code == 200
    document = answer.json()
    assert document == asyncapi_document("https://fabrica.example")
    assert document["asyncapi"] == "3.0.0"
    assert document["servers"]["fabrica"] == {
        "host": "fabrica.example",
        "protocol": "wss",
        "description": "Esta fábrica",
    }


def test_its_references_lead_somewhere_and_its_examples_are_messages() -> None:
    document = asyncapi_document("http://127.0.0.1:8000")
    for reference in _references(document):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    for message in document["components"]["messages"].values():
        schema = {**message["payload"], "components": document["components"]}
        Draft202012Validator.check_schema(schema)
        for example in message["examples"]:
            Draft202012Validator(schema).validate(example["payload"])  # pyright: ignore[reportUnknownMemberType] — the library is not typed


def test_an_update_has_what_the_design_says() -> None:
    schema = asyncapi_document("http://127.0.0.1")["components"]["schemas"]["OrderUpdate"]
    assert set(schema["required"]) >= _DESIGNED


def _references(part: object) -> list[str]:
    return re.findall(r'"\$ref": "([^"]+)"', json.dumps(part))
