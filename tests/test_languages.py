"""Whatever a caller is told is said in Spanish and in English."""

import ast
import inspect
from collections.abc import Iterator

import pytest

from axon_factory.api.answers import prefers_english
from axon_factory.api.error_schemas import error_example
from axon_factory.domain.errors import (
    AuthenticationRequired,
    AxonError,
    OrderNotFound,
    ValidationFailed,
)
from axon_factory.domain.text import Sentence, in_english
from tests.support.published_errors import published_errors
from tests.support.sources import calls, modules, nodes

MESSAGE_KEYS = {"message", "mensaje"}
ANSWERING_ROOMS = {"api", "orders", "accounts", "realtime", "web"}


def takes_a_message(error: type[AxonError]) -> bool:
    parameters = [*inspect.signature(error).parameters.values()]
    return bool(parameters) and parameters[0].name == "message"


def is_bare_text(node: ast.expr | None) -> bool:
    """Say whether a value is written out in one language."""
    match node:
        case ast.Constant(value=str(text)):
            return bool(text)
        case ast.JoinedStr():
            return True
        case ast.BinOp(left=left, right=right):
            return is_bare_text(left) or is_bare_text(right)
        case ast.BoolOp(values=values):
            return any(is_bare_text(value) for value in values)
        case ast.IfExp(body=body, orelse=orelse):
            return is_bare_text(body) or is_bare_text(orelse)
        case _:
            return False


def says_in_one_language(call: ast.Call, *, in_error: bool, takers: set[str]) -> bool:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name) if name in takers:
            pass
        case ast.Attribute(attr="__init__", value=ast.Call(func=ast.Name(id="super"))) if in_error:
            pass
        case _:
            return False
    message = call.args[0] if call.args else None
    return is_bare_text(message) and not any(word.arg == "message_en" for word in call.keywords)


def calls_inside(errors: set[str]) -> set[ast.Call]:
    """Return the calls in the classes that `errors` names."""
    return {
        node
        for inside in nodes().values()
        for kind in inside
        if isinstance(kind, ast.ClassDef) and kind.name in errors
        for node in ast.walk(kind)
        if isinstance(node, ast.Call)
    }


def test_no_error_is_raised_in_one_language() -> None:
    kinds = published_errors()
    inside = calls_inside({kind.__name__ for kind in kinds})
    takers = {kind.__name__ for kind in kinds if takes_a_message(kind)}
    found = {
        f"{name}:{call.lineno}"
        for name, call in calls()
        if says_in_one_language(call, in_error=call in inside, takers=takers)
    }
    assert found == set()


def test_no_detail_is_told_in_one_language() -> None:
    found = {
        f"{name}:{call.lineno}"
        for name, call in calls()
        if isinstance(call.func, ast.Name) and call.func.id == ValidationFailed.__name__
        for details in call.args
        if isinstance(details, ast.Dict) and any(map(is_bare_text, details.values))
    }
    assert found == set()


def is_example(node: ast.AST) -> bool:
    """Say whether a statement writes an example of the document, which is in Spanish."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return any(name.lstrip("_").startswith("EXAMPLE") for name in names)


def outside_examples(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not is_example(child):
            yield from outside_examples(child)


def messages(node: ast.AST) -> Iterator[ast.expr]:
    """Yield the sentences that a dict, or the making of an answer by its model, has."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value in MESSAGE_KEYS:
                yield value
    match node:
        case ast.Call(func=ast.Attribute(attr="of"), keywords=keywords):
            yield from (word.value for word in keywords if word.arg in MESSAGE_KEYS)
        case _:
            return


def test_no_answer_carries_a_message_in_one_language() -> None:
    found = {
        f"{name}:{message.lineno}"
        for name, tree in modules().items()
        if name.partition("/")[0] in ANSWERING_ROOMS
        for node in outside_examples(tree)
        for message in messages(node)
        if is_bare_text(message)
    }
    assert found == set()


@pytest.mark.parametrize("error", published_errors(), ids=lambda error: error.codigo)
def test_every_error_has_titles_and_a_status(error: type[AxonError]) -> None:
    assert error.title
    assert error.title_en
    assert ("title" in vars(error)) == ("title_en" in vars(error))
    assert 400 <= error.status < 600
    assert not set("áéíóúñ¿¡") & set(error.title_en.lower())


@pytest.mark.parametrize("error", published_errors(), ids=lambda error: error.codigo)
def test_every_error_is_told_in_both_languages(error: type[AxonError]) -> None:
    told, told_en = error_example(error), error_example(error, language="en")
    if error in {AuthenticationRequired, OrderNotFound}:  # the design writes them in English
        assert told["message"] == told_en["message"]
        return
    sentences = [document.get("details", document["detail"]) for document in (told, told_en)]
    assert all(sentences)
    assert sentences[0] != sentences[1]


def test_the_english_of_a_document_is_picked_wherever_it_stands() -> None:
    sentence = Sentence("Hola", "Hello")
    document = {"a": sentence, "b": [sentence, 1, None], "c": {"d": sentence}, "e": "Hola"}
    assert document == {"a": "Hola", "b": ["Hola", 1, None], "c": {"d": "Hola"}, "e": "Hola"}
    assert in_english(document) == {
        "a": "Hello",
        "b": ["Hello", 1, None],
        "c": {"d": "Hello"},
        "e": "Hola",
    }


def test_a_message_that_is_a_sentence_brings_its_english() -> None:
    error = AxonError(Sentence("Hola", "Hello"))
    assert (error.message, error.message_en) == ("Hola", "Hello")


LANGUAGES = {
    "": False,
    "es": False,
    "en": True,
    "en-US,en;q=0.9,es;q=0.1": True,
    "es-MX,es;q=0.9,en;q=0.8": False,
    "fr, en;q=0.5": True,
    "en;q=0": False,
    "*": False,
}


@pytest.mark.parametrize(("header", "english"), LANGUAGES.items())
def test_english_is_what_is_asked_for_before_spanish(header: str, *, english: bool) -> None:
    assert prefers_english(header) is english
