"""Versions of product types.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UP = ""
DOWN = ""


def upgrade() -> None:
    """Apply."""
    if UP:
        op.get_bind().exec_driver_sql(UP.replace("%", "%%"))


def downgrade() -> None:
    """Take back."""
    if DOWN:
        op.get_bind().exec_driver_sql(DOWN.replace("%", "%%"))
