"""How a port fails: with a typed cause, and saying whether another try may help."""

from axon_factory.domain.failure import FailureCause
from axon_factory.domain.machine import MachineTrouble

__all__ = ["PortError"]


class PortError(Exception):
    """A port's call did not have its effect.

    Attributes:
        cause: the typed cause that the order shows if this is final.
        transient: True when the same call may succeed later; the line then retries with backoff.
        trouble: what of the machine kept the call from its effect; None: the call itself failed.
            With it the failure counts for nothing: the order waits until the machine is well.
    """

    def __init__(
        self,
        message: str,
        *,
        cause: FailureCause,
        transient: bool = False,
        trouble: MachineTrouble | None = None,
    ) -> None:
        """`message` is the Spanish sentence that a person reads on the failed order."""
        super().__init__(message)
        self.cause = cause
        self.transient = transient
        self.trouble = trouble
