"""Which long test has its turn today; AXON_TEST_TURN names another."""

import os
from datetime import UTC, datetime

import pytest

__all__ = ["DEATHS", "in_turn"]

DEATHS = ("a builder's worker", "everything", "postgresql")
"""What is killed under a whole factory that goes on to deliver."""
TIMEOUT = pytest.mark.timeout(420)  # deliveries on a busy machine


def in_turn(name: str, marker: pytest.MarkDecorator) -> pytest.MarkDecorator:
    """Return `marker`, which keeps a test out of `make test`, unless today is the test's turn."""
    turn = DEATHS[datetime.now(UTC).toordinal() % len(DEATHS)]
    return TIMEOUT if os.environ.get("AXON_TEST_TURN", turn) == name else marker
