"""How the line as a whole runs: one mode for every worker."""

from enum import StrEnum

__all__ = ["LineMode"]


class LineMode(StrEnum):
    """What the line may do now. Whatever the mode, what is not wanted any more is cleaned up.

    `drenando` finishes the orders whose construction was begun and begins no other; `pausada`
    begins no step; `detenida` also interrupts what runs, and outside agents are told to stop.
    """

    ACTIVA = "activa"
    DRENANDO = "drenando"
    PAUSADA = "pausada"
    DETENIDA = "detenida"
