"""Sessions, refresh tokens, throttles, key rotation.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE users
    ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    ADD COLUMN password_changed_at timestamptz NOT NULL DEFAULT now();

CREATE TABLE user_sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    created_at timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    address text NOT NULL CHECK (char_length(address) <= 64),
    user_agent text NOT NULL CHECK (char_length(user_agent) <= 200),
    refresh_id text NOT NULL,
    previous_refresh_id text,
    CHECK (expires_at > created_at)
);
CREATE INDEX user_sessions_open_idx ON user_sessions (user_id) WHERE revoked_at IS NULL;
CREATE INDEX user_sessions_expiry_idx ON user_sessions (expires_at);

CREATE TABLE refresh_tokens (
    id text PRIMARY KEY,
    session_id uuid NOT NULL REFERENCES user_sessions (id) ON DELETE CASCADE,
    secret_mac bytea NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX refresh_tokens_session_idx ON refresh_tokens (session_id);

CREATE TABLE login_throttles (
    bucket text PRIMARY KEY CHECK (char_length(bucket) <= 100),
    attempts integer NOT NULL CHECK (attempts >= 0),
    opened_at timestamptz NOT NULL
);
CREATE INDEX login_throttles_opened_idx ON login_throttles (opened_at);

ALTER TABLE api_keys ADD COLUMN family text;
UPDATE api_keys SET family = id;
ALTER TABLE api_keys ALTER COLUMN family SET NOT NULL;
CREATE INDEX api_keys_family_idx ON api_keys (family);

ALTER TABLE system_tokens ADD CONSTRAINT system_tokens_attempt_lifetime CHECK (
    order_id IS NULL OR expires_at <= created_at + interval '2 hours'
);
"""
DOWN = """
ALTER TABLE system_tokens DROP CONSTRAINT system_tokens_attempt_lifetime;
ALTER TABLE api_keys DROP COLUMN family;
DROP TABLE login_throttles;
DROP TABLE refresh_tokens;
DROP TABLE user_sessions;
ALTER TABLE users DROP COLUMN password_changed_at, DROP COLUMN version;
"""


def upgrade() -> None:
    """Apply."""
    if UP:
        op.get_bind().exec_driver_sql(UP.replace("%", "%%"))


def downgrade() -> None:
    """Take back."""
    if DOWN:
        op.get_bind().exec_driver_sql(DOWN.replace("%", "%%"))
