"""Alembic's entry point: one connection, one transaction a migration, one migrator at a time."""

from alembic import context
from sqlalchemy import Connection, create_engine, text

ADVISORY_LOCK = 0x61786F6E  # "axon"


def _run() -> None:
    engine = create_engine(context.config.attributes["url"], connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            _migrate(connection)
    finally:
        engine.dispose()


def _migrate(connection: Connection) -> None:
    # Two processes that start at once must not both create the schema.
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
    connection.commit()
    try:
        context.configure(connection=connection, transaction_per_migration=True)
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": ADVISORY_LOCK})
        connection.commit()


_run()
