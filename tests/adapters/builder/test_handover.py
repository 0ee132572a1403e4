"""What an outside agent hands over is taken safely, or refused with its reason."""

import asyncio
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from axon_factory.adapters.builder.handover import (
    HandoverLimits,
    final_milestones,
    leaves_tree,
    pack_bundle,
    take_bundle,
    verified_milestones,
)
from axon_factory.adapters.builder.repository import Repository
from axon_factory.adapters.git_command import GitError, GitLimits, run_git
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError
from tests.support.builds import make_plan
from tests.support.bundles import Agent, raw
from tests.support.products import git

LIMITS = HandoverLimits(
    bundle_bytes=200_000, files=20, file_bytes=50_000, tree_bytes=100_000, commits=3, seconds=20
)
PLAN = make_plan(milestones=("base", "api", "qa"))


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    return Agent(tmp_path / "agent")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "product")


async def take(repository: Repository, bundle: Path) -> str:
    return await take_bundle(repository, bundle, limits=LIMITS)


async def test_what_is_handed_over_is_on_main_and_checked_out(
    agent: Agent, repository: Repository
) -> None:
    first = agent.commit({"app/main.py": "x = 1\n"}, "1/base")
    assert await take(repository, agent.bundle()) == first
    (repository.directory / "stray.txt").write_text("not committed")
    second = agent.commit({"app/main.py": "x = 2\n", "link": ""}, "1/api")
    for bundle in (agent.bundle("main", f"^{first}"), agent.bundle(), agent.bundle()):
        assert await take(repository, bundle) == second  # thin, whole, and repeated
    product = repository.directory
    assert (product / "app" / "main.py").read_text() == "x = 2\n"
    assert git(product, "status", "--porcelain", "--ignored") == ""
    assert git(product, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git(product, "rev-list", "--count", "main") == "2"
    assert not (product / ".git" / "axon-render").exists()


async def test_links_within_the_tree_are_taken(agent: Agent, repository: Repository) -> None:
    agent.commit({"app/main.py": "", "docs/a/b.md": ""})
    (agent.folder / "docs" / "a" / "up").symlink_to("../../app/main.py")
    (agent.folder / "latest").symlink_to("docs/a")
    agent.commit({})
    await take(repository, agent.bundle())
    assert (repository.directory / "latest" / "up").resolve().name == "main.py"


def _link(path: str, target: str) -> Callable[[Agent], Path]:
    def make(agent: Agent) -> Path:
        agent.commit({"a/b/file": "x"})
        link = agent.folder / path
        link.symlink_to(target)
        agent.commit({})
        return agent.bundle()

    return make


def _tree(form: str) -> Callable[[Agent], Path]:
    def make(agent: Agent) -> Path:
        agent.tree(form.format(blob=agent.blob("x"), commit="1" * 40))
        return agent.bundle()

    return make


def _files(files: dict[str, str]) -> Callable[[Agent], Path]:
    def make(agent: Agent) -> Path:
        agent.commit(files)
        return agent.bundle()

    return make


def _content(content: bytes) -> Callable[[Agent], Path]:
    def make(agent: Agent) -> Path:
        path = agent.folder / "any.bundle"
        path.write_bytes(content)
        return path

    return make


def _many_commits(agent: Agent) -> Path:
    for number in range(LIMITS.commits + 1):
        agent.commit({"a": str(number)})
    return agent.bundle()


def _other_branch(agent: Agent) -> Path:
    agent.commit({"a": "x"})
    git(agent.folder, "branch", "other")
    return agent.bundle("other")


def _thin_upon_nothing(agent: Agent) -> Path:
    first = agent.commit({"a": "x"})
    agent.commit({"a": "y"})
    return agent.bundle("main", f"^{first}")


def _tree_bomb(agent: Agent) -> Path:
    """Ten folders of ten folders of ten …: a thousand million files in a few objects."""
    inner = raw(agent.folder, "mktree", stdin=f"100644 blob {agent.blob('x')}\tf\n".encode())
    for _ in range(9):
        lines = "".join(f"040000 tree {inner}\t{letter}\n" for letter in "abcdefghij")
        inner = raw(agent.folder, "mktree", stdin=lines.encode())
    agent.commit_tree(inner)
    return agent.bundle()


def _broken_object(agent: Agent) -> Path:
    """A commit without a committer, which only fsck notices."""
    tree = raw(agent.folder, "mktree", stdin=f"100644 blob {agent.blob('x')}\ta\n".encode())
    text = f"tree {tree}\nauthor A <a@example.com> 1 +0000\n\nx\n"
    commit = raw(
        agent.folder,
        "hash-object",
        "-t",
        "commit",
        "-w",
        "--literally",
        "--stdin",
        stdin=text.encode(),
    )  # fmt: skip — the words of one command line
    git(agent.folder, "update-ref", "refs/heads/main", commit)
    return agent.bundle()


def _missing_objects(agent: Agent) -> Path:
    """A bundle of nothing but the commit."""
    commit = agent.commit({"a": "x"})
    path = agent.folder / "any.bundle"
    pack = subprocess.run(
        ["git", "-C", str(agent.folder), "pack-objects", "--quiet", "--stdout"],
        check=True,
        input=commit.encode(),
        capture_output=True,
    ).stdout
    path.write_bytes(f"# v2 git bundle\n{commit} refs/heads/main\n\n".encode() + pack)
    return path


def _damaged(agent: Agent) -> Path:
    agent.commit({"a": "x" * 3000})
    path = agent.bundle()
    content = bytearray(path.read_bytes())
    content[-30] ^= 0xFF
    path.write_bytes(content)
    return path


def _a_link_to_a_bundle(agent: Agent) -> Path:
    agent.commit({"a": "x"})
    link = agent.folder / "link.bundle"
    link.symlink_to(agent.bundle())
    return link


def _partial(agent: Agent) -> Path:
    agent.commit({"a": "x"})
    path = agent.bundle()
    _, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(b"# v3 git bundle\n@object-format=sha1\n@filter=blob:none\n" + rest)
    return path


REFUSED: dict[str, tuple[Callable[[Agent], Path], str]] = {
    "no bundle": (_content(b"PK\x03\x04 not git"), "no es un bundle"),
    "empty": (_content(b""), "no es un bundle"),
    "endless header": (_content(b"# v2 git bundle\n" + b"-x\n" * 2000), "cabecera"),
    "header only": (_content(b"# v2 git bundle\n\n"), "main"),
    "option as bundle": (_content(b"--upload-pack=touch /tmp/x\n"), "no es un bundle"),
    "too large": (_content(b"# v2 git bundle\n" + b"x" * 200_001), "MB"),
    "damaged": (_damaged, "git no lo acepta"),
    "a link": (_a_link_to_a_bundle, "no es un fichero"),
    "partial": (_partial, "entero"),
    "other branch": (_other_branch, "main"),
    "builds on the unknown": (_thin_upon_nothing, "git no lo acepta"),
    "many commits": (_many_commits, "4 commits"),
    "many files": (_files({f"f{n}": "x" for n in range(21)}), "21 ficheros"),
    "large file": (_files({"big": "x" * 50_001}), "'big'"),
    "large altogether": (_files({f"f{n}": "x" * 40_000 for n in range(3)}), "MB"),
    "tree bomb": (_tree_bomb, "git no lo acepta"),
    "link to passwd": (_link("p", "/etc/passwd"), "'p'"),
    "submodule": (_tree("160000 commit {commit}\tsub\n"), "submódulos"),
    "submodule's file": (_files({".gitmodules": "[submodule]\n"}), "submódulos"),
    "git folder": (_tree("100644 blob {blob}\t.git\n"), "git"),
    "dot dot": (_tree("100644 blob {blob}\t..\n"), "git"),
    "control characters": (_tree("100644 blob {blob}\ta\x1b[2Jb\n"), "legible"),
    "long name": (_tree("100644 blob {blob}\t" + "n" * 300 + "\n"), "largos"),
    "missing objects": (_missing_objects, "git no lo acepta"),
    "broken object": (_broken_object, "dañados"),
}  # fmt: skip — a table


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
async def test_a_hostile_bundle_is_refused_and_changes_nothing(
    agent: Agent, repository: Repository, make: Callable[[Agent], Path], reason: str
) -> None:
    bundle = await asyncio.to_thread(make, agent)
    with pytest.raises(PortError, match="La entrega del agente no se acepta") as caught:
        await take(repository, bundle)
    assert reason in str(caught.value)
    assert not caught.value.transient
    assert caught.value.cause is FailureCause.CONSTRUCCION_FALLIDA
    assert not await repository.has_commits()
    assert sorted(path.name for path in repository.directory.iterdir()) == [".git"]
    assert not (repository.git_dir / "axon-render" / "staging").exists()


@pytest.mark.parametrize(
    ("path", "target", "leaves"),
    [
        ("p", "a/b", False),
        ("a/b/p", "../../x", False),
        ("a/b/p", "../../../x", True),
        ("a/b/p", "c/../../../x", True),  # whatever c is
        ("a/b/p", "c/../x", True),
        ("p", "..", True),
        ("p", "/x", True),
        ("p", ".GIT/config", True),
        ("a/p", "../.git", True),
        ("p", "a\nb", True),
        ("p", "x" * 1001, True),
    ],
)
def test_where_a_link_may_lead(path: str, target: str, leaves: bool) -> None:
    assert leaves_tree(path, target) is leaves


async def test_history_that_was_taken_cannot_be_rewritten(
    agent: Agent, repository: Repository, tmp_path: Path
) -> None:
    agent.commit({"a": "1"}, "1/base")
    head = agent.commit({"a": "2"}, "1/api")
    await take(repository, agent.bundle())
    git(agent.folder, "reset", "--hard", "HEAD~1")
    shorter = agent.bundle()
    other = Agent(tmp_path / "other")
    other.commit({"a": "9"}, "1/base", "1/api")
    for bundle in (shorter, other.bundle()):
        with pytest.raises(PortError, match="no continúa"):
            await take(repository, bundle)
    assert git(repository.directory, "rev-parse", "main") == head


async def test_hooks_and_filters_of_the_handed_over_do_not_run(
    agent: Agent, repository: Repository, tmp_path: Path
) -> None:
    sign = tmp_path / "sign"
    agent.commit(
        {
            ".gitattributes": "* filter=evil diff=evil merge=evil\n",
            "hooks/post-checkout": f"#!/bin/sh\ntouch {sign}\n",
            ".gitconfig": f'[filter "evil"]\n\tsmudge = touch {sign}\n',
        }
    )
    await take(repository, agent.bundle())
    assert not sign.exists()
    assert git(repository.directory, "status", "--porcelain") == ""


async def test_a_commit_that_changes_files_proves_its_milestone(
    agent: Agent, repository: Repository
) -> None:
    assert await verified_milestones(repository, 1, PLAN) == ()
    base = agent.commit({"a": "1"}, "1/base", subject="Base \x1b[31mlista")
    agent.commit({}, "1/api", subject="Nothing at all")
    agent.commit({"a": "2"}, "2/api", "1/unknown", "1", "/qa", subject="Of another attempt")
    await take(repository, agent.bundle())
    (report,) = await verified_milestones(repository, 1, PLAN)
    assert (report.id, report.commit, report.agent) == ("base", base, "A")
    assert report.message == "Base [31mlista"
    api = agent.commit({"a": "3"}, "1/api", "1/base", subject="\x1b")
    await take(repository, agent.bundle())
    first, second = await verified_milestones(repository, 1, PLAN)
    assert (first, second.id, second.commit) == (report, "api", api)
    assert second.message.startswith("Hito entregado: ")


async def test_at_the_end_the_newest_commit_proves_what_no_commit_names(
    agent: Agent, repository: Repository
) -> None:
    base = agent.commit({"a": "1"}, "1/base")
    head = agent.commit({"a": "2"})
    await take(repository, agent.bundle())
    reports = await final_milestones(repository, 1, PLAN)
    assert [(one.id, one.commit) for one in reports] == [
        ("base", base),
        ("api", head),
        ("qa", head),
    ]


async def test_an_end_without_files_is_no_end(agent: Agent, repository: Repository) -> None:
    with pytest.raises(PortError, match="no entregó") as caught:
        await final_milestones(repository, 1, PLAN)
    assert not caught.value.transient
    agent.commit({}, "1/base")
    await take(repository, agent.bundle())
    with pytest.raises(PortError, match="no entregó"):
        await final_milestones(repository, 1, PLAN)


async def test_an_agent_gets_what_was_handed_over_before(
    agent: Agent, repository: Repository, tmp_path: Path
) -> None:
    target = tmp_path / "base.bundle"
    assert await pack_bundle(repository, target) is None
    assert not target.exists()
    head = agent.commit({"a": "1"})
    await take(repository, agent.bundle())
    assert await pack_bundle(repository, target) == head
    assert head in raw(tmp_path, "bundle", "list-heads", str(target))


async def test_an_interrupted_handover_is_completed_by_the_next(
    agent: Agent, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent.commit({"a": "1"})
    await take(repository, agent.bundle())
    head = agent.commit({"a": "2"})

    async def killed(_: str) -> None:
        (repository.git_dir / "index.lock").touch()
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(repository, "move_to", killed)
        with pytest.raises(asyncio.CancelledError):
            await take(repository, agent.bundle())
    assert await take(repository, agent.bundle()) == head
    assert (repository.directory / "a").read_text() == "2"


async def test_our_own_trouble_is_transient(agent: Agent, tmp_path: Path) -> None:
    agent.commit({"a": "1"})
    (tmp_path / "product").write_text("a file in the way")
    with pytest.raises(PortError) as caught:
        await take(Repository(tmp_path / "product"), agent.bundle())
    assert caught.value.transient


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (GitLimits(output_bytes=10), ["rev-list", "--all"]),
        (GitLimits(file_bytes=10), ["bundle", "create", "--quiet", "x", "--all"]),
        (GitLimits(memory_bytes=1_000_000), ["rev-list", "--all"]),
    ],
    ids=["output", "file", "memory"],
)
async def test_git_is_held_to_its_limits(agent: Agent, limits: GitLimits, words: list[str]) -> None:
    agent.commit({"a": "1"})
    git_dir = agent.folder / ".git"
    run = {"home": agent.folder, "repository": git_dir}
    wide = replace(limits, output_bytes=10_000, file_bytes=10_000, memory_bytes=2**32)
    await run_git(words, **run, limits=wide)
    with pytest.raises(GitError):
        await run_git(words, **run, limits=limits)
