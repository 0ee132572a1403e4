"""Who approves plans, when they are reminded, and which plans approve themselves."""

from decimal import Decimal

from pydantic import Field
from pydantic_settings import BaseSettings


class ApprovalSettings(BaseSettings):
    """Approval of plans, and questions that wait for an answer."""

    auto_approve_max_price: Decimal | None = Field(
        None,
        ge=0,
        description="Price above which a plan never approves itself; unset: no limit.",
    )
    auto_approve_flagged: bool = Field(
        default=False, description="Whether plans with warnings may approve themselves too."
    )
    approval_own_orders: bool = Field(
        default=True, description="Whether whoever placed an order may approve its plan."
    )
    approval_reminder_hours: float = Field(
        4.0, gt=0, le=720, description="After how long, and how often, the approver is reminded."
    )
    approval_escalation_hours: float = Field(
        24.0, gt=0, le=2160, description="After how long a plan that waits is escalated."
    )
    escalation_email: str | None = Field(
        None, description="Who is told then; unset: the approver once more."
    )
    question_reminder_hours: float = Field(
        24.0,
        gt=0,
        le=720,
        description="After how long, and how often, whoever owes an answer is reminded.",
    )
