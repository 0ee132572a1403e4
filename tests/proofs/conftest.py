"""Fixtures of the proofs."""

import pytest

from tests.proofs.copies import Copies
from tests.support.workshop import Workshop


@pytest.fixture(scope="session")
async def copies(workshop: Workshop) -> Copies:
    """Orders in every state, at once."""
    return await Copies.of(workshop)
