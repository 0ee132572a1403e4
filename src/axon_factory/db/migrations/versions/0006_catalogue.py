"""The catalogue alone says which product types there are.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A new type must not need a migration: an order's type is the one of the catalogue entry it keeps.
UP = """
ALTER TABLE orders
    DROP CONSTRAINT orders_tipo_producto_check,
    ADD CONSTRAINT orders_tipo_producto_check CHECK (
        tipo_producto ~ '^[a-z][a-z0-9_]{0,62}$'
        AND catalogo ->> 'id' IS NOT DISTINCT FROM tipo_producto
    );
"""

DOWN = """
ALTER TABLE orders
    DROP CONSTRAINT orders_tipo_producto_check,
    ADD CONSTRAINT orders_tipo_producto_check CHECK (
        tipo_producto IN ('autopilot_whatsapp', 'autopilot_ventas', 'webhook_service')
    );
"""


def upgrade() -> None:
    """Tie an order's type to its catalogue entry."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """List the types in the database again."""
    op.get_bind().exec_driver_sql(DOWN)
