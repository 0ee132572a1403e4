"""Whom an order waits for: `espera`, apart from its state."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from axon_factory.domain.sentences import Sentence

__all__ = ["FOR_AN_ANSWER", "OBSTACLES", "Needs", "WaitsFor"]


class WaitsFor(StrEnum):
    """Each value of `espera`. While it is set, neither the line nor an agent moves the order.

    Only `MAQUINA` stops nobody: it says why the line has not come further.
    """

    PERSONA = "persona"
    """The council rejected too often: a person decides."""
    CLIENTE = "cliente"
    """The client owes an answer."""
    OPERADOR = "operador"
    """Somebody of the factory owes an answer."""
    PRESUPUESTO = "presupuesto"
    """Models have used what they might: a person decides about more."""
    MAQUINA = "maquina"
    """The machine cannot do the next step: the line tries again by itself, and agents go on."""


class Needs(StrEnum):
    """Who owes an order its next act, as `necesita` of lists asks."""

    PERSONA = "persona"
    """Somebody of the factory: to decide (plan, budget, rework, failure) or to answer."""
    CLIENTE = "cliente"
    """The client: to answer a question."""
    NADIE = "nadie"
    """The line goes on by itself, or the order has ended."""


FOR_AN_ANSWER = frozenset({WaitsFor.CLIENTE, WaitsFor.OPERADOR})
"""Those that the answer to a question ends; the others end by a decision."""

_DECISION = Sentence(
    "La orden espera la decisión de una persona", "The order waits for a person's decision"
)
OBSTACLES: Mapping[WaitsFor, Sentence] = MappingProxyType(
    {
        WaitsFor.PERSONA: _DECISION,
        WaitsFor.PRESUPUESTO: _DECISION,
        WaitsFor.CLIENTE: Sentence(
            "La orden espera una respuesta del cliente", "The order waits for the client's answer"
        ),
        WaitsFor.OPERADOR: Sentence(
            "La orden espera una respuesta del equipo", "The order waits for the team's answer"
        ),
    }
)
"""What keeps the line and agents from moving an order that waits; a machine keeps nobody."""
