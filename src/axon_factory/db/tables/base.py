"""What every table declares the same way."""

import re

from sqlalchemy import DateTime
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import declared_attr
from sqlmodel import SQLModel

TIME = DateTime(timezone=True)
JSON = JSONB(none_as_null=True)


class Table(SQLModel):
    """Names the table after the class: OrderEvent is kept in order_events."""

    model_config = {"defer_build": True}  # nothing is validated by it

    @declared_attr.directive
    @classmethod
    def __tablename__(cls) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] — SQLModel declares it for its own default only
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower() + "s"
