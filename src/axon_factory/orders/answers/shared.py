"""What answers about orders share: the design's examples, groups of readers, kinds of fields."""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Any, cast
from uuid import UUID

from pydantic import Field

from axon_factory.domain.answers import ForReader, Readers
from axon_factory.domain.fields import public_name
from axon_factory.domain.permissions import STAFF_GRANTS, Grant, Principal

__all__ = [
    "EXAMPLE_ID",
    "EXAMPLE_NUMBER",
    "ORDER_READERS",
    "OUTSIDE",
    "STAFF",
    "STAFF_AND_AGENT",
    "AgentName",
    "Attempt",
    "NotListed",
    "OrderId",
    "Progress",
    "actor_name",
    "design_example",
    "extended",
]

EXAMPLE_ID = "550e8400-e29b-41d4-a716-446655440000"
EXAMPLE_NUMBER = "ORD-2025-001"

_AGENT = frozenset({Grant.SYSTEM_ASSIGNED})
_CLIENT = frozenset({Grant.CLIENT_OWN})
ORDER_READERS = STAFF_GRANTS | _CLIENT | _AGENT
STAFF = Readers(STAFF_GRANTS)
OUTSIDE = Readers(STAFF_GRANTS | _CLIENT)
"""Staff and the order's client; not the agent of its attempt."""
STAFF_AND_AGENT = Readers(STAFF_GRANTS | _AGENT)


class NotListed:
    """Marks a field that an entry of a list cannot show."""


OrderId = Annotated[UUID, Field(description="UUID de la orden.")]
Progress = Annotated[int, Field(ge=0, le=100, description="Avance de la construcción, en %.")]
Attempt = Annotated[
    int, Field(ge=1, description="Intento en curso: crece con cada rechazo y cada reintento.")
]
AgentName = Annotated[
    str | None, Field(description="Agente responsable en este momento."), ForReader(public_name)
]

_PEOPLES_ACTORS = ("user:", "key:", "local:")
_FOLDER = files("axon_factory.orders.answers") / "examples"


def actor_name(name: str, actor: str, principal: Principal) -> str:
    """Return the name of an actor as the caller may read it; clients see people as a team.

    Args:
        name: the recorded name.
        actor: the recorded id, which tells people from agents.
        principal: the caller, whose own name is never hidden from them.
    """
    if not actor.startswith(_PEOPLES_ACTORS) or actor == principal.id:
        return name
    return public_name(name, principal.grant) or name


def design_example(name: str) -> dict[str, Any]:
    """Return an example of the design, e.g. "3.1-create.201", as the design writes it."""
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def extended(example: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return `example` with the keys of `more` added; where both have an object or a list, inside.

    Nothing of the example is changed.
    """
    document = dict(example)
    for key, value in more.items():
        document[key] = _joined(document[key], value) if key in document else value
    return document


def _joined(one: Any, other: Any) -> Any:  # noqa: ANN401 — any JSON values
    if isinstance(one, dict) and isinstance(other, dict):
        return extended(cast("dict[str, Any]", one), cast("dict[str, Any]", other))
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(cast("list[Any]", one), cast("list[Any]", other), strict=True)
        return [_joined(first, second) for first, second in pairs]
    raise ValueError(f"the design already says {one!r}")
