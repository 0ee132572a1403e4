"""Reads of published repositories by `git http-backend`: git's smart protocol, all versions of it.

Each request is one run of that program (a CGI) in the sandbox. It sees the one repository, cannot
write to it, has no network, and is killed with all that it started when its request ends.
"""

import asyncio
import re
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

import structlog

from axon_factory.adapters.child_processes import end_group, start_group
from axon_factory.adapters.git_command import GIT_OPTIONS, SLUG, git_environment
from axon_factory.adapters.git_host.local import repository_folder
from axon_factory.adapters.sandbox import Limits, Sandbox
from axon_factory.ports.git_host import FetchAnswer, FetchRequest, RepositoriesBusy

_MEBIBYTE = 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_SANDBOX = Limits(cpu_seconds=120, file_bytes=_MEBIBYTE, address_space_bytes=2048 * _MEBIBYTE)
_SETTINGS = (
    "http.getanyfile=false",
    "http.uploadpack=true",
    "http.receivepack=false",
    "uploadpack.allowFilter=true",
    # Version 2 lets every object be asked for; partial clones by version 0 need it too.
    "uploadpack.allowAnySHA1InWant=true",
    "pack.threads=1",
    "core.packedGitLimit=256m",
)
_VERSION = re.compile(r"version=[0-9]{1,2}")
_NOT_FOUND = 404
_FAILED = 500
_MOST_SAID = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class GitReadLimits:
    """What reading repositories may take of one process of the factory."""

    at_once: int = 8
    at_once_each: int = 4
    """Of one caller."""
    patience_seconds: float = 20.0
    """How long a request waits for its place."""
    seconds: float = 300.0
    """Of one request, until its last byte is handed over."""


class SmartHttpRepositories:
    """The repositories that `LocalGitHost` publishes under `root`."""

    def __init__(self, root: Path, sandbox: Sandbox, limits: GitReadLimits | None = None) -> None:
        """`sandbox` runs git; a machine that allows none runs it as a plain subprocess."""
        self._root = root.absolute()
        self._sandbox = sandbox
        self._limits = limits or GitReadLimits()
        self._places = _Places(self._limits)

    @asynccontextmanager
    async def fetch(self, request: FetchRequest) -> AsyncGenerator[FetchAnswer]:
        """Answer one request (see `ports.git_host.Repositories`)."""
        folder = self._folder(request.slug)
        if folder is None:
            yield FetchAnswer(_NOT_FOUND, "", _nothing())
            return
        async with self._places.held(request.caller), asyncio.timeout(self._limits.seconds):
            # Nothing writes to it, so the name is all that has to be removed.
            with tempfile.TemporaryDirectory(prefix="axon-git-") as home:
                process = await self._start(folder, request, Path(home))
                try:
                    yield await _converse(process, request)
                finally:
                    said = (await end_group(process)).decode(errors="replace").strip()
                    if said:
                        _log.info("git complained", slug=request.slug, said=said[-_MOST_SAID:])

    def _folder(self, slug: str) -> Path | None:
        """Return the repository's folder; None without one, or if a link stands in its place."""
        if not SLUG.fullmatch(slug):
            return None
        folder = repository_folder(self._root.resolve(), slug)
        return folder if folder.is_dir() and not folder.is_symlink() else None

    async def _start(
        self, folder: Path, request: FetchRequest, home: Path
    ) -> asyncio.subprocess.Process:
        settings = [*_SETTINGS, f"safe.directory={folder}"]
        options = [part for item in settings for part in ("-c", item)]
        words = await self._sandbox.service_words(
            ["git", *GIT_OPTIONS, *options, "http-backend"],
            cwd=folder,
            writable=home,
            read_only=[folder],
            limits=_SANDBOX,
            # Its files may be readable by their owner alone.
            user_id=folder.stat().st_uid,  # noqa: ASYNC240 — of a local folder
            network=False,
        )
        return await start_group(
            *words,
            cwd=home,
            env={**git_environment(home), **_gateway_variables(folder, request)},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=_CHUNK_BYTES,
        )


def _gateway_variables(folder: Path, request: FetchRequest) -> Mapping[str, str]:
    """Return the request as a CGI takes it (RFC 3875), with nothing of the caller's but a version.

    Without CONTENT_LENGTH the program reads its input to the end.
    """
    common = {"GIT_PROJECT_ROOT": str(folder.parent), "GIT_HTTP_EXPORT_ALL": "1"}
    if _VERSION.fullmatch(request.protocol):
        common["GIT_PROTOCOL"] = request.protocol
    if request.body is None:
        return common | {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": f"/{folder.name}/info/refs",
            "QUERY_STRING": "service=git-upload-pack",
        }
    return common | {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": f"/{folder.name}/git-upload-pack",
        "CONTENT_TYPE": request.content_type,
    }


async def _converse(process: asyncio.subprocess.Process, request: FetchRequest) -> FetchAnswer:
    """Hand over the request and read the head of the answer.

    The program reads its whole input before it answers: neither waits for the other.
    """
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("git has no pipes")
    # A program that refuses the request does not read it.
    with suppress(BrokenPipeError, ConnectionResetError):
        async for chunk in request.body or _nothing():
            process.stdin.write(chunk)
            await process.stdin.drain()
    process.stdin.close()
    try:
        head = await process.stdout.readuntil(b"\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return FetchAnswer(_FAILED, "", _nothing())
    fields = BytesHeaderParser().parsebytes(head)
    status = int(fields.get("Status", "200").split()[0])
    return FetchAnswer(status, fields.get_content_type(), _read(process.stdout))


async def _read(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while chunk := await stream.read(_CHUNK_BYTES):
        yield chunk


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


class _Places:
    """How many requests may be worked on at once, in all and of each caller."""

    def __init__(self, limits: GitReadLimits) -> None:
        self._limits = limits
        self._taken: Counter[str] = Counter()
        self._change = asyncio.Condition()

    @asynccontextmanager
    async def held(self, caller: str) -> AsyncGenerator[None]:
        """Hold a place.

        Raises:
            RepositoriesBusy: none became free in time.
        """
        try:
            async with asyncio.timeout(self._limits.patience_seconds), self._change:
                await self._change.wait_for(lambda: self._is_free_for(caller))
                self._taken[caller] += 1
        except TimeoutError:
            raise RepositoriesBusy from None
        try:
            yield
        finally:
            self._taken[caller] -= 1
            self._taken += Counter()  # drops those who have none
            async with self._change:
                self._change.notify_all()

    def _is_free_for(self, caller: str) -> bool:
        limits = self._limits
        return self._taken.total() < limits.at_once and self._taken[caller] < limits.at_once_each
