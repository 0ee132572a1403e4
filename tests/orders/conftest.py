"""Tests of orders use one database after another, each finding it empty."""

import pytest

from axon_factory.db.sessions import Database
from tests.support.databases import WipedDatabase


@pytest.fixture
def database_url(wiped_database: WipedDatabase) -> str:
    """URL of the shared database, which is empty."""
    return wiped_database.url


@pytest.fixture
def database(wiped_database: WipedDatabase) -> Database:
    """The open pool of the shared database."""
    return wiped_database.database
