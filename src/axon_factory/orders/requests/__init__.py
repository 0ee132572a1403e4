"""Strict request schemas of the order commands (design §3.1, §3.5); bad ones are refused whole."""

from axon_factory.orders.requests.feedback import OrderRatingRequest, ProblemReport
from axon_factory.orders.requests.messages import field_messages, validated
from axon_factory.orders.requests.models import (
    CheckReport,
    ClientData,
    LogEntry,
    NewOrder,
    OrderPatch,
)
from axon_factory.orders.requests.questions import QuestionAnswer, QuestionRequest
from axon_factory.orders.requests.values import LongText

__all__ = [
    "CheckReport",
    "ClientData",
    "LogEntry",
    "LongText",
    "NewOrder",
    "OrderPatch",
    "OrderRatingRequest",
    "ProblemReport",
    "QuestionAnswer",
    "QuestionRequest",
    "field_messages",
    "validated",
]
