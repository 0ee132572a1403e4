"""The credential of this machine's administrator lives as long as the process that left it."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from axon_factory.accounts.local_access import LOCAL_PREFIX, LocalAccess, grant_local_access

URL = "http://127.0.0.1:8000"
HOLD = """
import sys, time
from pathlib import Path
from axon_factory.accounts.local_access import grant_local_access
with grant_local_access(Path(sys.argv[1]), "http://127.0.0.1:1"):
    print(flush=True)
    time.sleep(60)
"""


def credentials(folder: Path) -> list[Path]:
    return sorted(folder.glob("local-*"))


def test_it_serves_while_the_block_runs_and_each_start_has_another(tmp_path: Path) -> None:
    access = LocalAccess(tmp_path)
    tokens = []
    for _ in range(2):
        with grant_local_access(tmp_path, URL):
            (file,) = credentials(tmp_path)
            assert file.stat().st_mode & 0o777 == 0o600
            found = access.newest()
            assert found is not None
            assert (found.url, found.token in repr(found)) == (URL, False)
            assert access.user_of(found.token) == found.user
            tokens.append(found.token)
        assert credentials(tmp_path) == []
        assert access.newest() is None
        assert access.user_of(tokens[-1]) is None
    assert tokens[0] != tokens[1]


def test_several_processes_leave_one_each(tmp_path: Path) -> None:
    access = LocalAccess(tmp_path)
    with grant_local_access(tmp_path, URL):
        first = access.newest()
        with grant_local_access(tmp_path, "http://127.0.0.1:8001"):
            os.utime(credentials(tmp_path)[0])
            assert len(credentials(tmp_path)) == 2
        assert first is not None
        assert access.user_of(first.token) == first.user


def test_another_factory_does_not_take_it(tmp_path: Path) -> None:
    with (
        grant_local_access(tmp_path / "one", URL),
        grant_local_access(tmp_path / "other", URL),
    ):
        found = LocalAccess(tmp_path / "one").newest()
        assert found is not None
        assert LocalAccess(tmp_path / "other").user_of(found.token) is None


async def test_a_killed_process_leaves_a_file_that_opens_nothing(tmp_path: Path) -> None:
    access = LocalAccess(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HOLD, str(tmp_path)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    await process.stdout.readline()
    found = access.newest()
    assert found is not None
    process.send_signal(signal.SIGKILL)
    await process.wait()
    assert credentials(tmp_path)
    assert (access.newest(), access.user_of(found.token)) == (None, None)
    with grant_local_access(tmp_path, URL):
        assert len(credentials(tmp_path)) == 1, "the next start removes what was left behind"


def test_a_file_that_others_could_have_read_or_put_there_opens_nothing(tmp_path: Path) -> None:
    access = LocalAccess(tmp_path)
    with grant_local_access(tmp_path, URL):
        (file,) = credentials(tmp_path)
        found = access.newest()
        assert found is not None
        file.chmod(0o640)
        assert (access.newest(), access.user_of(found.token)) == (None, None)
        file.chmod(0o600)
        real = tmp_path / "real.json"
        file.rename(real)
        file.symlink_to(real)
        assert (access.newest(), access.user_of(found.token)) == (None, None)


@pytest.mark.parametrize(
    "token",
    [
        "",
        LOCAL_PREFIX,
        f"{LOCAL_PREFIX}../../etc/x_{'a' * 43}",
        f"{LOCAL_PREFIX}{'0' * 16}_{'a' * 43}",
    ],
)
def test_what_is_no_credential_opens_nothing(tmp_path: Path, token: str) -> None:
    with grant_local_access(tmp_path, URL):
        assert LocalAccess(tmp_path).user_of(token) is None
