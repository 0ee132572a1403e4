"""Council: reviews a built product and leaves a receipt for every check (design §5.5)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProductUnderReview:
    """Just what the council needs to know of an order."""

    order_id: str
    order_number: str
    slug: str
    product_type: str
    attempt: int
    product_dir: Path
    commit: str | None
    """What is reviewed, and nothing else; None: the attempt has nothing to show."""


@dataclass(frozen=True, slots=True)
class CheckReceipt:
    """Evidence of one check, written by the harness and never by what was checked.

    `output_digest` is the SHA-256 (hexadecimal) of the whole captured output, of which
    `output_tail` keeps the end (4 KiB at most). `findings` are sentences for the builder.
    """

    check: str
    passed: bool
    command: tuple[str, ...]
    exit_code: int
    duration_seconds: float
    output_digest: str
    output_tail: str
    findings: tuple[str, ...]
    isolation: str
    """"bubblewrap" or "subprocess": how the command was kept from the machine."""
    timed_out: bool = False
    truncated: bool = False
    agent: str = "QA Agent"
    """Which of the design's agents speaks for this check in the log."""


class Council(Protocol):
    """Runs checks on a product; which ones it must pass is said by its type in the catalogue."""

    name: str

    async def run_check(
        self, check: str, product: ProductUnderReview, *, idempotency_key: str
    ) -> CheckReceipt:
        """Run one check on the product's commit, to its end or its limits.

        Raises:
            PortError: the check could not be run at all (a failing check is a receipt).
        """
        ...
