"""What the owner of a factory decides about orders."""

from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field
from pydantic_settings import BaseSettings, NoDecode

from axon_factory.settings.values import COMMA_SEPARATED, TimeZone, TypeNames


class BusinessSettings(BaseSettings):
    """Names, money, and who decides."""

    timezone: TimeZone = Field(
        "America/Mexico_City",
        description="Business time zone: the year of an order number is counted in it.",
    )
    currency: str = Field(
        "USD", pattern=r"^[A-Z]{3}$", description="Currency that is written on new orders."
    )
    tenant: str = Field(
        "default",
        min_length=1,
        max_length=100,
        description="Name that is written on new orders; nothing is separated by it.",
    )
    approver_email: str = Field(
        "aprobacion@axon88.com",
        description="Who is told of plans that wait, failures and decisions.",
    )
    support_email: str = Field(
        "support@axon88.com", description="Address that clients see in mails and on the portal."
    )
    mail_sender: str = Field("fabrica@axon88.com", description="Sender of all mail.")
    auto_approve: Annotated[TypeNames, NoDecode, COMMA_SEPARATED] = Field(
        frozenset(),
        description="Product types, separated by commas, whose plans approve themselves.",
    )
    max_reworks: int = Field(
        3,
        ge=0,
        le=10,
        description="How often the council may send a product back before a person decides.",
    )

    @property
    def zone(self) -> ZoneInfo:
        """The business time zone: an order's year is counted in it."""
        return ZoneInfo(self.timezone)
