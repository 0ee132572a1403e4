"""Whose failure a failed check is: signal, limit, lost time, canary, and the verdict."""

import signal
from typing import Any

import pytest

from axon_factory.adapters.council.verdicts import Evidence, is_unproven_kill, machine_trouble
from axon_factory.adapters.sandbox import CanarySong, SandboxRun
from axon_factory.adapters.sandbox.sandbox import is_slow
from axon_factory.domain.failure import MachineTrouble, Trouble

_T = Trouble
_WELL = CanarySong(None, 0.1)
_SLOW = CanarySong(None, 9.0, slow=True)


def _run(exit_code: int, seconds: float = 3.0, **facts: Any) -> SandboxRun:  # noqa: ANN401 — fields of SandboxRun
    return SandboxRun(exit_code, b"", "", seconds, "bubblewrap", **facts)


def _dead(trouble: Trouble) -> CanarySong:
    return CanarySong(MachineTrouble(trouble), 0.1)


_KILL, _BUS = signal.SIGKILL, signal.SIGBUS
_TIMED_OUT: dict[str, Any] = {"seconds": 120.0, "timed_out": True}
ROWS: dict[str, tuple[Evidence, Trouble | None, bool]] = {
    "tests fail": (Evidence(_run(1), _WELL), None, False),
    "git says no": (Evidence(None, _WELL), None, False),
    "git says no to anything": (
        Evidence(None, _dead(_T.FALTA_PROGRAMA)),
        _T.FALTA_PROGRAMA,
        False,
    ),
    "tests fail, and so would any": (
        Evidence(_run(1), _dead(_T.SIN_AISLAMIENTO)),
        _T.SIN_AISLAMIENTO,
        False,
    ),
    "no room for anything": (Evidence(_run(1), _dead(_T.DISCO_LLENO)), _T.DISCO_LLENO, False),
    "it says that a program is missing": (Evidence(_run(127), _WELL), None, False),
    "it ends itself": (Evidence(_run(-signal.SIGTERM), _WELL), None, False),
    "it crashes": (Evidence(_run(-signal.SIGSEGV), _WELL), None, False),
    "killed by an unknown hand": (Evidence(_run(-_KILL), _WELL), None, True),
    "killed below bubblewrap": (Evidence(_run(128 + _KILL), _WELL), None, True),
    "killed for want of memory": (
        Evidence(_run(-_KILL, oom_kills=1), _WELL),
        _T.SIN_MEMORIA,
        True,
    ),
    "no page for it": (Evidence(_run(128 + _BUS, oom_kills=2), _WELL), _T.SIN_MEMORIA, True),
    "others were killed, it failed": (Evidence(_run(1, oom_kills=2), _WELL), None, False),
    "its processor time is spent": (
        Evidence(_run(-_KILL, 121.0, cpu_seconds=119.8), _WELL),
        None,
        False,
    ),
    "it says too much": (Evidence(_run(-_KILL, truncated=True), _WELL), None, False),
    "it writes too much": (Evidence(_run(-_KILL, overwrote=True), _WELL), None, False),
    "the disk filled meanwhile": (
        Evidence(_run(-_KILL, filled_machine=True), _WELL),
        _T.DISCO_LLENO,
        False,
    ),
    "it sleeps": (Evidence(_run(-_KILL, **_TIMED_OUT, cpu_seconds=1.0), _WELL), None, False),
    "it runs in a circle": (
        Evidence(_run(-_KILL, **_TIMED_OUT, cpu_seconds=118.0, waiting_seconds=2.0), _WELL),
        None,
        False,
    ),
    "it gets no processor": (
        Evidence(_run(-_KILL, **_TIMED_OUT, cpu_seconds=9.0, waiting_seconds=90.0), _WELL),
        _T.SOBRECARGA,
        False,
    ),
    "its own threads take it": (
        Evidence(_run(-_KILL, **_TIMED_OUT, cpu_seconds=230.0, waiting_seconds=999.0), _WELL),
        None,
        False,
    ),
    "all is slow": (
        Evidence(_run(-_KILL, **_TIMED_OUT, cpu_seconds=1.0), _SLOW),
        _T.SOBRECARGA,
        False,
    ),
    "it answers late": (Evidence(_run(1, 31.0), _WELL, late=True), None, False),
    "it answers late, as all does": (
        Evidence(_run(1, 31.0), _SLOW, late=True),
        _T.SOBRECARGA,
        False,
    ),
    "all is slow, it fails all the same": (Evidence(_run(1), _SLOW), None, False),
}


@pytest.mark.parametrize(("evidence", "expected", "unproven"), ROWS.values(), ids=ROWS)
def test_whose_failure_it_is(
    evidence: Evidence, expected: Trouble | None, *, unproven: bool
) -> None:
    found = machine_trouble(evidence)
    assert (found.kind if found else None) == expected
    assert is_unproven_kill(evidence) == unproven


@pytest.mark.parametrize(
    ("seconds", "best", "slow"),
    [(0.2, 0.1, False), (2.9, 0.1, False), (3.1, 0.1, True), (7.0, None, False), (8.0, None, True)],
)
def test_a_canary_is_slow_beside_its_best(
    seconds: float, best: float | None, *, slow: bool
) -> None:
    assert is_slow(seconds, best) == slow
