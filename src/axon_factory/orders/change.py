"""A change of one order: its transaction, who makes it, by which rules, and when.

Every command on an order takes a `Change` and never commits. The order's row is locked by the edge
that opened the transaction.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.db.tables import Order
from axon_factory.domain.errors import TransitionRefused
from axon_factory.domain.events import EventKind, LogLevel, NewEvent, Visibility
from axon_factory.domain.failure import Failure
from axon_factory.domain.notifications import NotificationKind
from axon_factory.domain.states import Actor, OrderState
from axon_factory.domain.text import Sentence
from axon_factory.orders.events import append_event
from axon_factory.orders.notifications.outbox import post_message
from axon_factory.orders.policy import Policy
from axon_factory.orders.transitions import note_change, refuse, transition, wake

__all__ = ["Change"]


@dataclass(frozen=True, slots=True)
class Change:
    """What `actor` does to the locked `order` at `now`, in the transaction `tx`."""

    tx: AsyncSession
    order: Order
    actor: Actor
    policy: Policy
    now: datetime

    def by(self, actor: Actor) -> "Change":
        """Return the same change, made by another actor."""
        return replace(self, actor=actor)

    async def move(
        self,
        target: OrderState,
        message: str = "",
        /,
        *,
        kind: EventKind = EventKind.ESTADO_CAMBIADO,
        level: LogLevel = LogLevel.INFO,
        visibility: Visibility = Visibility.CLIENTE,
        failure: Failure | None = None,
        overridden: bool = False,
        **facts: object,
    ) -> None:
        """Move the order to `target` and enqueue what follows (`transitions.transition`).

        The event names both states and has `facts` beside them. Without a `message` it has a plain
        sentence. `failure` is required for `fallido`. `overridden`: a person answers for the
        missing evidence.

        Raises:
            TransitionRefused: the table of transitions, a guard or the evidence forbids it.
        """
        told = message or f"Estado: {self.order.estado} → {target}"
        event = NewEvent(kind, self.actor.name, told, level, facts, visibility)
        await transition(
            self.tx,
            self.order,
            target,
            actor=self.actor,
            now=self.now,
            event=event,
            failure=failure,
            overridden=overridden,
        )

    async def tell(
        self,
        kind: EventKind,
        message: str,
        /,
        *,
        level: LogLevel = LogLevel.INFO,
        visibility: Visibility = Visibility.CLIENTE,
        **facts: object,
    ) -> None:
        """Append an event for all who may read the order; `facts` are its metadata."""
        await self.append(NewEvent(kind, self.actor.name, message, level, facts, visibility))

    async def tell_staff(
        self,
        kind: EventKind,
        message: str,
        /,
        *,
        level: LogLevel = LogLevel.INFO,
        **facts: object,
    ) -> None:
        """Append an event that only the factory's people read; `facts` are its metadata."""
        await self.tell(kind, message, level=level, visibility=Visibility.INTERNO, **facts)

    async def append(self, event: NewEvent) -> None:
        """Append an event; one whose `dedupe_key` the order has already is left out."""
        await append_event(self.tx, self.order, event, actor=self.actor, now=self.now)

    async def mail_approver(
        self, *, topic: str, subject: str, body: str, kind: NotificationKind | None = None
    ) -> None:
        """Put a mail to the approver into the outbox, once per order, `topic` and attempt.

        With `kind`, the destinations that listen to it are told too (`outbox.post_message`).
        """
        await post_message(
            self.tx,
            self.order,
            topic=topic,
            kind=kind,
            recipient=self.policy.approver_email,
            subject=subject,
            body=body,
            now=self.now,
        )

    async def wake(self, *, at: datetime | None = None) -> None:
        """Note that the order was written, and enqueue its next advance (not before `at`)."""
        await wake(self.tx, self.order, self.now, at=at)

    async def touch(self) -> None:
        """Note that the order was written: its version rises. Nothing is enqueued."""
        await note_change(self.tx, self.order, self.now)

    async def refuse(self, target: OrderState, reason: Sentence | None = None) -> TransitionRefused:
        """Build the 409 that lists what the actor may do instead of a move to `target`."""
        return await refuse(self.tx, self.order, target, self.actor, reason)
