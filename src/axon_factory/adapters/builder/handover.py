"""What an outside agent hands over, and what of it counts as evidence (ADR 23).

A builder that works elsewhere hands over git bundles. :func:`take_bundle` brings one safely into
the product's repository; :func:`verified_milestones` and :func:`final_milestones` read from the
repository what is done. What the agent says of its progress proves nothing.

A bundle is hostile until proven otherwise: it may be huge when unpacked, name files outside the
tree, hold broken objects or another history. It is looked at in a repository apart, the quarantine.
What is reviewed is the tree of `main`; the objects of its history are checked when they leave the
quarantine (:meth:`Repository.take_objects`).
"""

import asyncio
import posixpath
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from axon_factory.adapters.builder.repository import Repository
from axon_factory.adapters.git_command import GitError, GitLimits, run_git
from axon_factory.domain.plan import Milestone, Plan
from axon_factory.ports.builder import MilestoneReport, build_failure

_BRANCH = "refs/heads/main"
_BASE = "refs/heads/base"
INCOMING = "refs/heads/incoming"
"""Where the quarantine has what it took in."""

_MEBIBYTE = 1024 * 1024
_HEADER_LINE_BYTES = 4096
_MAX_HEADER_LINES = 1000
BUNDLE_SIGNATURES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
_ONLY_CAPABILITY = b"@object-format=sha1\n"
_SYMLINK, _SUBMODULE = "120000", "160000"
_MAX_PATH, _MAX_NAME, _MAX_SYMLINKS = 1000, 255, 100
_LISTING_LINE_BYTES = 1200
_CONFIGURATION = (
    # Larger files are not held in memory while they are read.
    "core.bigFileThreshold=16m",
    "pack.threads=1",
    "transfer.fsckObjects=true",
)
_MESSAGE_CHARACTERS = 300


class BundleRefused(Exception):
    """The bundle is not to be used; the message says why, in the middle of a Spanish sentence."""


@dataclass(frozen=True, slots=True)
class HandoverLimits:
    """How large a repository may be that an agent hands over.

    Attributes:
        bundle_bytes: the bundle itself.
        files: files of the newest commit.
        file_bytes: the largest of them.
        tree_bytes: all of them together.
        commits: new commits in one handover.
        seconds: how long git may take for each step.
    """

    bundle_bytes: int = 100 * _MEBIBYTE
    files: int = 20_000
    file_bytes: int = 50 * _MEBIBYTE
    tree_bytes: int = 500 * _MEBIBYTE
    commits: int = 10_000
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of `git ls-tree`; `size` is 0 for a submodule."""

    mode: str
    digest: str
    size: int
    path: str


class Quarantine:
    """A bare repository in a folder that is thrown away afterwards."""

    def __init__(self, folder: Path, limits: HandoverLimits) -> None:
        self._home = folder
        self.git_dir = folder / "incoming.git"
        self._limits = limits

    async def receive(self, bundle: Path, known: Path | None) -> str:
        """Take in the bundle's `main` and look at it; return its commit.

        `known` is the git directory of what was handed over before: the bundle may build on it,
        and its history must contain it.

        Raises:
            BundleRefused: the bundle is not to be used.
            GitError: the quarantine itself could not be made.
        """
        _check_header(bundle, self._limits)
        await self._make(known)
        try:
            return await self._receive(bundle, builds_on=known is not None)
        except GitError as error:
            raise BundleRefused(f"git no lo acepta ({_last_line(error)})") from error

    async def _make(self, known: Path | None) -> None:
        await run_git(
            ["init", "--bare", "--quiet", "--template=", str(self.git_dir)], home=self._home
        )
        if known is not None:
            await self._git("fetch", *_FETCH, str(known), f"{_BRANCH}:{_BASE}")

    async def _receive(self, bundle: Path, *, builds_on: bool) -> str:
        await self._git("bundle", "verify", "--quiet", str(bundle))
        if not await self._git("bundle", "list-heads", str(bundle), _BRANCH):
            raise BundleRefused("no contiene la rama main")
        await self._git("fetch", *_FETCH, str(bundle), f"{_BRANCH}:{INCOMING}")
        commit = (await self._git("rev-parse", "--verify", f"{INCOMING}^{{commit}}")).strip()
        if builds_on:
            await self._require_descent()
        await self._require_few_commits(builds_on=builds_on)
        await self._inspect_tree()
        return commit

    async def _require_descent(self) -> None:
        try:
            await self._git("merge-base", "--is-ancestor", _BASE, INCOMING)
        except GitError as error:
            raise BundleRefused("su historia no continúa la que ya se había entregado") from error

    async def _require_few_commits(self, *, builds_on: bool) -> None:
        new = [INCOMING, f"^{_BASE}"] if builds_on else [INCOMING]
        count = int(await self._git("rev-list", "--count", *new))
        if count > self._limits.commits:
            raise BundleRefused(f"tiene {count} commits y se admiten {self._limits.commits}")

    async def _inspect_tree(self) -> None:
        limits = self._limits
        listing = await self._git("ls-tree", "-r", "-z", "-l", "--full-tree", INCOMING)
        entries = list(_entries(listing))
        if len(entries) > limits.files:
            raise BundleRefused(f"tiene {len(entries)} ficheros y se admiten {limits.files}")
        if sum(entry.size for entry in entries) > limits.tree_bytes:
            raise BundleRefused(f"sus ficheros pasan de {_megabytes(limits.tree_bytes)} MB")
        for entry in entries:
            _check_entry(entry, limits)
        links = [entry for entry in entries if entry.mode == _SYMLINK]
        if len(links) > _MAX_SYMLINKS:
            raise BundleRefused(f"tiene más de {_MAX_SYMLINKS} enlaces simbólicos")
        for link in links:
            target = await self._git("cat-file", "blob", link.digest)
            if leaves_tree(link.path, target):
                raise BundleRefused(f"el enlace {link.path!r} sale del producto")

    async def _git(self, *arguments: str) -> str:
        return await run_git(
            arguments,
            home=self._home,
            repository=self.git_dir,
            configuration=_CONFIGURATION,
            limits=GitLimits(
                memory_bytes=4096 * _MEBIBYTE,
                file_bytes=4 * self._limits.bundle_bytes + 64 * _MEBIBYTE,
                output_bytes=self._limits.files * _LISTING_LINE_BYTES,
            ),
            timeout_seconds=self._limits.seconds,
        )


_FETCH = (
    "--quiet",
    "--no-tags",
    "--no-write-fetch-head",
    "--no-recurse-submodules",
    "--end-of-options",
)


def _check_header(bundle: Path, limits: HandoverLimits) -> None:
    """Refuse what git would take as something else, or as part of a repository only.

    Raises:
        BundleRefused: it is no whole bundle of SHA-1 objects, or too large.
    """
    if bundle.is_symlink() or not bundle.is_file():
        raise BundleRefused("no es un fichero")
    size = bundle.stat().st_size
    if size > limits.bundle_bytes:
        raise BundleRefused(f"pasa de {_megabytes(limits.bundle_bytes)} MB")
    with bundle.open("rb") as content:
        if content.readline(_HEADER_LINE_BYTES) not in BUNDLE_SIGNATURES:
            raise BundleRefused("no es un bundle de git")
        for _ in range(_MAX_HEADER_LINES):
            line = content.readline(_HEADER_LINE_BYTES)
            if line.startswith(b"@") and line != _ONLY_CAPABILITY:
                raise BundleRefused("no contiene el repositorio entero con objetos SHA-1")
            if line in (b"\n", b""):
                return
    raise BundleRefused("su cabecera no termina")


def _entries(listing: str) -> Iterator[_Entry]:
    for line in listing.split("\0"):
        if line:
            facts, _, path = line.partition("\t")
            mode, _, digest, size = facts.split()
            yield _Entry(mode, digest, 0 if size == "-" else int(size), path)


def _check_entry(entry: _Entry, limits: HandoverLimits) -> None:
    """Refuse a file that is too large, a submodule, and a name that would mislead."""
    names = entry.path.split("/")
    if entry.mode == _SUBMODULE or ".gitmodules" in names:
        raise BundleRefused("contiene submódulos")
    if len(entry.path) > _MAX_PATH or any(len(name.encode()) > _MAX_NAME for name in names):
        raise BundleRefused("tiene nombres de fichero demasiado largos")
    if not entry.path.isprintable() or "\N{REPLACEMENT CHARACTER}" in entry.path:
        raise BundleRefused(f"el nombre {entry.path!r} no es un texto legible")
    if entry.size > limits.file_bytes:
        megabytes = _megabytes(limits.file_bytes)
        raise BundleRefused(f"el fichero {entry.path!r} pasa de {megabytes} MB")


def leaves_tree(path: str, target: str) -> bool:
    """Say whether a link may lead out of the tree, or into git's own folder.

    Only leading ".." are accepted: behind a name, which may be a link itself, they would not mean
    the folder that they seem to mean.
    """
    parts = target.split("/")
    ups = len([part for part in parts if part == ".."])
    return (
        not target.isprintable()
        or posixpath.isabs(target)
        or len(target) > _MAX_PATH
        or ups > path.count("/")
        or parts[:ups] != [".."] * ups
        or any(part.lower() == ".git" for part in parts)
    )


def _megabytes(number: int) -> int:
    return number // _MEBIBYTE


def _last_line(error: GitError) -> str:
    lines = str(error).splitlines() or [""]
    return "".join(letter for letter in lines[-1] if letter.isprintable())[:200]


async def take_bundle(repository: Repository, bundle: Path, *, limits: HandoverLimits) -> str:
    """Set `main` of `repository` to the bundle's `main` and check it out; return the commit.

    The repository is made if there is none. A repeated call changes nothing; one that was
    interrupted is completed by the next.

    Raises:
        PortError: the bundle is not acceptable (final), or the repository could not be worked
            (transient). The repository is as it was.
    """
    with _our_own_trouble():
        await repository.prepare()
        known = repository.git_dir if await repository.has_commits() else None
        folder = await asyncio.to_thread(repository.staging)
        try:
            quarantine = Quarantine(folder, limits)
            commit = await quarantine.receive(bundle, known)
            await _accept(repository, quarantine, commit)
        except BundleRefused as error:
            raise build_failure(f"La entrega del agente no se acepta: {error}.") from error
        finally:
            await repository.unstage()
    return commit


async def _accept(repository: Repository, quarantine: Quarantine, commit: str) -> None:
    """Take over the objects, each checked, and the files."""
    try:
        await repository.take_objects(quarantine.git_dir, INCOMING)
    except GitError as error:
        raise BundleRefused(f"git encontró objetos dañados ({error})") from error
    await repository.move_to(commit)


async def pack_bundle(repository: Repository, target: Path) -> str | None:
    """Write `main` as a bundle to `target`, for an agent to build on; return its commit.

    None, and no file: there is nothing yet.

    Raises:
        PortError: the repository could not be read (transient).
    """
    with _our_own_trouble():
        return await repository.bundle(target)


async def verified_milestones(
    repository: Repository, attempt: int, plan: Plan
) -> tuple[MilestoneReport, ...]:
    """Return the plan's milestones that a commit of the attempt proves, in the plan's order.

    Proof is a commit on `main` that changes files and carries the trailer `<attempt>/<id>`.

    Raises:
        PortError: the repository could not be read (transient).
    """
    with _our_own_trouble():
        proven = await repository.evidence(attempt)
    return tuple(
        _report(milestone, *proven[milestone.id])
        for milestone in plan.milestones
        if milestone.id in proven
    )


def before_the_end(
    proven: Sequence[MilestoneReport], plan: Plan, completed: Collection[str]
) -> tuple[MilestoneReport, ...]:
    """Return what counts while the session still works: not the milestone that ends the plan.

    With the last one the product goes to review; a session that goes on would change it meanwhile.
    """
    new = [report for report in proven if report.id not in completed]
    done = {*completed, *(report.id for report in new)}
    if new and all(milestone.id in done for milestone in plan.milestones):
        del new[-1]
    return tuple(new)


async def final_milestones(
    repository: Repository, attempt: int, plan: Plan
) -> tuple[MilestoneReport, ...]:
    """Return every milestone of the plan, once the session says that it is finished.

    What no commit names has the newest commit for its evidence: the council reviews it as a whole.

    Raises:
        PortError: nothing was handed over (final), or the repository could not be read
            (transient).
    """
    with _our_own_trouble():
        head = await repository.head_with_files()
    if head is None:
        raise build_failure("El agente dice que terminó, pero no entregó ningún código.")
    proven = {report.id: report for report in await verified_milestones(repository, attempt, plan)}
    return tuple(
        proven.get(milestone.id) or _report(milestone, head, "") for milestone in plan.milestones
    )


async def unnamed_milestones(
    repository: Repository, attempt: int, plan: Plan
) -> tuple[Milestone, ...]:
    """Return the plan's milestones that no commit names, of this attempt or of an earlier one.

    A rework changes what is there: it need not name again what an earlier attempt has named. A
    milestone in which there was nothing to do may have an empty commit: it counts at the end only.

    Raises:
        PortError: the repository could not be read (transient).
    """
    with _our_own_trouble():
        named = {
            milestone
            for number in range(1, attempt + 1)
            for milestone in await repository.milestones(number)
        }
    return tuple(milestone for milestone in plan.milestones if milestone.id not in named)


def _report(milestone: Milestone, commit: str, subject: str) -> MilestoneReport:
    said = "".join(letter for letter in subject if letter.isprintable()).strip()
    message = said[:_MESSAGE_CHARACTERS] or f"Hito entregado: {milestone.nombre}"
    return MilestoneReport(milestone.id, milestone.agente, message, commit)


@contextmanager
def _our_own_trouble() -> Generator[None]:
    """Make what goes wrong with our own repository an error that another try may mend."""
    try:
        yield
    except (GitError, OSError) as error:
        raise build_failure(
            f"El repositorio del producto falló: {error}", transient=True
        ) from error
