from pathlib import Path

from axon_factory.db.embedded.postmaster import LogFile


def test_it_starts_anew_when_it_is_too_large_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "server.log")
    assert log.tail() == ()
    with log.open() as writer:
        writer.write(b"first\n" + b"x" * 9_000_000 + b"\nlast\n")
        log.bound()
        assert log.size() == 0
        writer.write(b"next\n")
        log.bound()
    assert log.tail() == ("next",)
    assert (tmp_path / "server.log.1").read_bytes().endswith(b"last\n")
    assert log.path.stat().st_mode & 0o077 == 0


def test_the_tail_begins_where_asked(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "server.log")
    with log.open() as writer:
        writer.write(b"old\n")
        position = log.size()
        writer.write("".join(f"line {n}\n" for n in range(50)).encode())
    assert log.tail(position)[-1] == "line 49"
    assert "old" not in log.tail(position)
    assert len(log.tail()) == 20
