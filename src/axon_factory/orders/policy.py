"""What the owner of a factory has decided: plain values that the composition root passes in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from axon_factory.domain.building import BuilderName, BuildLimits
from axon_factory.domain.messages import ClientMail

__all__ = ["AgentRules", "ApprovalRules", "BudgetRules", "Policy"]


@dataclass(frozen=True, slots=True)
class BudgetRules:
    """What language models may use, for one order and in a day; None: no amount is set."""

    order_tokens: int = 200_000
    day_tokens: int = 5_000_000
    order_usd: Decimal | None = None
    day_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """Who approves, when a person is reminded, and which plans approve themselves.

    `auto_types` names the product types whose plans approve themselves, up to `auto_max_price`,
    and with warnings only if `auto_flagged`. `own_orders`: whether the principal that placed
    an order may approve its plan.
    """

    auto_types: frozenset[str] = field(default_factory=frozenset[str])
    auto_max_price: Decimal | None = None
    auto_flagged: bool = False
    own_orders: bool = True
    reminder: timedelta = timedelta(hours=4)
    escalation: timedelta = timedelta(hours=24)
    escalation_email: str | None = None
    question_reminder: timedelta = timedelta(hours=24)

    def may_approve(self, actor: str, *, placed_by: str) -> bool:
        """Return whether `actor` may approve the plan of an order that `placed_by` placed."""
        return self.own_orders or actor != placed_by

    def approves_itself(self, product_type: str, price: Decimal, *, flagged: bool) -> bool:
        """Return whether the plan of such an order needs no person.

        A plan that a person wrote is always theirs to approve. The worker's sweep asks the database
        the same (`orders.line_mode`).
        """
        return (
            product_type in self.auto_types
            and (self.auto_max_price is None or price <= self.auto_max_price)
            and (self.auto_flagged or not flagged)
        )


@dataclass(frozen=True, slots=True)
class AgentRules:
    """Who builds, and how a session is watched. `offered` are the builders that are configured.

    An agent that does not confirm within `stop_deadline` that it has stopped is forced. After
    `silent` without a sign of life a session is shown as `sin_respuesta`, after `stuck` as
    `estancado`. A session that vanished is begun anew at most `max_lost_sessions` times.
    """

    builder: str = BuilderName.TEMPLATES
    builder_by_type: Mapping[str, str] = field(default_factory=dict[str, str])
    offered: frozenset[str] = frozenset({BuilderName.TEMPLATES})
    stop_deadline: timedelta = timedelta(seconds=60)
    stop_poll: timedelta = timedelta(seconds=5)
    silent: timedelta = timedelta(minutes=5)
    stuck: timedelta = timedelta(minutes=30)
    max_lost_sessions: int = 3

    def builder_of(self, product_type: str) -> str:
        """Return the builder of a product type."""
        return self.builder_by_type.get(product_type, self.builder)


@dataclass(frozen=True, slots=True)
class Policy:
    """Business settings (resolutions 27).

    `zone` decides an order's year and a budget's day; `max_reworks` is how often the council may
    send a product back before a person decides; a step may fail `max_step_failures` times and be
    begun `max_step_attempts` times (crashes included), with `retry_delay` doubling between tries.
    Trouble of the machine counts for neither: such a step is tried for ever, with pauses that
    double up to `machine_longest_pause`, and a person is told at the try `machine_tries`.
    """

    zone: ZoneInfo
    currency: str
    tenant: str
    public_url: str
    approver_email: str
    support_email: str
    portal_url: Callable[[UUID, int], str]
    """An order's portal link of a number; the page needs no login and shows no secret."""
    max_reworks: int = 3
    max_step_failures: int = 3
    max_step_attempts: int = 8
    retry_delay: timedelta = timedelta(seconds=2)
    machine_tries: int = 5
    machine_longest_pause: timedelta = timedelta(seconds=60)
    budgets: BudgetRules = BudgetRules()
    approval: ApprovalRules = ApprovalRules()
    agents: AgentRules = AgentRules()
    portal_link_age: timedelta | None = None
    """How long a portal link serves; None: until it is revoked."""
    client_mails: frozenset[ClientMail] = frozenset(ClientMail)
    """The kinds of mail that clients get."""
    promise_told_after: timedelta = timedelta(minutes=15)
    """By how much a promise must have moved until its client is told."""
    limits: BuildLimits = field(default_factory=BuildLimits)
