"""Receipts name their commit and their author, deployments leave receipts, tokens have a role.

Revision ID: 0010
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE system_tokens ADD COLUMN role text NOT NULL DEFAULT 'builder'
    CHECK (role IN ('builder', 'council', 'ops'));
-- The token of an attempt is its builder's.
ALTER TABLE system_tokens ADD CONSTRAINT system_tokens_attempt_role
    CHECK (order_id IS NULL OR role = 'builder');

ALTER TABLE order_checks ADD COLUMN commit_id text;
ALTER TABLE order_checks ADD COLUMN actor text NOT NULL DEFAULT 'worker';
-- Until now the council looked at the newest commit of the attempt, and the line alone wrote.
UPDATE order_checks SET commit_id = (
    SELECT commit_id FROM order_milestones AS milestone
    WHERE milestone.order_id = order_checks.order_id AND milestone.intento = order_checks.intento
    ORDER BY completed_at DESC LIMIT 1
);

CREATE TABLE order_deployments (
    order_id uuid NOT NULL REFERENCES orders (id),
    intento integer NOT NULL CHECK (intento > 0),
    commit_id text NOT NULL,
    url text NOT NULL,
    requests jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    withdrawn_at timestamptz,
    PRIMARY KEY (order_id, intento, commit_id)
);
-- What runs now has answered its health check, which was the one condition until now.
INSERT INTO order_deployments (order_id, intento, commit_id, url, requests, created_at)
SELECT orders.id, orders.intento, milestone.commit_id, orders.deploy_url, '[]', orders.updated_at
FROM orders
CROSS JOIN LATERAL (
    SELECT commit_id FROM order_milestones
    WHERE order_id = orders.id AND intento = orders.intento
    ORDER BY completed_at DESC LIMIT 1
) AS milestone
WHERE orders.deployment_open AND orders.resultado IS NOT NULL AND orders.deploy_url IS NOT NULL;
"""
DOWN = """
DROP TABLE order_deployments;
ALTER TABLE order_checks DROP COLUMN actor, DROP COLUMN commit_id;
ALTER TABLE system_tokens DROP CONSTRAINT system_tokens_attempt_role, DROP COLUMN role;
"""


def upgrade() -> None:
    """Apply."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Take back."""
    op.get_bind().exec_driver_sql(DOWN)
