"""What routes share in which people decide about an order."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import Depends
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.answers import version_etag
from axon_factory.api.writing import Answer, Write, write_as
from axon_factory.db.tables import Order
from axon_factory.domain.audit import Fact
from axon_factory.domain.permissions import Action
from axon_factory.domain.sentences import Sentence
from axon_factory.orders.plans.decisions import PlanReference
from axon_factory.orders.read import lock_order
from axon_factory.orders.requests import LongText

__all__ = ["Decide", "PlanRead", "Reason", "decided", "locked"]

Decide = Annotated[Write, Depends(write_as(Action.DECIDE_PLAN))]


class PlanRead(BaseModel):
    """The plan that the decider read: its version and hash."""

    model_config = ConfigDict(extra="forbid", strict=True)

    plan_version: Annotated[int, Field(ge=1, le=10_000)]
    plan_hash: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @property
    def reference(self) -> PlanReference:
        """The plan that the decision is about."""
        return PlanReference(self.plan_version, self.plan_hash)


class Reason(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid", strict=True)

    motivo: LongText


async def locked(
    session: AsyncSession, reference: str, write: Write, *, erased: bool = False
) -> Order:
    """Return the order that is decided about, its row locked; `erased`: also an erased one."""
    by, version = write.principal, write.if_match
    return await lock_order(session, reference, by, if_version=version, erased=erased)


def decided(
    order: Order,
    message: Sentence,
    *,
    facts: Mapping[str, Fact] = MappingProxyType({}),
    **more: Any,  # noqa: ANN401 — JSON values
) -> Answer:
    """Return the answer: what is left of the order after the decision, and what else to say.

    `facts` are for the audit trail.
    """
    body = {
        "order_id": str(order.id),
        "order_number": order.order_number,
        "estado": order.estado,
        "plan_estado": order.plan_estado,
        "intento": order.intento,
        "message": message,
        **more,
    }
    etag = {"ETag": version_etag(order.version)}
    return Answer(body, headers=etag, order_id=order.id, facts=facts)
