"""Becomes a PostgreSQL program: drops root, asks to be signalled when the parent dies, execs.

Run as a file (``python -I -S launch.py PARENT UID GID SIGNAL PROGRAM [ARGUMENT...]``) rather than
as a ``preexec_fn``, which is unsafe in a process that has threads; it imports next to nothing.
UID -1 keeps the user. The working folder is the starter's choice. The program gets it as descriptor
`FOLDER`: opened by root before root is dropped, it stays usable below folders that the new user may
not traverse. The program itself works in the root folder, because PostgreSQL 14 and 15 leave their
working folder at the start and come back to it by its path.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
FOLDER = 9
"""A shell opens its own files from 10 on, and initdb starts the server through one."""
EXIT_CANNOT_RUN = 126  # what a shell answers for a program that it may not execute


def main(arguments: list[str]) -> None:
    """Execute the program; returns only by an exception or an exit.

    Args:
        arguments: Parent pid, uid, gid, number of the death signal, program, its arguments.
    """
    parent, uid, gid, death_signal = (int(argument) for argument in arguments[:4])
    program = arguments[4]
    # Before root is dropped: the new user may be unable to read Python's own library.
    libc = _libc()
    os.dup2(os.open(".", os.O_RDONLY | os.O_DIRECTORY), FOLDER)
    os.chdir("/")
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    # Python ignores these two, and ignored signals outlive exec.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    if libc is not None:
        # After setuid: a change of user clears it (prctl(2)).
        libc.prctl(_PR_SET_PDEATHSIG, death_signal)
    if os.getppid() != parent:
        sys.exit("the starter died before the program began")
    try:
        os.execv(program, arguments[4:])  # noqa: S606 — executing a program is what this is for
    except OSError as error:
        sys.stderr.write(f"cannot execute {program}: {error.strerror}\n")
        sys.exit(EXIT_CANNOT_RUN)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None


if __name__ == "__main__":
    main(sys.argv[1:])
