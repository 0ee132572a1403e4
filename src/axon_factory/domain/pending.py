"""Why something waits for a person of the factory."""

from enum import StrEnum


class PendingKind(StrEnum):
    """Wire names of the reasons (`clase` of `GET /api/pending`)."""

    PLAN = "plan"
    """A plan waits for approval."""
    PREGUNTA = "pregunta"
    """A question to the factory's people has no answer."""
    CLIENTE = "cliente"
    """The client has owed an answer for so long that they are reminded of it."""
    FALLO = "fallo"
    """An order has failed."""
    REVISION = "revision"
    """The council has rejected too often."""
    PRESUPUESTO = "presupuesto"
    """Models have used what they might."""
    SILENCIO = "silencio"
    """The agent that builds gives no sign of life."""
    MAQUINA = "maquina"
    """The machine cannot work; one entry a trouble."""
    LINEA = "linea"
    """The line does not run."""
    PRODUCTO = "producto"
    """A delivered product does not run."""
    PROBLEMA = "problema"
    """The client has reported a problem with the product that nobody has closed."""
    AVISO = "aviso"
    """A mail or a notification was given up in the last seven days."""
