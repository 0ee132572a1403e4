"""What `axon up` cannot start with: one clear sentence and an exit code of its own."""

import json
import socket
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.acceptance.program import free_port
from tests.support.prefork import Prefork

Words = list[str]
Answer = subprocess.CompletedProcess[str]
Case = Callable[[Path], tuple[Words, Mapping[str, str]]]


def unknown_setting(_folder: Path) -> tuple[Words, Mapping[str, str]]:
    return [], {"AXON_PROT": "8080"}


def unreachable_database(_folder: Path) -> tuple[Words, Mapping[str, str]]:
    # Port 1 of loopback: nobody listens there, and no unprivileged program can.
    return [], {"AXON_DATABASE_URL": "postgresql://axon:geheim@127.0.0.1:1/axon"}


def file_in_the_way(folder: Path) -> tuple[Words, Mapping[str, str]]:
    (folder / "file").write_text("in the way")
    return ["--data-dir", str(folder / "file" / "data")], {}


def folder_of_the_kernel(_folder: Path) -> tuple[Words, Mapping[str, str]]:
    return ["--data-dir", "/proc/axon"], {}  # root too is refused


# Case, exit code, words that its sentence must have.
CASES: list[tuple[Case, int, tuple[str, ...]]] = [
    (unknown_setting, 3, ("AXON_PROT",)),
    (unreachable_database, 4, ("127.0.0.1", "1")),
    (file_in_the_way, 6, ("file/data", "--data-dir")),
    (folder_of_the_kernel, 6, ("/proc/axon",)),
]


def check(done: Answer, code: int, words: tuple[str, ...]) -> None:
    """People read one line on standard error; scripts one JSON document on standard output."""
    as_json = "--json" in done.args
    said = (done.stdout if as_json else done.stderr).strip()
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "geheim" not in done.stdout + done.stderr
    last = said.splitlines()[-1]
    if as_json:
        error = json.loads(last)
        assert error["exit_code"] == code
        last = error["error"]
        assert done.stderr == ""
    else:
        assert said.splitlines() == [last]
        assert last.startswith("axon: ")
    assert all(word in last for word in words), last


def refusals(
    axon: Prefork, folder: Path, words: Words, environment: Mapping[str, str]
) -> list[Answer]:
    """Start `axon up` as people and as scripts do, in a folder of its own each."""

    def start(options: Words) -> Answer:
        where = ["--data-dir", str(folder / f"data{len(options)}"), "--port", str(free_port())]
        return axon.run("up", *where, *words, *options, environment=environment)

    return [start(options) for options in ([], ["--json"])]


@pytest.mark.parametrize(("case", "code", "words"), CASES)
def test_one_sentence_and_a_code(
    axon: Prefork,
    case: Case,
    code: int,
    words: tuple[str, ...],
    surroundings: dict[str, str],
    tmp_path: Path,
) -> None:
    own_words, settings = case(tmp_path)
    for done in refusals(axon, tmp_path, own_words, {**surroundings, **settings}):
        check(done, code, words)


def test_a_busy_port(axon: Prefork, surroundings: dict[str, str], tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        for done in refusals(axon, tmp_path, ["--port", port], surroundings):
            check(done, 5, (port, "--port"))
    # Nothing was started for it: no database was made.
    assert not list(tmp_path.rglob("postgresql"))
