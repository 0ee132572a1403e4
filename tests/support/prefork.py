"""Processes that begin with the factory imported: importing takes longer than most commands."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Child", "Prefork", "prefork"]

_SERVER = Path(__file__).with_name("prefork_server.py")


@dataclass(slots=True)
class Child:
    """A running program, with the part of `asyncio.subprocess.Process` that tests use."""

    pid: int
    stdin: asyncio.WriteTransport
    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader
    ending: asyncio.Task[int]

    @property
    def returncode(self) -> int | None:
        return self.ending.result() if self.ending.done() else None

    def send_signal(self, number: int) -> None:
        if not self.ending.done():
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        return await asyncio.shield(self.ending)

    async def communicate(self, given: bytes = b"") -> tuple[bytes, bytes]:
        """Write standard input, close it, and return both outputs once the program has ended."""
        self.stdin.write(given)
        self.stdin.close()
        out, err, _ = await asyncio.gather(self.stdout.read(), self.stderr.read(), self.wait())
        return out, err


class Prefork:
    """Starts programs in forks of one process. `requests` leads to that process."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests

    async def start(self, script: str, *words: str, environment: Mapping[str, str]) -> Child:
        """Start a module or the file of a script, as `python -m module` or `python script` does."""
        (given, stdin), (stdout, out), (stderr, err) = os.pipe(), os.pipe(), os.pipe()
        report = self._ask(script, words, environment, (given, out, err))
        for descriptor in (given, out, err):
            os.close(descriptor)
        loop = asyncio.get_running_loop()
        pipe, _ = await loop.connect_write_pipe(asyncio.Protocol, os.fdopen(stdin, "wb"))
        outputs = await _reader(stdout), await _reader(stderr)
        news, closing = await asyncio.open_connection(sock=report)
        pid = int(await news.readline())
        ending = loop.create_task(_code(news, closing))
        return Child(pid, pipe, *outputs, ending)

    def run(self, *words: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a command of `axon` to its end, without standard input."""
        with (
            Path(os.devnull).open("rb") as given,
            tempfile.TemporaryFile("w+") as out,
            tempfile.TemporaryFile("w+") as err,
            self._ask(
                "axon_factory", words, environment, (given.fileno(), out.fileno(), err.fileno())
            ) as report,
            report.makefile() as news,
        ):
            news.readline()  # its pid
            code = int(news.readline())
            for stream in (out, err):
                stream.seek(0)
            return subprocess.CompletedProcess(words, code, out.read(), err.read())

    def _ask(
        self,
        script: str,
        words: Sequence[str],
        environment: Mapping[str, str],
        streams: tuple[int, int, int],
    ) -> socket.socket:
        """Ask for a program on these streams; return what tells its pid and its exit code."""
        report, theirs = socket.socketpair()
        asked = {
            "script": script,
            "words": words,
            "environment": dict(environment),
            "folder": str(Path.cwd()),
        }
        with theirs:
            message = json.dumps(asked).encode()
            socket.send_fds(self._requests, [message], [*streams, theirs.fileno()])
        return report


async def _reader(descriptor: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: protocol, os.fdopen(descriptor, "rb")
    )
    return reader


async def _code(news: asyncio.StreamReader, closing: asyncio.StreamWriter) -> int:
    try:
        return int(await news.readline())
    finally:
        closing.close()


@contextmanager
def prefork(environment: Mapping[str, str]) -> Generator[Prefork]:
    """Start the process; it ends with the block. `environment` holds while it imports."""
    requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with requests:
        with theirs:
            server = subprocess.Popen(
                [sys.executable, str(_SERVER)],
                stdin=theirs.fileno(),
                env=environment,
                start_new_session=True,
            )
        try:
            yield Prefork(requests)
        finally:
            requests.shutdown(socket.SHUT_RDWR)
            server.wait()
