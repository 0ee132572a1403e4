"""Orders may wait for the machine, with the cause beside it.

Revision ID: 0015
"""

from alembic import op

revision = "0015"
down_revision = "0012"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE orders
    ADD COLUMN espera_causa jsonb,
    DROP CONSTRAINT orders_espera_check,
    ADD CONSTRAINT orders_espera_check CHECK (
        espera IN ('persona', 'cliente', 'operador', 'presupuesto', 'maquina')
    ),
    ADD CONSTRAINT orders_espera_causa_check CHECK (
        (espera_causa IS NOT NULL) = (espera IS NOT NULL AND espera = 'maquina')
    );
"""

DOWN = """
ALTER TABLE orders
    DROP CONSTRAINT orders_espera_causa_check,
    DROP COLUMN espera_causa,
    DROP CONSTRAINT orders_espera_check,
    ADD CONSTRAINT orders_espera_check CHECK (
        espera IN ('persona', 'cliente', 'operador', 'presupuesto')
    ) NOT VALID;
"""


def upgrade() -> None:
    """Take the new value of `espera`."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Forget the cause; orders that wait for the machine stay as they are."""
    op.get_bind().exec_driver_sql(DOWN)
