"""Idempotency keys: the answers of writes, kept for a day (resolutions 17).

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE idempotency_keys (
    principal text NOT NULL,
    key text NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
    fingerprint bytea NOT NULL,
    status smallint NOT NULL,
    headers jsonb NOT NULL,
    ciphertext bytea NOT NULL,
    wrapped_key bytea NOT NULL,
    key_id text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (principal, key)
);
CREATE INDEX idempotency_keys_expiry_idx ON idempotency_keys (expires_at);
"""


def upgrade() -> None:
    """Create the table."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Drop the table."""
    op.get_bind().exec_driver_sql("DROP TABLE idempotency_keys")
