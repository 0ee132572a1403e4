"""The product's SQLite database and its migrations (`app/migrations/NNNN_name.sql`, in order)."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

MIGRATIONS = Path(__file__).with_name("migrations")


class Database:
    """Opens short connections to one file; safe to use from several threads."""

    synchronous = "FULL"
    """An order that was answered survives a power cut. The tests, which need not, set OFF."""

    def __init__(self, path: Path, migrations: Path = MIGRATIONS) -> None:
        self.path = path
        self._migrations = migrations

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a writing transaction: all of it happens, or nothing."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for reading."""
        connection = sqlite3.connect(self.path, timeout=5, isolation_level=None)
        with closing(connection):
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(f"PRAGMA synchronous = {self.synchronous}")
            yield connection

    def migrate(self) -> None:
        """Apply the migrations that have not been applied: all of them, or none."""
        with self.reading() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with self.transaction() as connection:
            connection.execute(
                "CREATE TABLE IF NOT EXISTS migraciones (nombre TEXT PRIMARY KEY, aplicada_at TEXT"
                " NOT NULL DEFAULT CURRENT_TIMESTAMP) STRICT"
            )
            for file in sorted(self._migrations.glob("*.sql")):
                _apply(connection, file)

    def is_migrated(self) -> bool:
        """Say whether every migration has been applied.

        Raises:
            sqlite3.Error: the database cannot be read.
        """
        with self.reading() as connection:
            rows = connection.execute("SELECT nombre FROM migraciones").fetchall()
        applied = {row["nombre"] for row in rows}
        return {file.stem for file in self._migrations.glob("*.sql")} <= applied


def _apply(connection: sqlite3.Connection, file: Path) -> None:
    taken = connection.execute(
        "INSERT INTO migraciones (nombre) VALUES (?) ON CONFLICT DO NOTHING", (file.stem,)
    )
    if taken.rowcount == 1:
        for statement in _statements(file.read_text(encoding="utf-8")):
            connection.execute(statement)


def _statements(script: str) -> Iterator[str]:
    """Split a script: `executescript` would commit behind the transaction's back."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
