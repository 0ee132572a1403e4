"""Answers to the agent of an attempt."""

from typing import ClassVar

from pydantic import Field

from axon_factory.domain.answers import AnswerModel, Timestamp
from axon_factory.domain.states import OrderState
from axon_factory.orders.answers.shared import EXAMPLE_ID, Attempt, OrderId

__all__ = ["AttemptToken", "Heartbeat"]


class Heartbeat(AnswerModel):
    """La señal de vida que quedó registrada."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "intento": 1,
        "estado": "construccion",
        "latido_at": "2025-11-14T11:00:00Z",
    }

    order_id: OrderId
    intento: Attempt
    estado: OrderState
    latido_at: Timestamp


class AttemptToken(AnswerModel):
    """Otro token para el mismo intento."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "intento": 1,
        "system_token": "axs_live_t4n8c2v6b9z1_…",
        "expires_at": "2025-11-14T13:00:00Z",
    }

    order_id: OrderId
    intento: Attempt
    system_token: str = Field(description="El token entero; solo en esta respuesta.")
    expires_at: Timestamp
