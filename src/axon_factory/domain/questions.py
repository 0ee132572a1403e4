"""Questions about an order: who has to answer, and how much may be asked."""

from enum import StrEnum

__all__ = ["LONGEST_QUESTION", "MOST_OPTIONS", "Audience"]

LONGEST_QUESTION = 4000
"""Characters."""
MOST_OPTIONS = 20


class Audience(StrEnum):
    """Who has to answer."""

    CLIENTE = "cliente"
    OPERADOR = "operador"
    PLANIFICADOR = "planificador"
