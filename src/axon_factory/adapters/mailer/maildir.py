"""The default mailer: messages land as files in a Maildir, readable without any mail server.

A message's file name is derived from its idempotency key, so a repeated call finds the first
delivery, in ``new/`` or where a mail reader has moved it, and leaves it alone.
"""

import asyncio
import fcntl
import os
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from axon_factory.adapters.mailer.message import compose, message_name
from axon_factory.domain.failure import FailureCause
from axon_factory.ports.errors import PortError
from axon_factory.ports.mailer import Mail

_FOLDERS = ("tmp", "new", "cur")


class MaildirMailer:
    """Delivers into the Maildir at `root`, which is made when missing (mode 0700).

    Args:
        root: the Maildir; on a local disk, because writers exclude one another by `flock`.
        sender: the From address, with or without a display name.
    """

    name = "maildir"

    def __init__(self, root: Path, sender: str) -> None:
        self._root = root
        self._sender = sender

    async def send(self, mail: Mail, *, idempotency_key: str) -> None:
        """Write `mail` durably into ``new/``, once for each idempotency key.

        Raises:
            PortError: a header or an address is not acceptable, or the folder is not writable
                (transient).
        """
        message = compose(mail, sender=self._sender, idempotency_key=idempotency_key)
        # Files at rest have the system's line ends; CRLF belongs on the wire (RFC 5321).
        content = message.as_bytes(policy=message.policy.clone(linesep=os.linesep))
        try:
            await asyncio.to_thread(self._deliver, message_name(idempotency_key), content)
        except OSError as error:
            raise PortError(
                f"El buzón de salida no admite el correo: {error.strerror}.",
                cause=FailureCause.ENTREGA_FALLIDA,
                transient=True,
            ) from error

    async def forget(self, idempotency_keys: Sequence[str]) -> None:
        """Remove the mails with these keys, wherever a mail reader has moved them to.

        Raises:
            PortError: one of them could not be removed (transient).
        """
        names = {message_name(key) for key in idempotency_keys}
        try:
            await asyncio.to_thread(self._remove, names)
        except OSError as error:
            raise PortError(
                f"No se pudieron borrar los correos: {error.strerror}.",
                cause=FailureCause.ENTREGA_FALLIDA,
                transient=True,
            ) from error

    def _remove(self, names: Collection[str]) -> None:
        if not self._root.is_dir():
            return
        for entry in self._root.rglob("*"):
            # A reader appends ":2," and flags, and may keep folders of its own.
            if entry.name.split(":")[0] in names and entry.is_file():
                entry.unlink(missing_ok=True)

    def _deliver(self, name: str, content: bytes) -> None:
        for folder in _FOLDERS:
            (self._root / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        with _exclusive(self._root / "tmp"):
            if not self._is_delivered(name):
                # A crashed delivery left this very name in tmp/: it is overwritten, not collected.
                temporary = self._root / "tmp" / name
                _write_durably(temporary, content)
                temporary.rename(self._root / "new" / name)
            # Also for one that was found: the process that renamed it may have died before this.
            _sync_folder(self._root / "new")

    def _is_delivered(self, name: str) -> bool:
        if (self._root / "new" / name).exists():
            return True
        # A reader that has seen a message moves it to cur/ and appends ":2," and flags.
        return any(entry.name.split(":")[0] == name for entry in (self._root / "cur").iterdir())


@contextmanager
def _exclusive(folder: Path) -> Generator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_durably(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, mode=0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
