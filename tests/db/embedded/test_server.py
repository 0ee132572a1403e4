import asyncio
import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from axon_factory.db.embedded import (
    BinariesMissing,
    DataDirHeld,
    DataDirLock,
    DataDirUnwritable,
    EmbeddedPostgres,
    StartFailed,
    VersionMismatch,
    read_dsn,
)

if TYPE_CHECKING:
    from tests.db.embedded.conftest import Helpers

pytestmark = pytest.mark.proven("embedded")


async def test_data_and_address_survive_a_restart(helpers: "type[Helpers]", tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    async with EmbeddedPostgres(folder) as server:
        first = server.dsn
        helpers.query(first, "CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS n")
    assert not helpers.answers(first)
    assert (folder / "postgresql.json").stat().st_mode & 0o777 == 0o600
    async with EmbeddedPostgres(folder) as server:
        assert server.dsn == first
        assert helpers.query(first, "SELECT n FROM kept") == [(42,)]


async def test_how_the_server_is_set_up(helpers: "type[Helpers]", data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as server:
        parts = conninfo_to_dict(server.dsn)
        assert (parts["host"], parts["dbname"], parts["user"]) == ("127.0.0.1", "axon", "axon")
        expected = {
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "data_checksums": "on",
            "server_encoding": "UTF8",
            "listen_addresses": "127.0.0.1",
            "password_encryption": "scram-sha-256",
            "max_connections": "100",
            "TimeZone": "UTC",
        }
        for name, value in expected.items():
            assert helpers.query(server.dsn, f"SHOW {name}") == [(value,)], name
        assert helpers.query(
            server.dsn, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
        ) == [(False,)]
        assert helpers.query(
            server.dsn, "SELECT lower('ÁRBOL'), to_tsvector('spanish', '¿ÁRBOLES?')::text"
        ) == [("árbol", "'arbol':1")]
        listening = [
            line for line in server.log_path.read_text().splitlines() if "listening on" in line
        ]
        assert all("127.0.0.1" in line for line in listening)
        assert listening
        assert "SELECT" not in server.log_path.read_text()
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(make_conninfo(server.dsn, password="guessed"))


async def test_nothing_of_our_environment_and_no_root_reaches_the_server(
    helpers: "type[Helpers]", own_data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET_KEY", "of ours")
    above = [*own_data_dir.parents]
    before = [(path.stat().st_mode, path.stat().st_uid) for path in above]
    async with EmbeddedPostgres(own_data_dir) as server:
        process = Path(f"/proc/{server.pid}")
        uid = int(process.joinpath("status").read_text().partition("\nUid:")[2].split()[0])
        assert uid != 0
        assert (uid == os.geteuid()) == (os.geteuid() != 0)
        with suppress(PermissionError):  # root in a container may not look
            assert b"A_SECRET_KEY" not in process.joinpath("environ").read_bytes()
    assert [(path.stat().st_mode, path.stat().st_uid) for path in above] == before


async def test_a_second_server_on_the_folder_is_refused(
    helpers: "type[Helpers]", data_dir: Path
) -> None:
    async with EmbeddedPostgres(data_dir) as server:
        with pytest.raises(DataDirHeld, match=f"held by process {os.getpid()} since"):
            await EmbeddedPostgres(data_dir).start()
        assert helpers.answers(server.dsn)


async def test_the_callers_lock_is_used_and_stays_his(data_dir: Path) -> None:
    with DataDirLock(data_dir) as lock:
        async with EmbeddedPostgres(data_dir, lock=lock):
            lock.publish(url="http://127.0.0.1:8123")
            with pytest.raises(DataDirHeld, match=r"answers at http://127\.0\.0\.1:8123"):
                await EmbeddedPostgres(data_dir).start()
        assert lock.held


async def test_other_commands_find_the_running_server(data_dir: Path) -> None:
    assert read_dsn(data_dir) is None
    assert read_dsn(data_dir / "missing") is None
    async with EmbeddedPostgres(data_dir) as server:
        assert await asyncio.to_thread(read_dsn, data_dir) == server.app_dsn
        assert await asyncio.to_thread(read_dsn, data_dir, owner=True) == server.dsn
    assert read_dsn(data_dir) is None


async def test_a_port_taken_meanwhile_is_replaced(helpers: "type[Helpers]", data_dir: Path) -> None:
    async with EmbeddedPostgres(data_dir) as server:
        first = server.port
    with socket.create_server(("127.0.0.1", first)):
        async with EmbeddedPostgres(data_dir) as server:
            assert server.port != first
            assert helpers.answers(server.dsn)
        second = server.port
    async with EmbeddedPostgres(data_dir) as server:
        assert server.port == second


async def test_a_port_taken_between_probe_and_bind_is_replaced(
    helpers: "type[Helpers]", data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The race itself: the probe sees every port as free.
    monkeypatch.setattr("axon_factory.db.embedded.server._is_free", lambda _: True)
    async with EmbeddedPostgres(data_dir) as server:
        first = server.port
    with socket.create_server(("127.0.0.1", first)):
        async with EmbeddedPostgres(data_dir) as server:
            assert server.port != first
            assert helpers.answers(server.dsn)


async def test_a_port_asked_for_is_used_or_refused(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartFailed, match=f"Port {port} on 127.0.0.1 is taken"):
            await EmbeddedPostgres(data_dir, port=port).start()
    async with EmbeddedPostgres(data_dir, port=port) as server:
        assert f":{port}/" in server.dsn


async def test_a_path_too_long_for_postgresql(
    helpers: "type[Helpers]", own_data_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path.joinpath(*["long" * 30] * 9)
    folder.mkdir(parents=True)
    assert len(str(folder)) > 1023
    shutil.move(own_data_dir, folder / "data")
    async with EmbeddedPostgres(folder / "data") as server:
        assert helpers.answers(server.dsn)


async def test_data_of_another_major_version(own_data_dir: Path) -> None:
    (own_data_dir / "postgresql" / "PG_VERSION").write_text("13\n")
    with pytest.raises(VersionMismatch, match="was made by PostgreSQL 13, but"):
        await EmbeddedPostgres(own_data_dir).start()


@pytest.mark.parametrize("folder", ["empty", "missing"])
async def test_no_programs(tmp_path: Path, folder: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BinariesMissing, match=folder):
        await EmbeddedPostgres(tmp_path / "data", binaries=tmp_path / folder).start()


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirUnwritable):
        await EmbeddedPostgres(tmp_path / "file" / "data").start()


async def test_a_failed_start_shows_the_log_and_frees_the_folder(
    helpers: "type[Helpers]", own_data_dir: Path
) -> None:
    settings = own_data_dir / "postgresql" / "postgresql.conf"
    good = settings.read_text()
    settings.write_text(f"{good}\nno_such_setting = 1\n")
    with pytest.raises(StartFailed, match="no_such_setting") as failure:
        await EmbeddedPostgres(own_data_dir).start()
    assert any("no_such_setting" in line for line in failure.value.log_tail)
    settings.write_text(good)
    async with EmbeddedPostgres(own_data_dir) as server:
        assert helpers.answers(server.dsn)


async def test_lost_passwords_are_said(own_data_dir: Path) -> None:
    (own_data_dir / "postgresql.json").unlink()
    with pytest.raises(StartFailed, match="passwords"):
        await EmbeddedPostgres(own_data_dir).start()


async def test_cancelling_stops_the_server(helpers: "type[Helpers]", data_dir: Path) -> None:
    pids: list[int] = []

    async def serve() -> None:
        async with EmbeddedPostgres(data_dir) as server:
            pids.append(server.pid)
            await asyncio.Event().wait()

    task = asyncio.create_task(serve())
    await helpers.until(lambda: bool(pids))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not helpers.alive(pids[0])


@pytest.mark.nightly
@pytest.mark.skipif(os.geteuid() != 0, reason="this is the run as a normal user, or has no root")
def test_the_essentials_hold_for_a_normal_user(public_dir: Path) -> None:
    """Runs this folder's tests of what depends on the user again, as one who has nothing."""
    tests = "survive or environment or may_not_be_written or unaided or stale"
    here, nobody = Path(__file__).parent, 65534
    package = Path(psycopg.__file__).parents[1]
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": f"{here.parents[2] / 'src'}{os.pathsep}{package}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    for python in (sys.executable, "/usr/bin/python3"):
        probe = [python, "-c", f"import psycopg, pytest, {EmbeddedPostgres.__module__}"]
        options = {"user": nobody, "group": nobody, "extra_groups": [], "env": environment}
        try:
            found = (
                subprocess.run(
                    probe, check=False, capture_output=True, cwd="/", **options
                ).returncode
                == 0
            )
        except PermissionError:
            found = False
        if found:
            break
    else:
        pytest.skip("no Python that a normal user can run has the packages of the tests")
    home = public_dir / "home"
    home.mkdir()
    os.chown(home, nobody, nobody)
    command = [python, "-m", "pytest", str(here), "-q", "-p", "no:cacheprovider", "-k", tests]
    run = subprocess.run(
        [*command, "--basetemp", str(home / "tmp")],
        check=False,
        capture_output=True,
        text=True,
        cwd=here.parents[2],
        **options,
    )
    print(run.stdout)  # noqa: T201 — shown when the run failed
    assert run.returncode == 0, run.stderr
    assert " passed" in run.stdout
