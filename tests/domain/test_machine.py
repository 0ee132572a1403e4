"""Which errors are the machine's: by errno, signal, SQLSTATE, and what programs say."""

import errno
import os
import shutil
import ssl

import psycopg.errors
import pytest
from sqlalchemy.exc import OperationalError

from axon_factory.domain.failure import (
    FailureCause,
    MachineTrouble,
    Trouble,
    trouble_of,
    trouble_said,
)
from axon_factory.ports.errors import PortError

_T = Trouble


def _system(number: int, name: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), name)


def _caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def _port(trouble: MachineTrouble | None = None) -> PortError:
    return PortError("falló", cause=FailureCause.CONSTRUCCION_FALLIDA, trouble=trouble)


ERRORS: dict[str, tuple[BaseException, Trouble | None]] = {
    "disk full": (_system(errno.ENOSPC, "/data/x"), _T.DISCO_LLENO),
    "quota": (_system(errno.EDQUOT), _T.DISCO_LLENO),
    "disk broken": (_system(errno.EIO), _T.DISCO_AVERIADO),
    "read-only disk": (_system(errno.EROFS), _T.DISCO_AVERIADO),
    "no memory": (_system(errno.ENOMEM), _T.SIN_MEMORIA),
    "no memory in Python": (MemoryError(), _T.SIN_MEMORIA),
    "open files": (_system(errno.EMFILE), _T.SIN_RECURSOS),
    "open files of all": (_system(errno.ENFILE), _T.SIN_RECURSOS),
    "no more processes": (_system(errno.EAGAIN), _T.SIN_RECURSOS),
    "no null device": (_system(errno.EACCES, "/dev/null"), _T.SIN_AISLAMIENTO),
    "a file that is missing": (_system(errno.ENOENT, "/data/x"), None),
    "a file that is closed to us": (_system(errno.EACCES, "/data/x"), None),
    "TLS that broke off": (ssl.SSLSyscallError(5, "Some I/O error occurred"), None),
    "a copied folder": (
        shutil.Error([("/a/x", "/b/x", "[Errno 28] No space left on device: '/b/x'")]),
        _T.DISCO_LLENO,
    ),
    "a copied folder with a closed file": (
        shutil.Error([("/a/x", "/b/x", "[Errno 13] Permission denied: '/a/x'")]),
        None,
    ),
    "nobody listens": (_system(errno.ECONNREFUSED), None),
    "no errno": (OSError("no file"), None),
    "a bug": (KeyError("x"), None),
    "a port's own failure": (_port(), None),
    "a port that says so": (_port(MachineTrouble(_T.SOBRECARGA)), _T.SOBRECARGA),
    "its cause": (_caused(_port(), _system(errno.ENOSPC)), _T.DISCO_LLENO),
    "the cause's cause": (
        _caused(_port(), _caused(ValueError("x"), _system(errno.EMFILE))),
        _T.SIN_RECURSOS,
    ),
    "PostgreSQL's disk": (psycopg.errors.DiskFull("could not extend file"), _T.DISCO_LLENO),
    "PostgreSQL's disk, by SQLAlchemy": (
        OperationalError("INSERT", {}, psycopg.errors.DiskFull("could not extend file")),
        _T.DISCO_LLENO,
    ),
    "PostgreSQL's memory": (psycopg.errors.OutOfMemory("out of memory"), _T.SIN_MEMORIA),
    "PostgreSQL's file": (psycopg.errors.IoError("could not read block"), _T.DISCO_AVERIADO),
    "PostgreSQL is away": (psycopg.OperationalError("connection refused"), None),
    "a refused row": (psycopg.errors.UniqueViolation("duplicate key"), None),
}


@pytest.mark.parametrize(("error", "expected"), ERRORS.values(), ids=ERRORS)
def test_whose_an_error_is(error: BaseException, expected: Trouble | None) -> None:
    found = trouble_of(error)
    assert (found.kind if found else None) == expected


def test_what_is_handled_meanwhile_counts_unless_it_is_taken_out() -> None:
    def fail(*, out: bool) -> None:
        try:
            raise _system(errno.ENOSPC)
        except OSError as error:
            if out:
                raise _port() from None
            raise _port() from error

    for out, expected in ((False, _T.DISCO_LLENO), (True, None)):
        with pytest.raises(PortError) as failure:
            fail(out=out)
        found = trouble_of(failure.value)
        assert (found.kind if found else None) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("fatal: write error: No space left on device", _T.DISCO_LLENO),
        ("OSError: [Errno 28] No space left on device: '/x/y'", _T.DISCO_LLENO),
        ("error: unable to write file x: Disk quota exceeded\nfatal: x", _T.DISCO_LLENO),
        ("fatal: mmap failed: Cannot allocate memory", _T.SIN_MEMORIA),
        ("fatal: Out of memory, malloc failed (tried to allocate 9 bytes)", _T.SIN_MEMORIA),
        ("MemoryError", _T.SIN_MEMORIA),
        ("error: cannot fork() for x: Resource temporarily unavailable", _T.SIN_RECURSOS),
        ("fatal: open /dev/null or dup failed: Too many open files", _T.SIN_RECURSOS),
        ("tar: x: Cannot open: Read-only file system", _T.DISCO_AVERIADO),
        ("fatal: not a git repository", None),
        ("error: pathspec 'No space left on device.md' did not match", None),
        ("", None),
    ],
)
def test_what_programs_say(said: str, expected: Trouble | None) -> None:
    assert trouble_said(said) == expected
