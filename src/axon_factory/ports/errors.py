"""How a port fails, and `Machine`, which says whether the machine can do the line's work."""

from collections.abc import Sequence
from typing import Protocol

from axon_factory.domain.failure import FailureCause, MachineTrouble


class PortError(Exception):
    """A port's call did not have its effect.

    Attributes:
        cause: the typed cause that the order shows if this is final.
        transient: True when the same call may succeed later; the line then retries with backoff.
        detail: what a program or provider outside said of it, for staff only; "" where it said
            nothing.
        trouble: what of the machine kept the call from its effect; None: the call itself failed.
            With it the failure counts for nothing: the order waits until the machine is well.
    """

    def __init__(
        self,
        message: str,
        *,
        cause: FailureCause,
        transient: bool = False,
        detail: str = "",
        trouble: MachineTrouble | None = None,
    ) -> None:
        """`message` is the Spanish sentence that a person reads on the failed order.

        It holds no words of others: agents read it too. Those go into `detail`.
        """
        super().__init__(message)
        self.cause = cause
        self.transient = transient
        self.detail = detail
        self.trouble = trouble

    @property
    def for_staff(self) -> str:
        """The sentence with what was said outside."""
        return f"{self}: {self.detail}" if self.detail else str(self)


class Machine(Protocol):
    """Looks at the machine that it runs on. No look changes anything or waits for anything."""

    def troubles(self) -> Sequence[MachineTrouble]:
        """Return what is wrong now; empty: nothing is known to be wrong."""
        ...
