"""Forms of the OpenAPI document that generators of clients turn into code that works.

Each function here changes the complete document, for a generator that cannot take it as it is.
Answers that only an `Accept` or a parameter brings stand in members `x-…`, which generators
skip. `tests/contract/generators` has clients generated, compiled and run.
"""

import json
from collections.abc import Iterator
from typing import Any, cast

__all__ = ["OTHER_ANSWERS", "OTHER_MEDIA", "OTHER_PARAMETERS", "suit_generators"]

Json = dict[str, Any]

OTHER_MEDIA = "x-otros-tipos"
"""Member of an answer in JSON: its further media types, as in `content`."""

OTHER_ANSWERS = "x-otras-respuestas"
"""Member of an operation: further answers that succeed, as in `responses`."""

OTHER_PARAMETERS = "x-otros-parametros"
"""Member of an operation: parameters that bring such an answer, as in `parameters`."""

_JSON = "application/json"
_CHOOSES_ANSWER = frozenset({"dry_run", "fields"})
"""Parameters with which the caller asks for another answer than the operation's own."""


def suit_generators(document: Json) -> None:
    """Change `document`, which is complete, in place."""
    schemas = cast("dict[str, Json]", document["components"]["schemas"])
    for schema in schemas.values():
        _say_defaults(schema)
    for item in document["paths"].values():
        for operation in item.values():
            _leave_one_success(operation)
            _set_part_apart(operation, schemas)
            if OTHER_ANSWERS in operation:
                _set_choice_apart(operation)


def _say_defaults(schema: Json) -> None:
    """Move the default of each field into its description.

    openapi-typescript requires a field that has a `default`, of those who send it too.
    """
    for field in _fields(schema):
        if "default" in field:
            default = json.dumps(field.pop("default"), ensure_ascii=False)
            said = field.get("description", "").rstrip(".")
            field["description"] = f"{said}. Si falta: `{default}`.".removeprefix(". ")


def _fields(schema: Json) -> Iterator[Json]:
    for field in cast("dict[str, Json]", schema.get("properties", {})).values():
        yield field
        yield from _fields(field)


def _leave_one_success(operation: Json) -> None:
    """Let one schema in JSON be what the operation answers when it succeeds.

    Of several, some generators make a union. openapi-generator takes the lowest status: its clients
    would read an order that was created as a preview.
    """
    responses = cast("dict[str, Json]", operation["responses"])
    successes = [status for status in responses if status.startswith("2")]
    for status in successes:
        _set_other_media_apart(responses[status])
    schemas = {status: schema for status in successes if (schema := _schema(responses[status]))}
    for status, schema in list(schemas.items())[:-1]:
        if schema != list(schemas.values())[-1]:
            operation.setdefault(OTHER_ANSWERS, {})[status] = responses.pop(status)


def _set_part_apart(operation: Json, schemas: dict[str, Json]) -> None:
    """Let a success that is an order, or some of its keys, be the order.

    In the union of both, no key would be certain to be there.
    """
    for status, answer in list(cast("dict[str, Json]", operation["responses"]).items()):
        name = _name(_schema(answer) or {})
        whole, *parts = schemas.get(name, {}).get("anyOf", [None])
        if not parts or any("required" in schemas.get(_name(one), "required") for one in parts):
            continue
        part = parts[0]
        example = schemas[_name(part)]["examples"][0]
        content = {_JSON: {"schema": part, "example": example}}
        operation.setdefault(OTHER_ANSWERS, {})[status] = {**answer, "content": content}
        answer["content"][_JSON]["schema"] = whole
        del schemas[name]


def _set_choice_apart(operation: Json) -> None:
    """Keep a generated client from asking for an answer that it could not read."""
    parameters = cast("list[Json]", operation["parameters"])
    apart = [one for one in parameters if one.get("name") in _CHOOSES_ANSWER]
    operation[OTHER_PARAMETERS] = apart
    operation["parameters"] = [one for one in parameters if one not in apart]


def _name(reference: Json) -> str:
    return reference.get("$ref", "").rpartition("/")[2]


def _schema(answer: Json) -> Json | None:
    return answer.get("content", {}).get(_JSON, {}).get("schema")


def _set_other_media_apart(answer: Json) -> None:
    content = cast("dict[str, Json]", answer.get("content", {}))
    if _JSON not in content:
        return
    schema = content[_JSON]["schema"]
    if "$ref" in schema:
        # FastAPI adds what the handler's annotation says, which openapi-generator calls illegal.
        content[_JSON]["schema"] = {"$ref": schema["$ref"]}
    others = {media: content.pop(media) for media in list(content) if media != _JSON}
    if others:
        answer[OTHER_MEDIA] = others
        names = ", ".join(f"`Accept: {media}`" for media in others)
        answer["description"] = f"{answer['description'].rstrip('.')}. De otra forma con {names}."
