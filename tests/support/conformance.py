"""Every answer that a test gets is held against the OpenAPI document.

`Conformance` is a hook of the workshop's HTTP client: status, media type, headers and body must be
documented, and a body may have no key that is not, although the document itself lets clients expect
more keys in the future. Every time in it is written in the one way.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import httpx2
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from axon_factory.api.client_generators import OTHER_ANSWERS, OTHER_MEDIA

__all__ = ["Conformance", "closed", "other_times"]

Json = Any

_DOCUMENT = "urn:openapi"
_OF_HTTP = frozenset(
    {
        "allow",
        "cache-control",
        "connection",
        "content-disposition",
        "content-length",
        "content-security-policy",
        "content-type",
        "cross-origin-opener-policy",
        "cross-origin-resource-policy",
        "date",
        "permissions-policy",
        "referrer-policy",
        "server",
        "strict-transport-security",
        "transfer-encoding",
        "content-encoding",
        "vary",
        "x-content-type-options",
    }
)
"""Headers that mean nothing to a caller of the API."""
_NOT_OF_THE_OPERATION = {404, 405}
"""How a path or a method that is none is answered."""


_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_ONE_WAY = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_OF_OTHERS = frozenset({"datos_cliente", "metadata"})
"""Members that clients and agents wrote."""


def other_times(document: Json, where: str = "$") -> Iterator[tuple[str, str]]:
    """Yield the place and text of each time that is not written as `2025-11-14T10:00:00Z`."""
    match document:
        case dict():
            for name, value in document.items():
                if name not in _OF_OTHERS:
                    yield from other_times(value, f"{where}.{name}")
        case list():
            for item in document:
                yield from other_times(item, f"{where}[]")
        case str() if _TIME.match(document) and not _ONE_WAY.fullmatch(document):
            yield where, document
        case _:
            return


class Conformance:
    """Checks answers against the document that `document` returns when it is first needed.

    It takes a second to make and is the same for every factory of these tests, so it is made once.
    """

    _contract: ClassVar["_Contract | None"] = None

    def __init__(self, document: Callable[[], Json]) -> None:
        self._document = document

    async def check(self, answer: httpx2.Response) -> None:
        """Fail if the document does not know such an answer of the operation."""
        if answer.request.method in {"HEAD", "OPTIONS"}:
            return
        if Conformance._contract is None:
            Conformance._contract = _Contract(self._document())
        contract = Conformance._contract
        operation = contract.find(answer.request.method, answer.request.url.path)
        if operation is None:
            return
        if "json" in answer.headers.get("content-type", ""):
            await answer.aread()
        problems = list(contract.problems(operation, answer))
        assert not problems, f"{answer.request.method} {answer.request.url}: {'; '.join(problems)}"


def closed(document: Json) -> Json:
    """Return the document with objects that have no further keys than it names."""
    schemas = {
        name: {"additionalProperties": False, **schema} if "properties" in schema else schema
        for name, schema in document["components"]["schemas"].items()
    }
    return {**document, "components": {**document["components"], "schemas": schemas}}


@dataclass(frozen=True)
class _Operation:
    pattern: re.Pattern[str]
    method: str
    pointer: str
    answers: Mapping[str, Mapping[str, Json]]
    """By status, and before it by the member of the document's operation that has them."""


class _Contract:
    def __init__(self, document: Json) -> None:
        self._document = closed(document)
        resource = Resource(contents=self._document, specification=DRAFT202012)
        self._registry: Registry[Json] = Registry().with_resource(_DOCUMENT, resource)
        self._operations = sorted(_operations(self._document), key=lambda it: it.pointer.count("{"))
        self._validators: dict[str, Draft202012Validator] = {}

    def find(self, method: str, path: str) -> _Operation | None:
        return next(
            (
                operation
                for operation in self._operations
                if operation.method == method and operation.pattern.fullmatch(path)
            ),
            None,
        )

    def problems(self, operation: _Operation, answer: httpx2.Response) -> Iterator[str]:
        status = str(answer.status_code)
        documented = [
            (f"{operation.pointer}/{member}/{status}", answers[status])
            for member, answers in operation.answers.items()
            if status in answers
        ]
        if not documented:
            if answer.status_code not in _NOT_OF_THE_OPERATION:
                yield f"status {status} is not documented: {answer.text[:500]}"
            return
        # A parameter may bring another answer of the same status.
        yield from min((list(self._problems_of(*one, answer)) for one in documented), key=len)

    def _problems_of(
        self, pointer: str, documented: Json, answer: httpx2.Response
    ) -> Iterator[str]:
        status = answer.status_code
        if "$ref" in documented:
            pointer = documented["$ref"]
            documented = self._document["components"]["responses"][pointer.rpartition("/")[2]]
        names = {name.lower() for name in documented.get("headers", {})}
        undocumented = set(answer.headers) - names - _OF_HTTP
        if undocumented:
            yield f"headers of {status} are not documented: {sorted(undocumented)}"
        yield from self._problems_of_body(pointer, documented, answer)

    def _problems_of_body(
        self, pointer: str, documented: Json, answer: httpx2.Response
    ) -> Iterator[str]:
        media = answer.headers.get("content-type", "").partition(";")[0]
        content = documented.get("content", {})
        if media in documented.get(OTHER_MEDIA, {}):
            pointer, content = f"{pointer}/{OTHER_MEDIA}", documented[OTHER_MEDIA]
        else:
            pointer = f"{pointer}/content"
        if media not in content and (media or content):
            yield f"media type {media!r} of {answer.status_code} is not documented"
        elif "json" in media:
            schema = f"{pointer}/{_escaped(media)}/schema"
            for error in self._validator(schema).iter_errors(answer.json()):
                yield f"{error.json_path} of {answer.status_code}: {error.message[:600]}"
            yield from (f"{where} is no time: {text}" for where, text in other_times(answer.json()))

    def _validator(self, pointer: str) -> Draft202012Validator:
        if pointer not in self._validators:
            schema = {"$ref": _DOCUMENT + pointer}
            self._validators[pointer] = Draft202012Validator(schema, registry=self._registry)
        return self._validators[pointer]


def _operations(document: Json) -> Iterator[_Operation]:
    for path, item in document["paths"].items():
        pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
        for method, operation in item.items():
            pointer = f"#/paths/{_escaped(path)}/{method}"
            members = ("responses", OTHER_ANSWERS)
            answers = {member: operation.get(member, {}) for member in members}
            yield _Operation(pattern, method.upper(), pointer, answers)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")
