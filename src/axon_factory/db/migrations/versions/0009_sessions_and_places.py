"""Sessions of builders as rows of their own, and indexes for what waits.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE order_sessions (
    order_id uuid NOT NULL REFERENCES orders (id),
    intento integer NOT NULL CHECK (intento > 0),
    builder text NOT NULL CHECK (builder ~ '^[a-z][a-z0-9_-]{0,62}$'),
    session_id text,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    stop_requested_at timestamptz,
    asked_at timestamptz,
    ended_at timestamptz,
    outcome text CHECK (outcome IN ('terminada', 'detenida', 'abandonada', 'perdida')),
    PRIMARY KEY (order_id, intento),
    CHECK ((ended_at IS NULL) = (outcome IS NULL))
);
CREATE INDEX order_sessions_open_idx ON order_sessions (order_id, intento)
    WHERE ended_at IS NULL;

INSERT INTO order_sessions (order_id, intento, builder, session_id, started_at)
SELECT id, intento, coalesce(builder, 'templates'), session_id,
    coalesce(construccion_iniciada_at, updated_at)
FROM orders WHERE session_open;

ALTER TABLE orders DROP COLUMN stop_requested_at;

CREATE INDEX orders_due_idx ON orders (prioridad_rank DESC, created_at)
    WHERE espera IS NULL AND queued_at IS NULL AND (
        estado IN ('nuevo', 'construccion', 'qa', 'listo')
        OR estado = 'planificacion' AND plan_estado <> 'pendiente_aprobacion'
    );
CREATE INDEX orders_undeploy_idx ON orders (id)
    WHERE deployment_open AND estado IN ('cancelado', 'fallido');
CREATE INDEX orders_approval_idx ON orders (prioridad_rank DESC, created_at)
    WHERE estado = 'planificacion' AND plan_estado = 'pendiente_aprobacion';
CREATE INDEX orders_held_idx ON orders (prioridad_rank DESC, created_at)
    WHERE espera IS NOT NULL;
"""

DOWN = """
DROP INDEX orders_held_idx;
DROP INDEX orders_approval_idx;
DROP INDEX orders_undeploy_idx;
DROP INDEX orders_due_idx;
ALTER TABLE orders ADD COLUMN stop_requested_at timestamptz;
DROP TABLE order_sessions;
"""


def upgrade() -> None:
    """Remember each session until it has ended; find what is due without looking at what waits."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Forget them."""
    op.get_bind().exec_driver_sql(DOWN)
