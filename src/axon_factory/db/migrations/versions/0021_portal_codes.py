"""What a client does on the portal: codes for credentials, problems reported, ratings.

Revision ID: 0021
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE portal_codes (
    order_id uuid NOT NULL REFERENCES orders (id),
    number integer NOT NULL CHECK (number > 0),
    mac bytea NOT NULL CHECK (octet_length(mac) = 32),
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > issued_at),
    tries integer NOT NULL DEFAULT 0 CHECK (tries >= 0),
    used_at timestamptz,
    PRIMARY KEY (order_id, number)
);

CREATE TABLE order_problems (
    order_id uuid NOT NULL REFERENCES orders (id),
    number integer NOT NULL CHECK (number > 0),
    description text NOT NULL CHECK (description <> ''),
    reported_by text NOT NULL,
    reported_by_name text NOT NULL,
    reported_at timestamptz NOT NULL,
    closed_at timestamptz,
    closed_by text,
    closed_by_name text,
    PRIMARY KEY (order_id, number),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL)),
    CHECK ((closed_at IS NULL) = (closed_by_name IS NULL))
);
CREATE INDEX order_problems_open_idx ON order_problems (reported_at) WHERE closed_at IS NULL;

CREATE TABLE order_ratings (
    order_id uuid NOT NULL PRIMARY KEY REFERENCES orders (id),
    score smallint NOT NULL CHECK (score BETWEEN 1 AND 5),
    comment text NOT NULL,
    rated_by text NOT NULL,
    rated_at timestamptz NOT NULL
);
"""

DOWN = """
DROP TABLE order_ratings, order_problems, portal_codes;
"""


def upgrade() -> None:
    """Make room for what clients do on their page."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Forget codes, problems and ratings."""
    op.get_bind().exec_driver_sql(DOWN)
