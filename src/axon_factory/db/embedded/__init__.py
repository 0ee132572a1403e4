"""A PostgreSQL server of our own: the default database of a single machine (decision 1)."""

from axon_factory.db.embedded.cluster import APP_ROLE, read_dsn
from axon_factory.db.embedded.lock import (
    BinariesMissing,
    DataDirHeld,
    DataDirLock,
    DataDirUnwritable,
    EmbeddedPostgresError,
    StartFailed,
    VersionMismatch,
    read_holder,
)
from axon_factory.db.embedded.server import EmbeddedPostgres

__all__ = [
    "APP_ROLE",
    "BinariesMissing",
    "DataDirHeld",
    "DataDirLock",
    "DataDirUnwritable",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "StartFailed",
    "VersionMismatch",
    "read_dsn",
    "read_holder",
]
