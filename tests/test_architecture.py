"""Rules of the house that no linter knows."""

import ast
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from axon_factory.line.step import LinePorts
from axon_factory.orders.patch_many import PATCHED
from tests.support.sources import calls, nodes
from tests.support.workshop import make_container

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 400
FAILPOINT_CALLERS = {
    "ports/crossing.py",
    "db/sessions.py",
    "api/middleware/outgoing.py",
    "api/hot/answer.py",
}


def called_name(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def test_no_file_is_longer_than_it_may_be() -> None:
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in files
    }
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_only_the_database_room_ends_transactions() -> None:
    """`Database.transaction` commits, so a service cannot; `repository.commit` is git's."""
    enders = {
        (name, ast.unparse(call.func))
        for name, call in calls()
        if called_name(call) in {"commit", "rollback", "begin", "begin_nested"}
        and isinstance(call.func, ast.Attribute)
    }
    assert {
        (name, call)
        for name, call in enders
        if not name.startswith("db/") and call != "repository.commit"
    } == set()


def assignments_of_state(inside: Sequence[ast.AST]) -> Iterator[ast.Assign]:
    """Yield every `x.estado = …` but those of a plan's own status."""
    for node in inside:
        if isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Attribute) and target.attr == "estado" for target in node.targets
        ):
            kinds = ("PlanStatus.", "PlanVersionStatus.")
            is_plans = ast.unparse(node.value).startswith(kinds)
            if not is_plans:
                yield node


def test_one_function_writes_the_state_of_orders() -> None:
    found = {
        name: [ast.unparse(node) for node in assignments_of_state(inside)]
        for name, inside in nodes().items()
    }
    assert {name: nodes for name, nodes in found.items() if nodes} == {
        "orders/transitions.py": ["order.estado = target"]
    }


def test_orders_are_made_in_one_place() -> None:
    makers = {name for name, call in calls() if called_name(call) == "Order"}
    assert makers == {"orders/create.py"}


def test_no_statement_writes_the_state_of_orders() -> None:
    # One statement updates orders: that of many reports, which names its columns.
    assert "estado" not in PATCHED["patched"]
    for name, inside in nodes().items():
        if name == "orders/patch_many.py":
            continue
        for node in inside:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                statement = " ".join(node.value.lower().split())
                assert "update orders" not in statement, name


def test_failpoints_stand_in_wrappers_only() -> None:
    callers = {name for name, call in calls() if called_name(call) == "failpoint"}
    assert callers == FAILPOINT_CALLERS


@pytest.mark.parametrize("port", [field.name for field in fields(LinePorts)])
async def test_every_port_call_crosses_failpoints(port: str, tmp_path: Path) -> None:
    container = make_container("postgresql://nobody@127.0.0.1:1/none", tmp_path)
    adapter = getattr(container.line_ports(), port)
    protocol = get_type_hints(LinePorts)[port]
    names: list[str] = dir(protocol)
    methods = [name for name in names if inspect.iscoroutinefunction(getattr(protocol, name))]
    # These compute or look, and never wait.
    assert bool(methods) == (port not in {"secret_box", "machine"})
    for method in methods:
        assert getattr(adapter, method).__code__.co_filename.endswith("ports/crossing.py")
    container.passwords.close()
    await container.close()
