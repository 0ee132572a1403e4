"""Reads the OpenAPI document for the tests of it."""

from collections.abc import Iterator
from typing import Any

__all__ = ["examples", "operations", "resolved", "schemas_within"]

Json = Any


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def resolved(document: Json, part: Json) -> Json:
    """Return what a reference stands for, or the part itself."""
    while "$ref" in part:
        target = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name.replace("~1", "/").replace("~0", "~")]
        part = target
    return part


def examples(media: Json) -> list[Json]:
    named = [example["value"] for example in media.get("examples", {}).values()]
    return named + ([media["example"]] if "example" in media else [])


def schemas_within(part: Json, where: str = "") -> Iterator[tuple[str, Json]]:
    """Yield every object of the document but examples, which are data, with its place."""
    if isinstance(part, dict):
        yield where, part
        for key, value in part.items():
            if key not in {"example", "examples"}:
                yield from schemas_within(value, f"{where}/{key}")
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from schemas_within(value, f"{where}/{index}")
