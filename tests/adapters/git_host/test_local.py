"""The local git host: publish, publish again, refuse what does not belong."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from axon_factory.adapters import git_command
from axon_factory.adapters.child_processes import start_group
from axon_factory.adapters.git_command import GitError, GitLimits, run_git
from axon_factory.adapters.git_host import LocalGitHost
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError
from tests.support.git import commit, git, make_repository

SLUG = "bot-de-ana"
URL = "https://fabrica.example"


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "product")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "repositories"


def clone(root: Path, target: Path) -> str:
    git(target.parent, "clone", "--quiet", "--no-local", str(root / f"{SLUG}.git"), str(target))
    git(target, "fsck", "--strict")
    return git(target, "rev-parse", "HEAD")


async def test_a_published_product_can_be_cloned(product: Path, root: Path, tmp_path: Path) -> None:
    head = git(product, "rev-parse", "HEAD")
    url = await LocalGitHost(root, URL).publish(SLUG, product, idempotency_key="k")
    assert url == f"{URL}/git/{SLUG}.git"
    assert clone(root, tmp_path / "clone") == head
    assert (tmp_path / "clone" / "README.md").read_text(encoding="utf-8") == "uno\n"
    assert git(tmp_path / "clone", "branch", "--show-current") == "main"


async def test_publishing_again_changes_nothing_and_later_commits_arrive(
    product: Path, root: Path, tmp_path: Path
) -> None:
    host = LocalGitHost(root, URL)
    await host.publish(SLUG, product, idempotency_key="k")
    await host.publish(SLUG, product, idempotency_key="k")
    clone(root, tmp_path / "early")
    for number in range(120):  # past git's own limit for keeping what it fetches as one pack
        (product / f"{number}.txt").write_text(f"{number}\n", encoding="utf-8")
    head = commit(product, "last.txt", "dos\n")
    await host.publish(SLUG, product, idempotency_key="k2")
    assert clone(root, tmp_path / "late") == head
    git(tmp_path / "early", "pull", "--quiet", "--ff-only")
    assert git(tmp_path / "early", "rev-parse", "HEAD") == head


async def test_a_rebuilt_history_replaces_the_published_one(
    product: Path, root: Path, tmp_path: Path
) -> None:
    host = LocalGitHost(root, URL)
    await host.publish(SLUG, product, idempotency_key="k")
    git(product, "commit", "--quiet", "--amend", "--message", "Otra historia")
    await host.publish(SLUG, product, idempotency_key="k2")
    assert clone(root, tmp_path / "clone") == git(product, "rev-parse", "HEAD")


async def test_only_main_is_published(product: Path, root: Path) -> None:
    git(product, "branch", "borrador")
    git(product, "tag", "v1")
    await LocalGitHost(root, "http://x").publish(SLUG, product, idempotency_key="k")
    refs = git(root / f"{SLUG}.git", "for-each-ref", "--format=%(refname)")
    assert refs == "refs/heads/main"


@pytest.mark.parametrize(
    "slug", ["", "-a", "A", "a b", "../a", "a/b", ".a", "a.git", "a\n", "a" * 64, "á", "--help"]
)
async def test_a_slug_that_is_no_slug_is_refused(product: Path, root: Path, slug: str) -> None:
    with pytest.raises(PortError) as caught:
        await LocalGitHost(root, "http://x").publish(slug, product, idempotency_key="k")
    assert caught.value.cause is FailureCause.DEPLOY_FALLIDO
    assert not caught.value.transient
    assert list(root.parent.glob("repositories*")) == []


def no_repository(product: Path, other: Path) -> None:
    (product / ".git").rename(other / "moved")


def git_file(product: Path, other: Path) -> None:
    no_repository(product, other)
    (product / ".git").write_text(f"gitdir: {other / 'moved'}\n", encoding="utf-8")


def git_symlink(product: Path, other: Path) -> None:
    no_repository(product, other)
    (product / ".git").symlink_to(other / "moved")


def alternates(product: Path, other: Path) -> None:
    (product / ".git" / "objects" / "info" / "alternates").write_text(str(other), encoding="utf-8")


def common_folder(product: Path, other: Path) -> None:
    (product / ".git" / "commondir").write_text(str(other), encoding="utf-8")


def object_symlink(product: Path, other: Path) -> None:
    (product / ".git" / "objects" / "ab").symlink_to(other)


@pytest.mark.parametrize(
    "tamper",
    [no_repository, git_file, git_symlink, alternates, common_folder, object_symlink],
    ids=lambda function: function.__name__,
)
async def test_a_repository_that_reads_from_elsewhere_is_refused(
    product: Path, root: Path, tmp_path: Path, tamper: object
) -> None:
    (tmp_path / "other").mkdir()
    assert callable(tamper)
    tamper(product, tmp_path / "other")
    with pytest.raises(PortError) as caught:
        await LocalGitHost(root, "http://x").publish(SLUG, product, idempotency_key="k")
    assert not caught.value.transient
    assert not (root / f"{SLUG}.git").exists()


async def test_no_program_named_by_a_repository_runs(product: Path, root: Path) -> None:
    witness = product.parent / "witness"
    script = product.parent / "script"
    script.write_text(f"#!/bin/sh\ntouch {witness}\nexit 1\n", encoding="utf-8")
    script.chmod(0o755)
    for hook in ("post-update", "reference-transaction", "post-checkout", "pre-push"):
        for hooks in (product / ".git" / "hooks", root / f"{SLUG}.git" / "hooks"):
            hooks.mkdir(parents=True, exist_ok=True)
            (hooks / hook).write_bytes(script.read_bytes())
            (hooks / hook).chmod(0o755)
    for name in (
        "uploadpack.packObjectsHook",
        "core.fsmonitor",
        "core.sshCommand",
        "remote.origin.uploadpack",
    ):
        git(product, "config", name, str(script))
    git(product, "config", "remote.origin.url", f"ext::{script}")
    git(product, "config", "remote.origin.promisor", "true")
    await LocalGitHost(root, "http://x").publish(SLUG, product, idempotency_key="k")
    assert not witness.exists()
    # The witness works: the same hook does fire for a git that was not told to ignore it.
    with pytest.raises(subprocess.CalledProcessError):
        git(root / f"{SLUG}.git", "update-ref", "refs/heads/x", "refs/heads/main")
    assert witness.exists()


async def test_configuration_of_the_user_and_the_system_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".gitconfig").write_text("[alias]\n\tx = version\n", encoding="utf-8")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "alias.y")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "version")
    for alias in ("x", "y"):
        with pytest.raises(GitError, match="is not a git command"):
            await run_git([alias], home=tmp_path)


async def test_a_product_without_main_is_refused_and_leaves_nothing_to_clone(
    product: Path, root: Path
) -> None:
    git(product, "branch", "--move", "main", "otra")
    with pytest.raises(PortError):
        await LocalGitHost(root, "http://x").publish(SLUG, product, idempotency_key="k")
    assert git(root / f"{SLUG}.git", "for-each-ref") == ""


async def test_simultaneous_publishers_one_works_and_the_others_may_retry(
    product: Path, root: Path, tmp_path: Path
) -> None:
    hosts = [LocalGitHost(root, URL) for _ in range(4)]
    outcomes = await asyncio.gather(
        *(host.publish(SLUG, product, idempotency_key="k") for host in hosts),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, PortError)]
    assert all(outcome.transient for outcome in refused)
    assert len(refused) < len(outcomes)
    assert all(isinstance(outcome, str | PortError) for outcome in outcomes)
    clone(root, tmp_path / "clone")


PUBLISH = """
import asyncio, os, signal, sys
from pathlib import Path
from axon_factory.adapters.git_host import LocalGitHost

seen = 0
def count(event, arguments):
    global seen
    if event == "subprocess.Popen":
        seen += 1
        if seen == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
asyncio.run(LocalGitHost(Path(sys.argv[1]), "http://x").publish(
    "bot-de-ana", Path(sys.argv[2]), idempotency_key="k"))
"""


async def test_killed_before_any_git_command_and_repeated_publishes(
    product: Path, root: Path, tmp_path: Path
) -> None:
    head = git(product, "rev-parse", "HEAD")
    for kill_at in (1, 2):
        here = root / str(kill_at)
        command = [sys.executable, "-c", PUBLISH, str(here), str(product), str(kill_at)]
        killed = await asyncio.to_thread(subprocess.run, command, check=False)
        assert killed.returncode == -signal.SIGKILL
        await LocalGitHost(here, URL).publish(SLUG, product, idempotency_key="k")
        assert git(here / f"{SLUG}.git", "rev-parse", "main") == head


async def test_locks_of_a_killed_git_do_not_block_the_next_one(product: Path, root: Path) -> None:
    host = LocalGitHost(root, "http://x")
    await host.publish(SLUG, product, idempotency_key="k")
    head = commit(product, "dos.txt", "dos\n")
    for name in ("config.lock", "HEAD.lock", "packed-refs.lock", "refs/heads/main.lock"):
        (root / f"{SLUG}.git" / name).touch()
    await host.publish(SLUG, product, idempotency_key="k2")
    assert git(root / f"{SLUG}.git", "rev-parse", "main") == head


async def test_cancelling_stops_git(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "started")
    alias = f"alias.wait=!echo $$ > {tmp_path / 'started'}; exec sleep 600"
    task = asyncio.create_task(run_git(["wait"], home=tmp_path, configuration=[alias]))
    pid = int(await asyncio.to_thread((tmp_path / "started").read_text))
    sleeper = os.pidfd_open(pid)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    # A grandchild of ours, so nobody here can wait for it; its descriptor tells when it ended.
    ended, _, _ = await asyncio.to_thread(select.select, [sleeper], [], [], 30)
    os.close(sleeper)
    assert ended


async def test_running_out_of_time_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GitError, match=r"more than 0\.2 s"):
        await run_git(
            ["wait"], home=tmp_path, configuration=["alias.wait=!sleep 600"], timeout_seconds=0.2
        )


async def test_a_git_that_says_too_much_is_ended_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio does not see a process end while its pipe is full and nobody reads it."""

    async def started_on_a_busy_loop(*words: str, **options: object) -> asyncio.subprocess.Process:
        process = await start_group(*words, **options)
        assert process.stdout is not None
        async with asyncio.timeout(30):  # until asyncio reads no further; nothing says so
            while not process.stdout._paused:  # noqa: ASYNC110 — see above
                await asyncio.sleep(0.01)
        return process

    monkeypatch.setattr(git_command, "start_group", started_on_a_busy_loop)
    flood = "alias.flood=!head -c 4000000 /dev/zero; sleep 60"
    with pytest.raises(GitError, match="more than 10 bytes"):
        async with asyncio.timeout(30):
            await run_git(
                ["flood"],
                home=tmp_path,
                configuration=[flood],
                limits=GitLimits(output_bytes=10),
            )
