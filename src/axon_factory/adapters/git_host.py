"""The default git host: bare repositories in a folder, read by `git http-backend`.

Writing: readers need no lock. Objects arrive before the ref that names them and are never removed;
the ref is replaced by a rename.

Reading: git's smart protocol, all versions of it. Each request is one run of that program (a CGI)
in the sandbox. It sees the one repository, cannot write to it, has no network, and is killed with
all that it started when its request ends.
"""

import asyncio
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

import structlog

from axon_factory.adapters.child_processes import end_group, start_group
from axon_factory.adapters.disk import try_lock
from axon_factory.adapters.git_command import GIT_OPTIONS, SLUG, GitError, git_environment, run_git
from axon_factory.adapters.sandbox import Limits, Sandbox
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError
from axon_factory.ports.product import FetchAnswer, FetchRequest, RepositoriesBusy

_BRANCH = "refs/heads/main"
_FETCH_CONFIGURATION = ("core.fsync=committed,reference", "core.fsyncMethod=batch")
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


class LocalGitHost:
    """Publishes the `main` branch of products' repositories under `root`.

    Args:
        root: folder of the bare repositories, made when missing; only this class writes there.
        public_url: base URL under whose ``/git/`` they are served, without trailing slash.
    """

    name = "local"

    def __init__(self, root: Path, public_url: str) -> None:
        self._root = root.absolute()
        self._public_url = public_url.rstrip("/")

    async def publish(
        self,
        slug: str,
        product_dir: Path,
        *,
        idempotency_key: str,  # noqa: ARG002 — the port's; a mirror is idempotent by its nature
    ) -> str:
        """Make ``<root>/<slug>.git`` mirror the product's `main`; return the clone URL.

        Raises:
            PortError: the slug or the product's repository is not acceptable, git failed, or
                somebody else is publishing the same slug (transient).
        """
        if not SLUG.fullmatch(slug):
            raise _failed("el nombre del repositorio no es válido")
        repository = repository_folder(self._root, slug)
        try:
            source = await asyncio.to_thread(_own_git_dir, product_dir)
            (self._root / ".home").mkdir(mode=0o700, parents=True, exist_ok=True)
            with _sole_publisher(self._root / f".{slug}.lock") as lock:
                _remove_stale_locks(repository)
                await self._mirror(source, repository, lock)
        except (GitError, OSError) as error:
            raise _failed("git no pudo copiarlo", transient=True) from error
        return f"{self._public_url}/git/{slug}.git"

    async def remove(
        self,
        slug: str,
        *,
        idempotency_key: str,  # noqa: ARG002 — what is gone stays gone
    ) -> None:
        """Remove the repository.

        Raises:
            PortError: the slug is not acceptable, or somebody is publishing it (transient).
        """
        if not SLUG.fullmatch(slug):
            raise _failed("el nombre del repositorio no es válido")
        if not self._root.is_dir():
            return
        lock = self._root / f".{slug}.lock"
        try:
            with _sole_publisher(lock):
                await asyncio.to_thread(_remove_folder, repository_folder(self._root, slug))
                lock.unlink(missing_ok=True)
        except OSError as error:
            raise _failed("no se pudo borrar", transient=True) from error

    async def _mirror(self, source: Path, repository: Path, lock: int) -> None:
        home = self._root / ".home"
        await run_git(
            ["init", "--bare", "--quiet", "--template=", "--initial-branch=main", str(repository)],
            home=home,
            keep_open=[lock],
        )
        await run_git(
            [
                "fetch",
                "--quiet",
                "--atomic",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-recurse-submodules",
                "--end-of-options",
                str(source),
                f"+{_BRANCH}:{_BRANCH}",
            ],
            home=home,
            repository=repository,
            configuration=_FETCH_CONFIGURATION,
            keep_open=[lock],
        )


def _remove_folder(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def repository_folder(root: Path, slug: str) -> Path:
    """Return where the repository of a slug lies; `slug` must be one (`git_command.SLUG`)."""
    return root / f"{slug}.git"


def _own_git_dir(product_dir: Path) -> Path:
    """Return the product's git directory unless it reads from outside itself.

    A builder could otherwise have the factory publish objects of another product.
    """
    source = product_dir.absolute() / ".git"
    if source.is_symlink() or not source.is_dir():
        raise _failed("el producto no es un repositorio git propio")
    borrowed = any((source / name).exists() for name in ("commondir", "objects/info/alternates"))
    if borrowed or _holds_symlink(source):
        raise _failed("el repositorio del producto depende de ficheros ajenos")
    return source


def _holds_symlink(folder: Path) -> bool:
    return any(
        (Path(parent) / name).is_symlink()
        for parent, folders, files in os.walk(folder)
        for name in (*folders, *files)
    )


@contextmanager
def _sole_publisher(path: Path) -> Generator[int]:
    """Hold the slug's lock; git inherits the descriptor, so an orphaned git still holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not try_lock(descriptor):
            raise _failed("ya se está publicando", transient=True)
        yield descriptor
    finally:
        os.close(descriptor)


def _remove_stale_locks(repository: Path) -> None:
    """Remove what a killed git left behind; holding the slug's lock proves that it is dead."""
    for pattern in ("*.lock", "refs/**/*.lock"):
        for stale in repository.glob(pattern):
            stale.unlink(missing_ok=True)


def _failed(reason: str, *, transient: bool = False) -> PortError:
    return PortError(
        f"El repositorio del producto no se pudo publicar: {reason}.",
        cause=FailureCause.DEPLOY_FALLIDO,
        transient=transient,
    )


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
