"""An end is not a success: what each tool really wrote, how it ended, and what we make of it.

`recordings/` holds the lines of the real programs, recorded against a model server on loopback;
identifiers and settings are left out of them, and real addresses replaced. `exit` is None where
the program had not ended by itself after 40 to 150 seconds and was killed.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from axon_factory.adapters.builder.command import PROFILES
from axon_factory.adapters.builder.command.output import Cursor, Reader
from axon_factory.adapters.builder.command.profiles.base import Ending
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.domain.events import LogLevel, Visibility
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.text import Redactor
from axon_factory.ports.builder import AgentLog, BuildStatus
from axon_factory.ports.errors import PortError
from tests.support.command_agents import MILESTONES, Bench, Watched, command_options

RECORDINGS = {
    document["profile"]: document["cases"]
    for document in (
        json.loads(file.read_text(encoding="utf-8"))
        for file in sorted(Path(__file__).with_name("recordings").glob("*.json"))
    )
}
DONE, EMPTY, CUT = Ending.DONE, Ending.EMPTY, Ending.CUT
BLOCKED, GAVE_UP = Ending.BLOCKED, Ending.GAVE_UP
TABLE: dict[str, dict[str, tuple[int | None, str, Ending | None]]] = {
    # What happened: the exit code, the type of the last line, and what we make of the lines.
    "codex": {
        "normal": (0, "turn.completed", DONE),
        "command_failed": (0, "turn.completed", DONE),
        "file_change": (0, "turn.completed", DONE),
        "file_change_failed": (0, "turn.completed", DONE),
        "length": (1, "turn.failed", CUT),
        "length_after_work": (1, "turn.failed", CUT),
        "empty": (0, "turn.completed", EMPTY),
        "empty_after_work": (0, "turn.completed", EMPTY),
        "filtered": (1, "turn.failed", BLOCKED),
        "stream_reset": (1, "turn.failed", GAVE_UP),
        "stream_ended_early": (1, "turn.failed", GAVE_UP),
        "sigint": (1, "turn.started", None),
        "sigint_before_first_word": (1, "turn.started", None),
        "sigterm": (-15, "turn.started", None),
        "401": (1, "turn.failed", GAVE_UP),
        "429": (1, "turn.failed", GAVE_UP),
        "500": (1, "turn.failed", GAVE_UP),
        "unreachable": (None, "error", None),
    },
    "claude-code": {
        "normal": (0, "result", DONE),
        "command_failed": (0, "result", DONE),
        "length": (1, "result", CUT),
        "length_after_work": (1, "result", CUT),
        "empty": (0, "result", EMPTY),
        "empty_after_work": (0, "result", EMPTY),
        "filtered": (1, "result", BLOCKED),
        # It asks again without a stream, and our server then answers.
        "stream_reset": (0, "result", DONE),
        "stream_ended_early": (0, "result", DONE),
        "sigint": (0, "result", GAVE_UP),
        "sigint_before_first_word": (0, "system", None),
        "sigterm": (143, "system", None),
        "401": (1, "result", GAVE_UP),
        "429": (1, "result", GAVE_UP),
        "500": (1, "result", GAVE_UP),
        "unreachable": (1, "result", GAVE_UP),
    },
    "opencode": {
        "normal": (0, "step_finish", DONE),
        "command_failed": (0, "step_finish", DONE),
        "length": (0, "step_finish", CUT),
        "length_after_work": (0, "step_finish", CUT),
        "empty": (0, "step_finish", EMPTY),
        "empty_after_work": (0, "step_finish", EMPTY),
        "filtered": (1, "error", BLOCKED),
        "stream_reset": (1, "error", GAVE_UP),
        "stream_ended_early": (None, "step_finish", None),
        # Neither signal ends it while the model's answer hangs.
        "sigint": (None, "step_start", None),
        "sigterm": (None, "step_start", None),
        "401": (1, "error", GAVE_UP),
        "429": (1, "error", GAVE_UP),
        "500": (1, "error", GAVE_UP),
        "unreachable": (1, "error", GAVE_UP),
    },
}
ROWS = [(profile, case) for profile, cases in TABLE.items() for case in cases]
SECRETS_OF_PROVIDERS = ("gateway.interno", "saldo", "127.0.0.1", "API Error", "Reconnecting", "40")
"""Words of the gateway, its address, the account: no client may read them."""


def replayed(profile: str, case: str, folder: Path) -> Path:
    """Write a recording as a session's output; return its path."""
    output = folder / "output.jsonl"
    lines = RECORDINGS[profile][case]["lines"]
    output.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
    )
    return output


def reader(profile: str) -> Reader:
    return Reader(PROFILES[profile], None, Redactor())


def logs_of(profile: str, case: str, folder: Path) -> tuple[AgentLog, ...]:
    return reader(profile).news(replayed(profile, case, folder), Cursor(), ended=True).logs


def test_the_table_has_every_recording() -> None:
    assert {profile: set(cases) for profile, cases in RECORDINGS.items()} == {
        profile: set(cases) for profile, cases in TABLE.items()
    }


@pytest.mark.parametrize(("profile", "case"), ROWS)
def test_what_the_lines_say_of_the_end(profile: str, case: str, tmp_path: Path) -> None:
    code, last, ending = TABLE[profile][case]
    recording = RECORDINGS[profile][case]
    assert (recording["exit"], recording["lines"][-1]["type"]) == (code, last)
    verdict = reader(profile).verdict(replayed(profile, case, tmp_path), 0)
    assert verdict.ending is ending
    assert (verdict.error is not None) or ending in {DONE, EMPTY, None}


@pytest.mark.parametrize(("profile", "case"), ROWS)
def test_a_client_reads_the_models_words_and_no_providers(
    profile: str, case: str, tmp_path: Path
) -> None:
    logs = logs_of(profile, case, tmp_path)
    shown = [log.message for log in logs if log.visibility is Visibility.CLIENTE]
    assert not [text for text in shown if any(word in text for word in SECRETS_OF_PROVIDERS)]
    assert set(shown) <= {"Listo, todo hecho.", "Hecho.", "Empiezo a escri", "Empiezo a"} | {
        "Esto",
        "No",
        "Titulo",
    }


@pytest.mark.parametrize(("profile", "case"), ROWS)
def test_staff_read_each_error_once(profile: str, case: str, tmp_path: Path) -> None:
    texts = [
        log.message for log in logs_of(profile, case, tmp_path) if log.level is not LogLevel.INFO
    ]
    assert len(texts) == len(set(texts))
    for text in ("gateway.interno", "stream disconnected", "waiting for network"):
        assert sum(text in said and "Se repitió" not in said for said in texts) <= 1


@pytest.mark.parametrize(
    ("profile", "case", "text"),
    [
        ("codex", "command_failed", "/bin/bash -lc 'echo fallo; exit 3' (código 3)"),
        ("codex", "file_change_failed", "No pudo cambiar 1 archivos"),
        ("claude-code", "command_failed", "Una herramienta falló"),
        ("opencode", "command_failed", "bash: echo fallo; exit 3 (código 3)"),
    ],
)
def test_work_that_failed_is_a_warning(profile: str, case: str, text: str, tmp_path: Path) -> None:
    logs = logs_of(profile, case, tmp_path)
    (log,) = [log for log in logs if log.message == text]
    assert (log.level, log.visibility) == (LogLevel.WARNING, Visibility.INTERNO)
    assert not any(log.message == "Cambió 1 archivos" for log in logs)


Open = Callable[..., Bench]


@pytest.fixture
def bench(tmp_path: Path, sandbox: Sandbox) -> Open:
    """Return what opens a bench whose agent takes the given steps."""

    def make(*steps: Any, **changes: Any) -> Bench:  # noqa: ANN401 — see command_options
        return Bench(tmp_path, sandbox, command_options(tmp_path, *steps, **changes))

    return make


@dataclass(frozen=True)
class Run:
    """A recorded run whose agent has committed milestones, and what becomes of it."""

    profile: str
    case: str
    says: str
    cause: FailureCause | None = FailureCause.AGENTE_INCOMPLETO
    commits: tuple[str, ...] = MILESTONES

    def __str__(self) -> str:
        return f"{self.profile}-{self.case}-{len(self.commits)}"


RUNS = [
    Run("opencode", "normal", "", None),
    Run("codex", "normal", "no hay un commit de: api", commits=("base", "qa")),
    Run("opencode", "length", "se cortó por su longitud"),
    Run("claude-code", "sigint_before_first_word", "sin decir que había acabado"),
    Run("claude-code", "sigint", "por un error .código 0.", FailureCause.CONSTRUCCION_FALLIDA),
    Run("codex", "empty_after_work", "sin decir nada"),
    Run("claude-code", "empty_after_work", "sin decir nada"),
    Run("opencode", "empty_after_work", "sin decir nada"),
    Run("claude-code", "401", "por un error .código 1.", FailureCause.CONSTRUCCION_FALLIDA),
    Run("claude-code", "sigterm", "terminó con código 143", FailureCause.CONSTRUCCION_FALLIDA),
]


@pytest.mark.parametrize(
    "run",
    [*RUNS[:1], *(pytest.param(run, marks=pytest.mark.proven("agents")) for run in RUNS[1:])],
    ids=str,
)
async def test_a_run_is_finished_when_its_lines_and_its_commits_say_so(
    run: Run, bench: Open
) -> None:
    recording = RECORDINGS[run.profile][run.case]
    lines = "".join(json.dumps(line) + "\n" for line in recording["lines"])
    steps = [*(["commit", one] for one in run.commits), ["raw", lines], ["mute"]]
    at = bench(*steps, ["exit", recording["exit"]], profile=run.profile)
    if run.cause is None:
        assert (await at.run()).last.status is BuildStatus.FINISHED
        return
    with pytest.raises(PortError, match=run.says) as failure:
        await at.run()
    assert failure.value.cause is run.cause
    assert not failure.value.transient
    assert "gateway" not in str(failure.value)
    assert ("gateway" in failure.value.detail) is (run.case == "401")


NOISE = {
    "codex": ("unreachable", "Reconnecting... waiting for network"),
    "claude-code": ("401", "El modelo no respondió: authentication_failed"),
    "opencode": ("stream_ended_early", "La respuesta del modelo se interrumpió"),
}
"""What each tool repeats while it gets no answer, and the words of it that staff read."""


def noise_of(profile: str) -> str:
    """Return one round of what a tool wrote again and again."""
    lines = RECORDINGS[profile][NOISE[profile][0]]["lines"]
    repeated = {"codex": lines[-1:], "claude-code": lines[1:2], "opencode": lines[:3]}[profile]
    return "".join(json.dumps(line) + "\n" for line in repeated)


@pytest.mark.proven("agents")
@pytest.mark.parametrize("profile", PROFILES)
async def test_noise_is_no_sign_of_life(profile: str, bench: Open) -> None:
    at = bench(
        ["tool", "ls"], ["nag", noise_of(profile), 0.02], profile=profile, errors_seconds=1.0
    )
    session, seen = await at.start(), Watched()
    with pytest.raises(PortError, match="solo dio errores") as failure:
        await at.watch(session, seen=seen)
    assert failure.value.cause is FailureCause.AGENTE_SIN_AVANCE
    words = NOISE[profile][1]
    assert words in failure.value.detail
    assert " veces)" in failure.value.detail
    shown = [any(words in log.message for log in report.logs) for report in seen.reports]
    assert shown.count(True) == 1
    assert len({one.heartbeat_at for one in seen.reports[shown.index(True) :]}) == 1
    assert await at.stop(session, force=True)


@pytest.mark.proven("agents")
async def test_errors_between_work_end_nothing_and_are_counted(bench: Open) -> None:
    noise, most = noise_of("codex"), {"profile": "codex", "errors_seconds": 0.2}
    at = bench(
        ["raw", noise * 3], ["sleep", 0.5], ["tool", "ls"], ["raw", noise], ["everything"], **most
    )
    seen = await at.run()
    assert seen.last.status is BuildStatus.FINISHED
    texts = [log.message for log in seen.logs]
    assert sum(text.startswith("Reconnecting") for text in texts) == 2
    assert [text for text in texts if "Se repitió 2 veces más: Reconnecting" in text]


@pytest.mark.proven("agents")
async def test_what_an_earlier_run_said_is_no_end_of_this_one(bench: Open) -> None:
    """A run that was answered and then vanishes quietly does not live on the first one's words."""
    question = json.dumps({"pregunta": "¿Color?"})
    said = json.dumps(RECORDINGS["claude-code"]["normal"]["lines"][-1]) + "\n"
    runs = ([["everything"], ["raw", said], ["ask", question]], [["mute"]])
    at = bench(runs=runs, profile="claude-code")
    session = await at.start()
    (asked,) = (await at.watch(session)).last.questions
    at.answer(asked, "azul")
    with pytest.raises(PortError, match="sin decir que había acabado"):
        await at.watch(session)
