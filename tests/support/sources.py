"""The factory's own source, parsed once for all rules that read it."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

__all__ = ["SOURCE", "calls", "modules", "nodes"]

SOURCE = Path(__file__).parents[2] / "src" / "axon_factory"


@cache
def modules() -> Mapping[str, ast.Module]:
    """Return the parsed modules by their path from `SOURCE`; templates of products are left out."""
    return MappingProxyType(
        {
            path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
            for path in sorted(SOURCE.rglob("*.py"))
            if "product_templates" not in path.parts
        }
    )


@cache
def nodes() -> Mapping[str, Sequence[ast.AST]]:
    """Return every node by module: walking a tree takes longer than parsing it."""
    return MappingProxyType({name: tuple(ast.walk(tree)) for name, tree in modules().items()})


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Yield the module and the node of every call."""
    for name, inside in nodes().items():
        yield from ((name, node) for node in inside if isinstance(node, ast.Call))
