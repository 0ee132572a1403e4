"""`axon serve --processes`: several processes at one port, and what becomes of their requests."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.cli.program import SECONDS, Program, Running

_Found = TypeVar("_Found")

_HEAD = (
    b"POST /api/auth/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n"
)
_READY = b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_REFUSED_BODY = "HTTP/1.1 400"


@dataclass(frozen=True, slots=True)
class Server:
    running: Running
    port: int

    def processes(self) -> set[int]:
        """The processes that answer; the first one only keeps them at work."""
        first = self.running.process.pid
        return {
            int(pid) for pid in Path(f"/proc/{first}/task/{first}/children").read_text().split()
        }

    async def both(self) -> set[int]:
        """Wait for two processes that answer, and return them."""
        return await _eventually(lambda: found if len(found := self.answering()) == 2 else None)

    def answering(self) -> set[int]:
        """The processes that wait for a connection at the port: each has an epoll that does."""
        inode = _listening_inode(self.port)
        return {pid for pid in self.processes() if _watches(pid, inode)}

    async def opened_by(self, pid: int) -> "Request":
        """Begin a request that this process takes, because no other runs."""
        others = self.processes() - {pid}
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            request = Request(*await asyncio.open_connection("127.0.0.1", self.port))
            request.writer.write(_HEAD)
            await request.writer.drain()
            await _eventually(lambda: request.is_taken_by(pid) or None)
            return request
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)

    async def ready(self) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(_READY)
        answer = (await asyncio.wait_for(reader.read(), SECONDS)).decode()
        writer.close()
        return answer.splitlines()[0]


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose body is still to come."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def is_taken_by(self, pid: int) -> bool:
        """Whether the process holds the other end, and has read the head."""
        mine = self.writer.get_extra_info("sockname")[1]
        with contextlib.suppress(StopIteration):
            inode, unread = next(_connection(self.writer.get_extra_info("peername")[1], mine))
            return unread == 0 and f"socket:[{inode}]" in _descriptors(pid)
        return False

    async def finish(self) -> str:
        """Send the rest; the value is the answer's first line, empty if the process has gone."""
        try:
            self.writer.write(b"{}")
            line = await asyncio.wait_for(self.reader.readline(), SECONDS)
        except ConnectionError:
            return ""
        finally:
            self.writer.close()
        return line.decode().strip()


@contextlib.asynccontextmanager
async def serving(axon: Program) -> AsyncGenerator[Server]:
    port = _free_port()
    words = ("serve", "--json", "--processes", "2", "--port", str(port))
    async with axon.started(*words) as running:
        assert json.loads(await running.line())["evento"] == "lista"
        server = Server(running, port)
        try:
            yield server
        finally:
            for pid in server.processes() if running.process.returncode is None else ():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


async def test_each_process_answers_alone(axon: Program) -> None:
    async with serving(axon) as server:
        one, other = await server.both()
        for stopped in (one, other):
            os.kill(stopped, signal.SIGSTOP)
            assert await server.ready() == "HTTP/1.1 200 OK"
            os.kill(stopped, signal.SIGCONT)
        assert (await server.running.end()).code == 0


async def test_a_killed_process_takes_only_its_own_requests_along(axon: Program) -> None:
    async with serving(axon) as server:
        killed, other = await server.both()
        lost, kept = await server.opened_by(killed), await server.opened_by(other)

        os.kill(killed, signal.SIGKILL)

        assert await lost.finish() == ""
        assert (await kept.finish()).startswith(_REFUSED_BODY)
        after = await _eventually(
            lambda: found if len(found := server.answering() - {killed}) == 2 else None
        )
        assert other in after, "the one that was not killed goes on"
        assert await server.ready() == "HTTP/1.1 200 OK"
        ended = await server.running.end()
        assert ended.code == 0
        assert "exit_code=137" in ended.err


async def test_the_end_waits_for_requests_of_all_processes(axon: Program) -> None:
    async with serving(axon) as server:
        begun = [await server.opened_by(pid) for pid in sorted(await server.both())]

        server.running.process.send_signal(signal.SIGTERM)
        await _eventually(lambda: not _listening_inode(server.port) or None)

        answers = [await request.finish() for request in begun]
        assert all(answer.startswith(_REFUSED_BODY) for answer in answers), answers
        assert (await server.running.answer()).code == 0


async def test_no_process_outlives_the_first(axon: Program) -> None:
    async with serving(axon) as server:
        both = await server.both()
        os.kill(server.running.process.pid, signal.SIGKILL)
        await _eventually(lambda: not any(map(_lives, both)) or None)


async def test_what_keeps_them_from_starting_is_said_once(axon: Program) -> None:
    away = axon.having(AXON_DATABASE_URL="postgresql://a:b@127.0.0.1:1/c")
    refused = await away("serve", "--processes", "3", "--port", str(_free_port()))
    assert refused.code == 4
    assert refused.err.count("La base de datos no responde") == 1


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


async def _eventually(look: Callable[[], _Found | None]) -> _Found:
    """Look until something is found: the kernel's tables have no event."""
    async with asyncio.timeout(SECONDS):
        while (found := look()) is None:  # noqa: ASYNC110 — as above
            await asyncio.sleep(0.02)
        return found


def _lives(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def _descriptors(pid: int) -> list[str]:
    folder = Path(f"/proc/{pid}/fd")
    found: list[str] = []
    with contextlib.suppress(OSError):
        for descriptor in folder.iterdir():
            with contextlib.suppress(OSError):
                found.append(str(descriptor.readlink()))
    return found


def _watches(pid: int, inode: str) -> bool:
    """Whether an epoll of the process waits at the socket."""
    for facts in Path(f"/proc/{pid}/fdinfo").glob("*"):
        with contextlib.suppress(OSError):
            for watched in re.findall(r"ino:([0-9a-f]+)", facts.read_text()):
                if int(watched, 16) == int(inode or 0):
                    return True
    return False


def _listening_inode(port: int) -> str:
    """Return the inode of the socket that listens at the port, empty if none does."""
    for words in _sockets():
        if words[1].endswith(f":{port:04X}") and words[3] == "0A":
            return words[9]
    return ""


def _connection(port: int, peer: int) -> Iterator[tuple[str, int]]:
    """Yield inode and unread bytes of the server's end of a connection."""
    for words in _sockets():
        if words[1].endswith(f":{port:04X}") and words[2].endswith(f":{peer:04X}"):
            yield words[9], int(words[4].partition(":")[2], 16)


def _sockets() -> list[list[str]]:
    """Return the lines of the kernel's table of TCP sockets (proc(5)) in words."""
    return [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
