"""Links by which a user chooses a password: invitations, and resets by mail.

Revision ID: 0020
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE account_links (
    id text PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    kind text NOT NULL CHECK (kind IN ('invitacion', 'restablecer')),
    secret_mac bytea NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    language text NOT NULL CHECK (language IN ('es', 'en')),
    expires_at timestamptz NOT NULL,
    used_at timestamptz,
    revoked_at timestamptz,
    CHECK (expires_at > created_at),
    CHECK (used_at IS NULL OR revoked_at IS NULL)
);
CREATE UNIQUE INDEX account_links_newest_idx ON account_links (user_id, kind)
    WHERE used_at IS NULL AND revoked_at IS NULL;
CREATE INDEX account_links_expiry_idx ON account_links (expires_at);
"""

DOWN = """
DROP TABLE account_links;
"""


def upgrade() -> None:
    """Make room for the links."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Forget them: each ends, as an expired one does."""
    op.get_bind().exec_driver_sql(DOWN)
