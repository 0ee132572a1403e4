"""Fixtures of the line's tests."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axon_factory.db.sessions import Database
from tests.support.databases import WipedDatabase

# Test folders are no packages; the helpers beside this file are imported by their own names.
sys.path.insert(0, str(Path(__file__).parent))

from ledger import Ledger
from ledger_ports import ledger_ports
from rig import Rig


@pytest.fixture
def database_url(wiped_database: WipedDatabase) -> str:
    """URL of the shared database, which is empty."""
    return wiped_database.url


@pytest.fixture
def database(wiped_database: WipedDatabase) -> Database:
    """The open pool of the shared database."""
    return wiped_database.database


@pytest.fixture
async def rig(wiped_database: WipedDatabase, tmp_path: Path) -> AsyncIterator[Rig]:
    """A line over ledger ports; at the end the ledger must show no call inside a transaction."""
    ledger = Ledger(tmp_path / "ledger")
    async with ledger_ports(ledger, wiped_database.url) as ports:
        yield Rig(
            wiped_database.database, ledger, ports, tmp_path / "products", wiped=wiped_database
        )
    assert ledger.entries("violation") == []
