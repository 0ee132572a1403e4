import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from axon_factory.db.embedded import DataDirHeld, DataDirLock, DataDirUnwritable, read_holder

if TYPE_CHECKING:
    from tests.db.embedded.conftest import Helpers

_HOLDER = """
import subprocess, sys
from pathlib import Path
from axon_factory.db.embedded import DataDirLock

lock = DataDirLock(Path(sys.argv[1]))
lock.acquire()
lock.publish(url="http://127.0.0.1:8123")
child = subprocess.Popen(["sleep", "300"], close_fds=False)
print(child.pid, flush=True)
child.wait()
"""


def test_the_second_is_told_who_holds_the_folder(helpers: "type[Helpers]", tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    assert read_holder(folder) is None
    holder = helpers.python("-c", _HOLDER, str(folder), stdout=subprocess.PIPE, text=True)
    child = int(holder.stdout.readline())
    try:
        facts = read_holder(folder)
        assert facts["pid"] == holder.pid
        with pytest.raises(DataDirHeld) as refusal:
            DataDirLock(folder).acquire()
        assert refusal.value.pid == holder.pid
        assert refusal.value.url == "http://127.0.0.1:8123"
        for fact in (str(folder), str(holder.pid), facts["started_at"], refusal.value.url):
            assert fact in str(refusal.value)

        holder.kill()
        holder.wait()
        assert helpers.alive(child), "the child must outlive the holder for the test to tell"
        with DataDirLock(folder) as lock:
            assert lock.held
            assert read_holder(folder)["pid"] == os.getpid()
        assert read_holder(folder) is None
    finally:
        os.kill(child, signal.SIGKILL)
        holder.stdout.close()


def test_one_process_cannot_hold_a_folder_twice(tmp_path: Path) -> None:
    with DataDirLock(tmp_path), pytest.raises(DataDirHeld, match=f"process {os.getpid()} since"):
        DataDirLock(tmp_path).acquire()


def test_looking_at_the_holder_takes_nothing_away(tmp_path: Path) -> None:
    lock = DataDirLock(tmp_path)
    lock.acquire()
    lock.publish(url="x" * 500)
    lock.publish(url="short")
    assert read_holder(tmp_path)["url"] == "short"
    lock.release()
    with pytest.raises(RuntimeError):
        lock.publish(url="late")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataDirUnwritable, match="cannot be written"):
        DataDirLock(tmp_path / "file" / "data").acquire()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DataDirUnwritable, match="Permission denied"):
        DataDirLock(tmp_path).acquire()
