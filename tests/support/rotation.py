"""What is too long for one `make test`: a part of it a day; make targets run the whole.

AXON_TEST_TURN names the long test that is to run today, AXON_TEST_PART the third of those that are
cut in thirds: 0, 1, 2 or `all`.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

import pytest

__all__ = ["DEATHS", "in_turn", "todays_part"]

Item = TypeVar("Item")

DEATHS = ("a builder's worker", "everything", "postgresql")
"""What is killed under a whole factory that goes on to deliver."""
TIMEOUT = pytest.mark.timeout(420)  # deliveries on a busy machine


_PARTS = 3


def todays_part(items: Sequence[Item], shift: int = 0) -> Sequence[Item]:
    """Return every third of `items`, so that three days see them all; `shift` takes another day's.

    pytest shows how to repeat it where a test fails.
    """
    part = os.environ.get("AXON_TEST_PART", str(datetime.now(UTC).toordinal() % _PARTS))
    if part == "all":
        return items
    print(f"a third of {len(items)}; repeat with AXON_TEST_PART={part}, or `all`")  # noqa: T201
    return items[(int(part) + shift) % _PARTS :: _PARTS]


def in_turn(name: str, marker: pytest.MarkDecorator) -> pytest.MarkDecorator:
    """Return `marker`, which keeps a test out of `make test`, unless today is the test's turn."""
    turn = DEATHS[datetime.now(UTC).toordinal() % len(DEATHS)]
    return TIMEOUT if os.environ.get("AXON_TEST_TURN", turn) == name else marker
