"""Rate limits: the current window of each caller.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Unlogged: counting costs no WAL, and after a crash of the server every window opens anew.
UP = """
CREATE UNLOGGED TABLE rate_limits (
    bucket text PRIMARY KEY,
    used integer NOT NULL CHECK (used >= 0),
    granted integer NOT NULL CHECK (granted >= 0),
    window_ends timestamptz NOT NULL
);
"""


def upgrade() -> None:
    """Create the table."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Drop the table."""
    op.get_bind().exec_driver_sql("DROP TABLE rate_limits")
