"""Incidents of running products, and which machine watches which products.

Revision ID: 0016
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE product_incidents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    kind text NOT NULL CHECK (kind IN
        ('supervisor', 'caido', 'sin_respuesta', 'puerto_ocupado', 'bucle', 'sin_maquina')),
    detail text NOT NULL CHECK (detail <> ''),
    machine text NOT NULL,
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    CHECK (closed_at >= opened_at)
);
CREATE UNIQUE INDEX product_incidents_open_idx ON product_incidents (order_id)
    WHERE closed_at IS NULL;
CREATE INDEX product_incidents_order_idx ON product_incidents (order_id, opened_at);

CREATE TABLE product_machines (
    machine text PRIMARY KEY,
    slugs text[] NOT NULL,
    watched_since timestamptz NOT NULL,
    checked_at timestamptz NOT NULL
);

CREATE INDEX orders_running_idx ON orders (slug)
    WHERE deployment_open AND deploy_url IS NOT NULL AND estado IN ('listo', 'entregado');
"""

DOWN = """
DROP INDEX orders_running_idx;
DROP TABLE product_machines, product_incidents;
"""


def upgrade() -> None:
    """Nothing is known yet of the products that run."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Forget the incidents."""
    op.get_bind().exec_driver_sql(DOWN)
