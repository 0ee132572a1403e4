"""Names that people read, and in whose name a principal may speak of an order.

A control character drives a terminal or splits a mail's subject. A bidirectional override shows a
name in another order than it is stored in (Unicode Technical Report 36; "Trojan Source").

The name of an agent is text that its sender chooses, so it proves nothing by itself. Staff read
the authenticated actor beside it. Clients read the name alone. A few names are therefore reserved,
and a token speaks only in the names that its own row or the order's plan gives it.
"""

import re
import unicodedata
from collections.abc import Iterable
from types import MappingProxyType

from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.plan import Milestone
from axon_factory.domain.states import AGENT_KINDS, Actor, ActorKind
from axon_factory.domain.text import Sentence

# Controls, line separators, and the embeddings, overrides and isolates of the bidirectional
# algorithm. Marks of direction and joiners stay: Arabic and emoji are written with them.
_NOT_SHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_FAULT = Sentence(
    "No puede tener caracteres de control ni de dirección del texto",
    "Must not have control characters or overrides of the text's direction",
)
_EMPTY = Sentence("No puede estar vacío", "Must not be empty")


def name_fault(text: str) -> Sentence | None:
    """Return what keeps `text` from being shown as a name, or None."""
    if _NOT_SHOWN.search(text):
        return _FAULT
    if not any(character.isprintable() and not character.isspace() for character in text):
        return _EMPTY
    return None


def checked_name(text: str, *, field: str, longest: int) -> str:
    """Return `text` without the spaces around it, as the name of an account, key or destination.

    Raises:
        ValidationFailed: it is empty, longer than `longest` characters, or not printable.
    """
    name = text.strip()
    if not 1 <= len(name) <= longest:
        sentence = Sentence(
            f"Debe tener de 1 a {longest} caracteres visibles",
            f"Must have 1 to {longest} visible characters",
        )
        raise ValidationFailed({field: sentence})
    if not name.isprintable():
        raise ValidationFailed({field: name_fault(name) or _FAULT})
    return name


LINE = ActorKind.WORKER


def line_actor(name: str) -> Actor:
    """Return the line itself as an actor that speaks as one of the design's agents."""
    return Actor(LINE, "worker", name)


SUPER_AXON = line_actor("Super Axon Agent")
PLANNER = line_actor("Planner Agent")
BUILDER = line_actor("Builder Agent")
COUNCIL = line_actor("Review Council")
OPS = line_actor("Ops Agent")

FACTORY_NAME = "Axon Factory"
CLIENT_NAME = "Cliente"
"""What the history calls a person who answers for the client."""
APPROVER_NAME = "Aprobador"
"""Whom an order shows as responsible while it waits for a decision; clients see no address."""

RESERVED = MappingProxyType(
    {
        COUNCIL.name: ActorKind.COUNCIL,
        SUPER_AXON.name: LINE,
        PLANNER.name: LINE,
        FACTORY_NAME: LINE,
        CLIENT_NAME: LINE,
        OPS.name: ActorKind.OPS,
        "Equipo Axon": ActorKind.ADMIN,
        APPROVER_NAME: ActorKind.ADMIN,
    }
)
"""Name to the kind of actor that alone may use it, beside the line, which may use all."""

_STAFF = frozenset({ActorKind.ADMIN, ActorKind.OPERATOR})


def _plain(name: str) -> str:
    """Return the name as people read it: spelling, case and spaces do not make another one."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


_BY_PLAIN_NAME = {_plain(name): kind for name, kind in RESERVED.items()}


def reserved_for(name: str) -> ActorKind | None:
    """Return the kind of actor that `name` is reserved for, None for a name that is free."""
    return _BY_PLAIN_NAME.get(_plain(name))


def reserved_name(name: str) -> Sentence:
    """Return the sentence that refuses a reserved name."""
    return Sentence(
        f"El nombre «{name}» está reservado: usa el tuyo",
        f"The name “{name}” is reserved: use your own",
    )


def names_of_plan(agents: Iterable[str], milestones: Iterable[Milestone]) -> frozenset[str]:
    """Return the names that a plan gives: those of its `agents`, and of its milestones.

    A plan names its agents without the word "Agent" (design §2.1), its milestones with it.
    """
    names = set(agents)
    full = {f"{name} Agent" for name in names if not name.endswith(" Agent")}
    return frozenset(names | full | {milestone.agente for milestone in milestones})


def may_speak_as(actor: Actor, name: str, given: Iterable[str]) -> bool:
    """Return whether `actor` may use `name`; `given` are the names that the plan gives.

    People of the factory may report in any name that is not reserved for others.
    """
    owner = reserved_for(name)
    if actor.kind is LINE:
        return True
    if owner is not None:
        return owner is actor.kind or (owner is ActorKind.ADMIN and actor.kind in _STAFF)
    if actor.kind not in AGENT_KINDS:
        return True
    return _plain(name) in {_plain(one) for one in (actor.name, *given)}
