"""git's requests are answered in bounds, and end with those who asked."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axon_factory.adapters.git_host import GitReadLimits, LocalGitHost, SmartHttpRepositories
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.ports.product import FetchRequest, RepositoriesBusy
from tests.support.git import git, make_repository, processes_of

SLUG = "bot-de-ana"
SANDBOX = Sandbox(Path(sys.executable))
PLAIN = Sandbox(Path(sys.executable), bubblewrap=False)
CONTENT_TYPE = "application/x-git-upload-pack-request"


@pytest.fixture
async def root(tmp_path: Path) -> Path:
    product = make_repository(tmp_path / "product")
    root = tmp_path / "repositories"
    await LocalGitHost(root, "http://x").publish(SLUG, product, idempotency_key="k")
    return root


def reader(root: Path, limits: GitReadLimits | None = None) -> SmartHttpRepositories:
    return SmartHttpRepositories(root, SANDBOX, limits)


async def refs(repositories: SmartHttpRepositories, slug: str = SLUG) -> tuple[int, bytes]:
    async with repositories.fetch(FetchRequest(slug, "ana", "")) as answer:
        return answer.status, b"".join([piece async for piece in answer.body])


def endless(begun: asyncio.Event) -> AsyncIterator[bytes]:
    async def body() -> AsyncIterator[bytes]:
        begun.set()
        await asyncio.Event().wait()
        yield b""

    return body()


def waiting(begun: asyncio.Event, caller: str = "ana") -> FetchRequest:
    """A request whose body never comes."""
    return FetchRequest(SLUG, caller, "version=2", CONTENT_TYPE, endless(begun))


async def ask(repositories: SmartHttpRepositories, request: FetchRequest) -> None:
    async with repositories.fetch(request):
        pass


async def test_who_goes_away_leaves_no_process(root: Path) -> None:
    repositories = reader(root)
    begun = asyncio.Event()
    task = asyncio.create_task(ask(repositories, waiting(begun)))
    await begun.wait()
    assert processes_of(root)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert processes_of(root) == []
    assert (await refs(repositories))[0] == 200


@pytest.mark.parametrize("turns", [1, 2, 3, 5, 8])
async def test_cancelled_at_any_moment_leaves_no_process(root: Path, turns: int) -> None:
    repositories = SmartHttpRepositories(root, PLAIN)
    await PLAIN.capability()
    task = asyncio.create_task(ask(repositories, waiting(asyncio.Event())))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert processes_of(root) == []


async def test_a_request_without_end_is_ended(root: Path) -> None:
    repositories = reader(root, GitReadLimits(seconds=0.5))
    await SANDBOX.capability()
    with pytest.raises(TimeoutError):
        await ask(repositories, waiting(asyncio.Event()))
    assert processes_of(root) == []


async def test_a_reader_who_does_not_read_loses_the_place_in_time(root: Path) -> None:
    repositories = reader(root, GitReadLimits(seconds=0.5))
    await SANDBOX.capability()
    with pytest.raises(TimeoutError):
        async with repositories.fetch(FetchRequest(SLUG, "ana", "")):
            await asyncio.Event().wait()
    assert processes_of(root) == []


async def test_a_failing_body_ends_git_and_is_passed_on(root: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"0000"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await ask(reader(root), FetchRequest(SLUG, "ana", "", CONTENT_TYPE, body()))
    assert processes_of(root) == []


async def test_places_are_bounded_in_all_and_for_each(root: Path) -> None:
    repositories = reader(root, GitReadLimits(at_once=2, at_once_each=1, patience_seconds=0.2))
    begun = [asyncio.Event() for _ in range(2)]
    held = [
        asyncio.create_task(ask(repositories, waiting(event, caller)))
        for event, caller in zip(begun, ("ana", "bea"), strict=True)
    ]
    await begun[0].wait()
    with pytest.raises(RepositoriesBusy):
        await refs(repositories)
    await begun[1].wait()
    with pytest.raises(RepositoriesBusy):
        await ask(repositories, FetchRequest(SLUG, "caro", ""))
    # Who waits gets the place that becomes free.
    patient = asyncio.create_task(refs(repositories))
    await asyncio.sleep(0)
    held[0].cancel()
    assert (await patient)[0] == 200
    held[1].cancel()
    await asyncio.gather(*held, return_exceptions=True)


@pytest.mark.parametrize("slug", ["", "otro", "../x", "bot-de-ana.git", "a/b", ".home", "a\n"])
async def test_what_is_no_published_repository_is_a_404(root: Path, slug: str) -> None:
    assert (await refs(reader(root), slug))[0] == 404


async def test_a_link_in_the_place_of_a_repository_is_a_404(root: Path) -> None:
    (root / f"{SLUG}.git").rename(root.parent / "elsewhere")
    (root / f"{SLUG}.git").symlink_to(root.parent / "elsewhere")
    assert (await refs(reader(root)))[0] == 404


async def test_no_setting_of_a_repository_counts(root: Path) -> None:
    witness, script = root.parent / "witness", root.parent / "script"
    script.write_text(f'#!/bin/sh\ntouch {witness}\nexec "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    for name in ("uploadpack.packObjectsHook", "core.fsmonitor"):
        git(root / f"{SLUG}.git", "config", name, str(script))
    for name in ("http.receivepack", "http.getanyfile"):
        git(root / f"{SLUG}.git", "config", name, "true")
    git(root / f"{SLUG}.git", "config", "http.uploadpack", "false")
    repositories = SmartHttpRepositories(root, PLAIN)
    assert (await refs(repositories))[0] == 200
    head = git(root / f"{SLUG}.git", "rev-parse", "main")
    assert (await fetched(repositories, head)).find(b"PACK") > 0
    assert not witness.exists()


async def fetched(repositories: SmartHttpRepositories, head: str) -> bytes:
    async def body() -> AsyncIterator[bytes]:
        lines = (b"command=fetch", None, b"want " + head.encode(), b"done")
        for line in lines:
            yield b"0001" if line is None else b"%04x" % (len(line) + 4) + line
        yield b"0000"

    request = FetchRequest(SLUG, "ana", "version=2", CONTENT_TYPE, body())
    async with repositories.fetch(request) as answer:
        return b"".join([piece async for piece in answer.body])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
async def test_a_repository_of_another_user_is_read(root: Path) -> None:
    """A worker that publishes under a user of its own, with files for that user alone."""
    give_away(root / f"{SLUG}.git")
    assert (await refs(reader(root)))[0] == 200


def give_away(repository: Path) -> None:
    for folder, _, files in os.walk(repository):
        for path, mode in ((Path(folder), 0o700), *((Path(folder, name), 0o400) for name in files)):
            os.chown(path, 12345, 12345)
            path.chmod(mode)
