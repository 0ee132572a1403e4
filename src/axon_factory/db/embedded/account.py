"""The user the server runs as when Axon Factory was started by root, whom PostgreSQL refuses.

The server gets a number of its own that has no account: nothing is added to the system, and no
other service shares the user, so none can signal the server or read its files. ``initdb`` however
looks up its user's name, so it runs as an existing unprivileged account and the new files are given
to the number afterwards.
"""

import grp
import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from axon_factory.db.embedded.errors import StartFailed

# Between the ranges that systemd hands out, and below 65536 for containers that map no more.
_FIRST_NUMBER = 60700
_LAST_NUMBER = 61183


@dataclass(frozen=True)
class Account:
    """A numeric user and group."""

    uid: int
    gid: int


def server_account(cluster: Path) -> Account | None:
    """Choose whom the server runs as.

    Args:
        cluster: PostgreSQL's folder; it need not exist yet.

    Returns:
        The owner of the folder, or the dedicated number when it is new or root's; None when this
        process is not root, and the server therefore runs as the same user.

    Raises:
        StartFailed: Every number of the dedicated range has an account.
    """
    if os.geteuid() != 0:
        return None
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    for number in range(_FIRST_NUMBER, _LAST_NUMBER + 1):
        if not _is_taken(number):
            return Account(number, number)
    raise StartFailed("There is no free user number for PostgreSQL, which refuses to run as root.")


def named_account() -> Account:
    """Find an unprivileged account that has a name, for ``initdb``.

    Raises:
        StartFailed: The system knows no user but root.
    """
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        entry = next((entry for entry in pwd.getpwall() if entry.pw_uid != 0), None)
    if entry is None or entry.pw_uid == 0:
        raise StartFailed("PostgreSQL's initdb needs an unprivileged account such as 'nobody'.")
    return Account(entry.pw_uid, entry.pw_gid)


def give_tree(folder: Path, account: Account) -> None:
    """Give a folder with all that is in it to an account; the folder itself last.

    So an interrupted call is seen by the folder's owner and can be repeated.
    """
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent, name), account.uid, account.gid, follow_symlinks=False)
    os.chown(folder, account.uid, account.gid, follow_symlinks=False)


def _is_taken(number: int) -> bool:
    try:
        pwd.getpwuid(number)
    except KeyError:
        pass
    else:
        return True
    try:
        grp.getgrgid(number)
    except KeyError:
        return False
    return True
