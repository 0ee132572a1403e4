"""Fixtures of the line's tests."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axon_factory.db.sessions import Database

# Test folders are no packages; the helpers beside this file are imported by their own names.
sys.path.insert(0, str(Path(__file__).parent))

from ledger import Ledger
from ledger_ports import ledger_ports
from rig import Rig


@pytest.fixture
async def rig(database: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Rig]:
    """A line over ledger ports; at the end the ledger must show no call inside a transaction."""
    ledger = Ledger(tmp_path / "ledger")
    async with ledger_ports(ledger, database_url) as ports:
        yield Rig(database, ledger, ports, tmp_path / "products")
    assert ledger.entries("violation") == []
