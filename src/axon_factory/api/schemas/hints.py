"""Answers to hints."""

from typing import ClassVar

from axon_factory.api.schemas.base import AnswerModel
from axon_factory.api.schemas.examples import EXAMPLE_ID
from axon_factory.api.schemas.orders import Message, OrderId

__all__ = ["HintTaken"]


class HintTaken(AnswerModel):
    """El aviso recibido: qué hace la fábrica con él."""

    EXAMPLE: ClassVar = {
        "order_id": EXAMPLE_ID,
        "message": "La fábrica mira ahora la sesión de la orden",
    }

    order_id: OrderId
    message: Message
