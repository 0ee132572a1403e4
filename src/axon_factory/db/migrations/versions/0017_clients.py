"""Portal links as rows, mails with HTML, the promise that a client was told, withdrawn plans.

Revision ID: 0017
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Every order had one link without a row: it becomes the order's link 1, which has no age.
UP = """
CREATE TABLE portal_links (
    order_id uuid NOT NULL REFERENCES orders (id),
    number integer NOT NULL CHECK (number > 0),
    reason text NOT NULL CHECK (reason IN ('alta', 'correo', 'persona', 'vencido')),
    issued_at timestamptz NOT NULL,
    issued_by text NOT NULL,
    expires_at timestamptz CHECK (expires_at > issued_at),
    revoked_at timestamptz,
    revoked_by text,
    PRIMARY KEY (order_id, number),
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);
CREATE UNIQUE INDEX portal_links_open_idx ON portal_links (order_id) WHERE revoked_at IS NULL;
INSERT INTO portal_links (order_id, number, reason, issued_at, issued_by)
SELECT id, 1, 'alta', created_at, created_by FROM orders;

ALTER TABLE outbox_messages ADD COLUMN html text;

ALTER TABLE orders ADD COLUMN promise_told_until timestamptz;

ALTER TABLE order_plans
    DROP CONSTRAINT order_plans_estado_check,
    ADD CONSTRAINT order_plans_estado_check CHECK (
        estado IN ('pendiente_aprobacion', 'aprobado', 'rechazado', 'reemplazado', 'retirado')
    );
"""

DOWN = """
UPDATE order_plans SET estado = 'rechazado' WHERE estado = 'retirado';
ALTER TABLE order_plans
    DROP CONSTRAINT order_plans_estado_check,
    ADD CONSTRAINT order_plans_estado_check CHECK (
        estado IN ('pendiente_aprobacion', 'aprobado', 'rechazado', 'reemplazado')
    );
ALTER TABLE orders DROP COLUMN promise_told_until;
ALTER TABLE outbox_messages DROP COLUMN html;
DROP TABLE portal_links;
"""


def upgrade() -> None:
    """Make the link of every order a row, and make room for what clients are told."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Forget links and what clients were told."""
    op.get_bind().exec_driver_sql(DOWN)
