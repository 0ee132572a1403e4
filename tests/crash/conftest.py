"""Fixtures of the crash tests."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

# Test folders are no packages; the helpers are imported by their own names.
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "line"))

from crash_rig import Host


@pytest.fixture(scope="session")
async def host() -> AsyncIterator[Host]:
    """The process that has imported everything and forks the ones to be killed."""
    async with Host.started() as host:
        yield host
