"""How silent a session is: shown and told, and never a failure by itself (resolutions 25)."""

from datetime import datetime, timedelta
from enum import StrEnum

__all__ = ["Silence", "silence_of"]


class Silence(StrEnum):
    """For how long a session has given no sign of life."""

    SIN_RESPUESTA = "sin_respuesta"
    ESTANCADO = "estancado"


def silence_of(
    heartbeat_at: datetime, now: datetime, *, silent: timedelta, stuck: timedelta
) -> Silence | None:
    """Return how silent a session is whose newest sign of life was at `heartbeat_at`."""
    quiet = now - heartbeat_at
    if quiet >= max(stuck, silent):
        return Silence.ESTANCADO
    return Silence.SIN_RESPUESTA if quiet >= silent else None
