"""Answers to hints."""

from typing import ClassVar

from axon_factory.domain.answers import AnswerModel, Message
from axon_factory.orders.answers.shared import EXAMPLE_ID, OrderId

__all__ = ["HintTaken"]


class HintTaken(AnswerModel):
    """El aviso recibido: qué hace la fábrica con él."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "message": "La fábrica mira ahora la sesión de la orden",
    }

    order_id: OrderId
    message: Message
