"""Commands of `axon` as processes, for one start of Python: a host imports them and forks.

Importing a command takes two to four seconds of a processor, and a refusal a tenth of that. The
host reads one JSON object a line from stdin, `{"words": […], "environment": {…}, "out": path,
"err": path}`, runs the command in a fork, and answers with its exit code.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, Self

__all__ = ["ForkedAxon"]

_COMMANDS = ("up", "orders", "access")


class ForkedAxon(AbstractContextManager["ForkedAxon"]):
    """The tests' end of the host."""

    def __init__(self) -> None:
        self._host = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, *words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        assert self._host.stdin is not None
        assert self._host.stdout is not None
        with tempfile.TemporaryDirectory() as name:
            out, err = Path(name, "out"), Path(name, "err")
            request = {
                "words": words,
                "environment": dict(environment),
                "out": str(out),
                "err": str(err),
            }
            self._host.stdin.write(f"{json.dumps(request)}\n")
            self._host.stdin.flush()
            code = int(self._host.stdout.readline())
            return subprocess.CompletedProcess(words, code, out.read_text(), err.read_text())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in (self._host.stdin, self._host.stdout):
            if stream is not None:
                stream.close()
        self._host.wait()


def _serve() -> None:
    for name in _COMMANDS:
        import_module(f"axon_factory.cli.{name}")
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _run(request)
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 — the answer


def _run(request: dict[str, Any]) -> None:
    """Run in the fork; never return."""
    from axon_factory.cli.main import app  # noqa: PLC0415 — loaded by `_serve`

    code: object = 1
    try:
        for descriptor, name in ((1, "out"), (2, "err")):
            file = os.open(request[name], os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(file, descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.argv = ["axon", *request["words"]]
        app()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:  # noqa: BLE001 — the fork must not fall back into the parent's loop
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    _serve()
