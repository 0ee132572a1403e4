"""Delivered repositories are read over git's smart protocol, by every reader and version of it."""

import asyncio
import base64
import gzip
import re
import subprocess
import zlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
import structlog
from dulwich import porcelain

from axon_factory.accounts.api_keys import ApiKeys
from axon_factory.adapters.git_host import LocalGitHost
from axon_factory.bootstrap.application import application_of
from axon_factory.domain.permissions import KeyScope
from tests.support.git import commit, git, make_repository, processes_of, read_git
from tests.support.server import running
from tests.support.workshop import Workshop, make_container

FILES = 300
"""More than the quota of the limited factory below; git packs them into one answer."""
QUOTA = 2
READERS = Path(__file__).parents[1] / "acceptance" / "readers"
"""Readers that `make long` installs."""
REQUEST = "application/x-git-upload-pack-request"
LINES = re.compile(r"=> Send header: (GET|POST) (\S+)")


@dataclass(frozen=True, slots=True)
class Published:
    """A product that is published for an order of the client `owner`."""

    http: httpx2.AsyncClient
    slug: str
    key: str
    head: str
    first: str

    @property
    def path(self) -> str:
        return f"/git/{self.slug}.git"

    @property
    def url(self) -> str:
        """The address with a key in it, as people put it into scripts."""
        return f"{self.http.base_url}".rstrip("/").replace("://", f"://git:{self.key}@") + self.path

    async def ask(self, body: bytes, **headers: str) -> httpx2.Response:
        return await self.http.post(
            f"{self.path}/git-upload-pack",
            content=body,
            auth=("git", self.key),
            headers={"Content-Type": REQUEST, **headers},
        )


@pytest.fixture(scope="module")
async def published(
    workshop: Workshop, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Published]:
    """The repository, behind a second process of the same factory that has a small quota."""
    order = await workshop.order(await workshop.place())
    product = make_repository(tmp_path_factory.mktemp("product") / "product")
    first = git(product, "rev-parse", "HEAD")
    for number in range(FILES):
        (product / f"{number}.txt").write_text(f"{number}\n", encoding="utf-8")
    commit(product, "binario", "x" * 50_000)
    head = commit(product, "tres.txt", "tres\n")
    data = workshop.container.data_dir
    await LocalGitHost(workshop.container.repositories, "http://x").publish(
        order.slug, product, idempotency_key="k"
    )
    settings = make_container(workshop.container.database.url, data).settings
    limited = settings.model_copy(update={"rate_limit_reads": QUOTA})
    container = type(workshop.container)(limited, workshop.container.database.url)
    async with running(application_of(container)) as http:
        yield Published(http, order.slug, await new_key(workshop), head, first)
    await container.close()


async def new_key(workshop: Workshop) -> str:
    keys: ApiKeys = workshop.container.api_keys
    async with workshop.container.database.transaction("test") as session:
        key = await keys.create(
            session, name=f"git-{uuid4()}", scope=KeyScope.ADMIN, created_by="t"
        )
    return key.plaintext


@pytest.fixture
async def fresh(workshop: Workshop, published: Published) -> Published:
    """The same repository for a caller who has asked nothing yet."""
    return Published(
        published.http, published.slug, await new_key(workshop), published.head, published.first
    )


@pytest.mark.parametrize(
    ("version", "options", "commits"),
    [
        ("0", [], 3),
        ("1", [], 3),
        ("2", [], 3),
        ("0", ["--depth=1"], 1),
        ("2", ["--depth=1"], 1),
        ("2", ["--depth=2", "--filter=blob:none"], 2),
        ("0", ["--filter=blob:none"], 3),
        ("2", ["--filter=blob:none"], 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
async def test_every_kind_of_clone_costs_one_request_of_the_quota(
    fresh: Published, tmp_path: Path, version: str, options: list[str], commits: int
) -> None:
    protocol = ("-c", f"protocol.version={version}")
    said = await read_git(
        tmp_path, *protocol, "clone", "--no-checkout", *options, fresh.url, "clone",
        GIT_TRACE_CURL="1", GIT_TRACE_CURL_NO_DATA="1",
    )  # fmt: skip
    clone = tmp_path / "clone"
    assert git(clone, "rev-parse", "HEAD") == fresh.head
    assert git(clone, "rev-list", "--count", "HEAD") == str(commits)
    # The first is sent without the password, and answered 401.
    asked = [method for method, _ in LINES.findall(said)]
    assert asked[:3] == ["GET", "GET", "POST"]
    assert set(asked[3:]) <= {"POST"}
    assert await left(fresh) == QUOTA - 2


async def left(published: Published) -> int:
    """Return what one more request leaves of the quota."""
    answer = await published.http.get("/api/orders", headers={"X-API-Key": published.key})
    found = re.search(r"r=(\d+)", answer.headers["RateLimit"])
    assert found is not None
    return int(found[1])


async def test_a_caller_without_quota_is_told_at_the_beginning(
    fresh: Published, tmp_path: Path
) -> None:
    for _ in range(QUOTA):
        await read_git(tmp_path, "ls-remote", fresh.url)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        await read_git(tmp_path, "clone", fresh.url, "clone")
    assert "429" in refused.value.stderr
    answer = await fresh.ask(b"0000")
    assert answer.status_code == 200, "what a clone has begun it may end"


@pytest.mark.parametrize("version", ["0", "2"])
async def test_a_partial_clone_gets_the_rest_when_it_needs_it(
    fresh: Published, tmp_path: Path, version: str
) -> None:
    said = await read_git(
        tmp_path, "-c", f"protocol.version={version}", "clone", "--filter=blob:none", fresh.url,
        "clone", GIT_TRACE_CURL="1", GIT_TRACE_CURL_NO_DATA="1",
    )  # fmt: skip
    assert "content-encoding: gzip" in said.lower(), "it asks for every blob by its name"
    assert (tmp_path / "clone" / "299.txt").read_text(encoding="utf-8") == "299\n"


async def test_a_shallow_clone_can_be_deepened(fresh: Published, tmp_path: Path) -> None:
    await read_git(tmp_path, "clone", "--depth=1", fresh.url, "clone")
    await read_git(tmp_path / "clone", "fetch", "--unshallow")
    assert git(tmp_path / "clone", "rev-list", "--count", "HEAD") == "3"
    git(tmp_path / "clone", "fsck", "--strict")


async def test_a_fetch_brings_what_is_new(workshop: Workshop, tmp_path: Path) -> None:
    order = await workshop.order(await workshop.place())
    product = make_repository(tmp_path / "product")
    host = LocalGitHost(workshop.container.repositories, "http://x")
    await host.publish(order.slug, product, idempotency_key="k")
    published = Published(workshop.http, order.slug, await new_key(workshop), "", "")
    await read_git(tmp_path, "clone", published.url, "clone")
    head = commit(product, "dos.txt", "dos\n")
    await host.publish(order.slug, product, idempotency_key="k2")
    await read_git(tmp_path / "clone", "fetch", "origin")
    assert git(tmp_path / "clone", "rev-parse", "origin/main") == head


async def test_dulwich_clones(fresh: Published, tmp_path: Path) -> None:
    target = str(tmp_path / "clone")
    repository = await asyncio.to_thread(porcelain.clone, fresh.url, target, depth=2)
    repository.close()
    assert git(tmp_path / "clone", "rev-parse", "HEAD") == fresh.head
    assert (tmp_path / "clone" / "299.txt").read_text(encoding="utf-8") == "299\n"


@pytest.mark.long
async def test_isomorphic_git_clones(fresh: Published, tmp_path: Path) -> None:
    url = f"{fresh.http.base_url}".rstrip("/") + fresh.path
    node = await asyncio.create_subprocess_exec(
        "node", READERS / "clone.js", url, fresh.key, tmp_path / "clone", "1",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, _ = await node.communicate()
    assert (node.returncode, said.decode().strip()) == (0, fresh.head)
    assert git(tmp_path / "clone", "status", "--porcelain") == ""


async def test_nothing_can_be_pushed(workshop: Workshop, fresh: Published, tmp_path: Path) -> None:
    product = make_repository(tmp_path / "product")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        await read_git(product, "push", "--force", fresh.url, "main")
    assert "403" in refused.value.stderr
    for method, path, status in [
        ("POST", "git-receive-pack", 404),
        ("GET", "info/refs?service=git-receive-pack", 403),
        ("GET", "info/refs?service=git-upload-archive", 403),
        ("GET", "info/refs", 403),
        ("GET", "HEAD", 404),
        ("GET", "config", 404),
        ("GET", "objects/info/packs", 404),
        ("GET", "git-upload-pack", 405),
        ("POST", "info/refs", 405),
    ]:
        answer = await fresh.http.request(
            method, f"{fresh.path}/{path}", auth=("git", await new_key(workshop))
        )
        assert answer.status_code == status, path
        assert answer.json()["status"] == status


@pytest.mark.parametrize("caller", ["owner", "other", "none"])
async def test_a_repository_is_read_by_those_who_may_read_its_order(
    workshop: Workshop, published: Published, caller: str
) -> None:
    secret = workshop.headers[caller].get("Authorization", "").removeprefix("Bearer ")
    statuses = {
        (
            await workshop.http.request(
                method,
                f"{published.path}/{path}",
                content=b"0000" if method == "POST" else None,
                headers={"Content-Type": REQUEST} if method == "POST" else None,
                auth=("git", secret) if secret else None,
            )
        ).status_code
        for method, path in (
            ("GET", "info/refs?service=git-upload-pack"),
            ("POST", "git-upload-pack"),
        )
    }
    assert statuses == {{"owner": 200, "other": 404, "none": 401}[caller]}


def zipped(size: int) -> bytes:
    """Return `size` bytes in gzip's format, without holding them."""
    chunk = b"0" * (1 << 20)
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    whole, rest = divmod(size, len(chunk))
    parts = [packer.compress(chunk) for _ in range(whole)]
    return b"".join([*parts, packer.compress(chunk[:rest]), packer.flush()])


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"0000", {}, 200),
        (gzip.compress(b"0000"), {"Content-Encoding": "gzip"}, 200),
        (gzip.compress(b"0000"), {"Content-Encoding": "x-gzip"}, 200),
        (b"0000", {"Content-Type": "application/json"}, 415),
        (b"0000", {"Content-Encoding": "br"}, 415),
        (b"0000", {"Content-Encoding": "gzip"}, 400),
        (b"0" * (8 * 1024 * 1024 + 1), {}, 413),
        # Made when they are sent: every process of the tests reads this table.
        pytest.param(
            lambda: zipped(8 * 1024 * 1024 + 1), {"Content-Encoding": "gzip"}, 413, id="8 MB zipped"
        ),
        pytest.param(
            lambda: zipped(500_000_000), {"Content-Encoding": "gzip"}, 413, id="500 MB zipped"
        ),
        # git's own answers to nonsense are part of its protocol.
        (b"\x00\xff" * 500, {"Git-Protocol": "version=2"}, 200),
        (b"0000", {"Git-Protocol": "version=2; rm -rf /"}, 200),
        (b"0000", {"Git-Protocol": "version=99"}, 200),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else str(value),
)
async def test_odd_requests(
    published: Published,
    body: bytes | Callable[[], bytes],
    headers: dict[str, str],
    status: int,
) -> None:
    answer = await published.ask(body if isinstance(body, bytes) else body(), **headers)
    assert answer.status_code == status
    if status != 200:
        assert answer.json()["status"] == status


async def test_a_caller_who_goes_away_ends_git_silently(
    workshop: Workshop, published: Published
) -> None:
    root = workshop.container.repositories
    address = urlsplit(str(published.http.base_url))
    word = base64.b64encode(f"git:{published.key}".encode()).decode()
    head = (
        f"POST {published.path}/git-upload-pack HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: {REQUEST}\r\nAuthorization: Basic {word}\r\n"
        "Content-Length: 1000\r\n\r\n0000"
    )
    with structlog.testing.capture_logs() as logged:
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(head.encode())
        await until(lambda: processes_of(root) != [])
        writer.close()
        await until(lambda: processes_of(root) == [])
        assert (await published.ask(b"0000")).status_code == 200
    assert [line["event"] for line in logged if line["log_level"] == "error"] == []


async def until(condition: Callable[[], bool]) -> None:
    """Wait for other processes, which send no event."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 — the same
            await asyncio.sleep(0.02)


async def test_an_answer_of_git_is_kept_by_no_cache_and_not_compressed(
    fresh: Published,
) -> None:
    answer = await fresh.http.get(
        f"{fresh.path}/info/refs?service=git-upload-pack",
        auth=("git", fresh.key),
        headers={"Git-Protocol": "version=2"},
    )
    assert answer.headers["Content-Type"] == "application/x-git-upload-pack-advertisement"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Content-Encoding" not in answer.headers
    assert b"version 2" in answer.content


async def test_an_order_without_a_repository_is_a_404(workshop: Workshop) -> None:
    order = await workshop.order(await workshop.place())
    published = Published(workshop.http, order.slug, await new_key(workshop), "", "")
    assert (await published.ask(b"0000")).status_code == 404
