import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from axon_factory.db.embedded import EmbeddedPostgres, StartFailed, read_dsn
from axon_factory.db.embedded.cluster import Cluster
from axon_factory.db.embedded.postmaster import LogFile, Postmaster, server_processes
from axon_factory.db.embedded.programs import run

if TYPE_CHECKING:
    from tests.db.embedded.conftest import Helpers

pytestmark = pytest.mark.proven("embedded")


async def test_killing_the_parent_ends_the_server_and_loses_nothing(
    helpers: "type[Helpers]", data_dir: Path
) -> None:
    parent, pid, dsn = helpers.hold(data_dir)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS n")
        parent.kill()
        parent.wait()
        parent.stdout.close()
        async with EmbeddedPostgres(data_dir) as server:
            assert not helpers.alive(pid)
            assert server.pid != pid
            assert server.dsn == dsn
            assert helpers.query(dsn, "SELECT n FROM kept") == [(42,)]


async def test_killing_the_parent_ends_the_server_unaided(
    helpers: "type[Helpers]", data_dir: Path
) -> None:
    parent, pid, dsn = helpers.hold(data_dir)
    assert read_dsn(data_dir, owner=True) == dsn
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert read_dsn(data_dir) is None
    await helpers.until(lambda: not helpers.alive(pid))
    assert "database system is shut down" in (data_dir / "postgresql.log").read_text()


@pytest.mark.parametrize("whose", ["the server's user", "root", "nobody's: it is dead"])
async def test_a_stale_pid_file_hinders_nobody(
    helpers: "type[Helpers]", data_dir: Path, sleepers: Callable[..., int], whose: str
) -> None:
    cluster = data_dir / "postgresql"
    async with EmbeddedPostgres(data_dir):
        left = cluster.joinpath("postmaster.pid").read_text().splitlines()
        uid = cluster.stat().st_uid
    if whose == "root":
        if os.geteuid() != 0:
            pytest.skip("only root can start root's process")
        uid = 0
    pid = sleepers(uid if os.geteuid() == 0 else None)
    if whose.endswith("dead"):
        pid = 2**22 - 1  # the largest number there is, or beyond it
    cluster.joinpath("postmaster.pid").write_text("\n".join([str(pid), *left[1:]]) + "\n")
    async with EmbeddedPostgres(data_dir) as server:
        assert helpers.answers(server.dsn)


async def test_a_server_left_alive_is_ended_and_replaced(
    helpers: "type[Helpers]", data_dir: Path
) -> None:
    """As where a parent's death gives no signal."""
    cluster = Cluster(data_dir)
    account = cluster.adopt()
    newest = await helpers.programs()
    left = Postmaster(cluster, newest, account, LogFile(data_dir / "postgresql.log"))
    port = cluster.load().port
    await left.launch(port)
    try:
        old = left.pid
        assert old in server_processes(cluster.folder)
        async with EmbeddedPostgres(data_dir) as server:
            assert left.pid is None
            assert await left.wait() == 0, "a fast shutdown, not a crash"
            assert server.pid != old
            assert server.port == port
            assert helpers.answers(server.dsn)
    finally:
        await left.end()


async def test_a_server_somebody_else_started_is_left_alone(
    helpers: "type[Helpers]", own_data_dir: Path
) -> None:
    cluster = Cluster(own_data_dir)
    account = cluster.adopt()
    newest = await helpers.programs()
    port = cluster.load().port
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
    code, output = await run(
        [
            *[str(newest.bin / "pg_ctl"), "start", "-w", "-D", cluster.path_for_server],
            *["-o", options, "-l", f"{cluster.path_for_server}/by_hand.log"],
        ],
        account,
        folder=cluster.folder,
    )
    assert code == 0, output
    pid = int(cluster.folder.joinpath("postmaster.pid").read_text().split()[0])
    try:
        with pytest.raises(StartFailed):
            await EmbeddedPostgres(own_data_dir).start()
        assert helpers.alive(pid)
        assert cluster.folder.joinpath("postmaster.pid").exists()
    finally:
        os.kill(pid, signal.SIGINT)
        await helpers.until(lambda: not helpers.alive(pid))


async def test_a_killed_server_comes_back_by_itself(
    helpers: "type[Helpers]", data_dir: Path
) -> None:
    async with EmbeddedPostgres(data_dir) as server:
        dsn = server.dsn
        helpers.query(dsn, "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS n")
        for restarts, work in (
            (1, "SELECT pg_sleep(60)"),
            (2, "DO $$ BEGIN LOOP END LOOP; END $$"),
        ):
            # The second kind of work does not notice that the server is gone, and so keeps its
            # shared memory from the next one.
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
                working = asyncio.create_task(connection.execute(work))
                await helpers.until(lambda expected=work: helpers.is_running(dsn, expected))
                old = server.pid
                os.kill(old, signal.SIGKILL)
                await helpers.until(lambda expected=restarts: server.restarts == expected)
                assert server.pid != old
                assert server.dsn == dsn
                assert helpers.query(dsn, "SELECT n FROM kept") == [(42,)]
                with pytest.raises(psycopg.OperationalError):
                    await working
    assert not server_processes(data_dir / "postgresql")


async def test_a_killed_backend_is_the_servers_own_business(
    helpers: "type[Helpers]", data_dir: Path
) -> None:
    async with EmbeddedPostgres(data_dir) as server:
        async with await psycopg.AsyncConnection.connect(server.dsn) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            await helpers.until(lambda: helpers.answers(server.dsn))
        assert server.restarts == 0


async def test_an_interrupted_first_start_is_completed(
    helpers: "type[Helpers]", tmp_path: Path
) -> None:
    half = tmp_path / "postgresql-new-half"
    half.mkdir()
    half.joinpath("PG_VERSION").write_text("18\n")
    newest = await helpers.programs()
    memory = await Cluster(tmp_path).create(newest)
    assert not half.exists()
    assert not memory.prepared, "role and database are still missing"
    async with EmbeddedPostgres(tmp_path) as server:
        assert helpers.answers(server.dsn)
