"""What an outside agent hands over, and what of it counts as evidence (ADR 23).

A builder that works elsewhere hands over git bundles. :func:`take_bundle` brings one safely into
the product's repository; :func:`verified_milestones` and :func:`final_milestones` read from the
repository what is done. What the agent says of its progress proves nothing.
"""

import asyncio
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from axon_factory.adapters.builder.quarantine import (
    INCOMING,
    BundleRefused,
    HandoverLimits,
    Quarantine,
)
from axon_factory.adapters.builder.repository import Repository
from axon_factory.adapters.git_command import GitError
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.plan import Milestone, Plan
from axon_factory.ports.builder import MilestoneReport
from axon_factory.ports.errors import PortError

_MESSAGE_CHARACTERS = 300


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
            raise _failed(f"La entrega del agente no se acepta: {error}.") from error
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
        raise _failed("El agente dice que terminó, pero no entregó ningún código.")
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
        raise _failed(f"El repositorio del producto falló: {error}", transient=True) from error


def _failed(message: str, *, transient: bool = False) -> PortError:
    return PortError(message, cause=FailureCause.CONSTRUCCION_FALLIDA, transient=transient)
