"""Reads what a check wrote, says in Spanish what is wrong, and whose failure it is (design §5.5).

A check passes only on evidence: an exit code of 0 with nothing counted is a failure. Whether the
product or the machine has failed is not asked of the product, which could say anything. What counts
is how its run ended as seen from outside, and whether the canary passes in the same sandbox now.
"""

import json
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, cast

from axon_factory.adapters.sandbox import MEBIBYTE, CanarySong, Limits, SandboxRun
from axon_factory.domain.failure import MachineTrouble, Trouble

MAX_FINDINGS = 50
NO_ROOM = b"No space left on device"
COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)\b")
FAILED_TEST = re.compile(r"^(?:FAILED|ERROR) (.+)$", re.MULTILINE)
NOTHING_COLLECTED = 5
"""pytest's exit code when it found no test."""
_LEAST_LOST_SECONDS = 5.0
_LOST_SHARE = 0.25
_MACHINE_SHARE = 0.5
_NEARLY = 0.9


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the check passed; `sentences` starts with the summary.

    `clean`: the tool itself has reported; without that it may not work here. `late`: the product
    did not do something in time.
    """

    passed: bool
    sentences: tuple[str, ...]
    clean: bool = True
    late: bool = False


def limit_findings(run: SandboxRun, limits: Limits) -> tuple[str, ...]:
    """Say which limit a run was stopped by; nothing for one that ended by itself."""
    found: list[str] = []
    if run.timed_out:
        found.append(f"No terminó en {limits.wall_seconds:g} segundos y se detuvo.")
    if run.truncated:
        found.append(f"Escribió más de {limits.output_bytes} bytes y se detuvo.")
    if run.overwrote and limits.disk_bytes is not None:
        megabytes = limits.disk_bytes // MEBIBYTE
        found.append(f"Escribió más de {megabytes} MB en disco y se detuvo.")
    return tuple(found)


def room_findings(run: SandboxRun, limits: Limits) -> tuple[str, ...]:
    """Say how much a check may write, if it complained of a full disk: it has no more."""
    if limits.disk_bytes is None or NO_ROOM not in run.output:
        return ()
    return (f"Una revisión puede escribir {limits.disk_bytes // MEBIBYTE} MB como máximo.",)


def judge_tests(run: SandboxRun) -> Verdict:
    """Judge the product's own pytest by its exit code and its last line."""
    text = run.output.decode(errors="replace")
    lines = text.strip().splitlines()
    counts = {name: int(number) for number, name in COUNT.findall(lines[-1] if lines else "")}
    passed = counts.get("passed", 0)
    failed = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
    if run.exit_code == NOTHING_COLLECTED or (run.exit_code == 0 and passed == 0):
        clean = run.exit_code == NOTHING_COLLECTED
        return Verdict(passed=False, sentences=("Ninguna prueba llegó a ejecutarse.",), clean=clean)
    if run.exit_code == 0:
        return Verdict(passed=True, sentences=(f"{_plural(passed, 'prueba superada')}.",))
    summary = f"{_plural(passed, 'prueba superada')}, {_plural(failed, 'fallida')}."
    if not failed:
        summary = f"Las pruebas no se pudieron ejecutar (código {run.exit_code})."
    found = FAILED_TEST.findall(text)[:MAX_FINDINGS]
    return Verdict(passed=False, sentences=(summary, *found), clean=bool(failed))


def judge_security(run: SandboxRun, root: PurePath) -> Verdict:
    """Judge ruff's JSON: any diagnostic is a finding, and so is output that is no JSON."""
    try:
        diagnostics = cast("list[dict[str, Any]]", json.loads(run.output))
        found = tuple(_diagnostic(item, root) for item in diagnostics)
    except (ValueError, TypeError, KeyError, AttributeError):
        sentence = f"El análisis de seguridad no se pudo leer (código {run.exit_code})."
        return Verdict(passed=False, sentences=(sentence,), clean=False)
    if found or run.exit_code != 0:
        summary = f"{_plural(len(found), 'defecto')} de seguridad o de código."
        return Verdict(passed=False, sentences=(summary, *found[:MAX_FINDINGS]))
    return Verdict(passed=True, sentences=("Sin defectos de seguridad en el código.",))


def _diagnostic(item: dict[str, Any], root: PurePath) -> str:
    path = PurePath(str(item["filename"]))
    name = path.relative_to(root) if path.is_relative_to(root) else path
    return f"{name}:{item['location']['row']}: {item['code']} {item['message']}"


def judge_health(run: SandboxRun) -> Verdict:
    """Judge the last line of our prober (`probe_health.py`), which is JSON."""
    lines = run.output.decode(errors="replace").strip().splitlines()
    try:
        report = json.loads(lines[-1])
        found = tuple(str(sentence) for sentence in report["findings"])
        healthy = report["ok"] is True and not found
        late = report.get("late") is True
    except (IndexError, ValueError, TypeError, KeyError, AttributeError):
        sentence = f"La comprobación de salud no terminó (código {run.exit_code})."
        return Verdict(passed=False, sentences=(sentence,), clean=False)
    if not healthy or run.exit_code != 0:
        sentences = ("El producto no arranca sano.", *found)
        return Verdict(passed=False, sentences=sentences, late=late)
    sentence = f"El producto arranca y responde sano en {report['seconds']:.1f} segundos."
    return Verdict(passed=True, sentences=(sentence,))


def _plural(number: int, words: str) -> str:
    """`3, "prueba superada"` → "3 pruebas superadas"."""
    if number == 1:
        return f"1 {words}"
    return f"{number} {' '.join(f'{word}s' for word in words.split())}"


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
