"""How the line as a whole is to run."""

from datetime import datetime

from sqlalchemy import Text
from sqlmodel import Field

from axon_factory.db.tables.base import TIME, Table


class LineControl(Table, table=True):
    """The one row that says whether the line runs, drains, is paused or was stopped."""

    id: bool = Field(default=True, primary_key=True)
    mode: str = Field(default="activa", sa_type=Text)
    """"activa", "drenando", "pausada" or "detenida"."""
    reason: str = Field(default="", sa_type=Text)
    changed_by: str | None = Field(default=None, sa_type=Text)
    changed_at: datetime | None = Field(default=None, sa_type=TIME)
    version: int = 1
