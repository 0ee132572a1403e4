"""Whose failure is a failed check: the product's, or the machine's that could not run it?

The product's own word counts for nothing here, for it could say anything: what counts is how its
run ended as seen from outside, and whether the canary passes in the same sandbox just now.
"""

from dataclasses import dataclass

from axon_factory.adapters.sandbox import CanarySong, SandboxRun
from axon_factory.domain.machine import MachineTrouble, Trouble

_LEAST_LOST_SECONDS = 5.0
_LOST_SHARE = 0.25
_MACHINE_SHARE = 0.5
_NEARLY = 0.9


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a check that did not pass.

    Attributes:
        run: how its command ended; None where git could not read the repository.
        canary: how the reference fared just afterwards.
        late: whether the verdict depends on time (the product did not answer in it).
        cpu_limit: seconds of processor time that each process may take.
        processors: how many there are.
    """

    run: SandboxRun | None
    canary: CanarySong
    late: bool = False
    cpu_limit: int = 120
    processors: int = 2


def machine_trouble(evidence: Evidence) -> MachineTrouble | None:
    """Return what of the machine made the check fail; None: the product failed."""
    if evidence.canary.trouble is not None:
        return evidence.canary.trouble
    run = evidence.run
    if run is None:
        return None
    if run.filled_machine:
        return MachineTrouble(Trouble.DISCO_LLENO, "el disco se llenó durante la revisión")
    if run.was_killed and run.oom_kills and not _spent_its_time(evidence, run):
        detail = "el sistema mató procesos por falta de memoria durante la revisión"
        return MachineTrouble(Trouble.SIN_MEMORIA, detail)
    if (run.timed_out or evidence.late) and (_lost_its_time(evidence, run) or evidence.canary.slow):
        detail = (
            f"la revisión esperó {run.waiting_seconds:.0f} s por un procesador; la referencia "
            f"tardó {evidence.canary.seconds:.1f} s"
        )
        return MachineTrouble(Trouble.SOBRECARGA, detail)
    return None


def is_unproven_kill(evidence: Evidence) -> bool:
    """Return whether the run was killed by an unknown hand: then it is worth one more try."""
    run = evidence.run
    return run is not None and run.was_killed and not _spent_its_time(evidence, run)


def _spent_its_time(evidence: Evidence, run: SandboxRun) -> bool:
    """Return whether SIGKILL may be the end of its processor time, which is our own limit."""
    longest = max(run.cpu_seconds, run.duration_seconds)
    return longest >= _NEARLY * evidence.cpu_limit


def _lost_its_time(evidence: Evidence, run: SandboxRun) -> bool:
    """Return whether it waited for a processor longer than it ran, while others had the machine."""
    lost = run.waiting_seconds
    had_machine = run.cpu_seconds >= _MACHINE_SHARE * evidence.processors * run.duration_seconds
    return (
        lost >= _LEAST_LOST_SECONDS
        and lost >= _LOST_SHARE * run.duration_seconds
        and lost >= run.cpu_seconds
        and not had_machine
    )
