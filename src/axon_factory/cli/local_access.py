"""What lets the commands of this machine in while a process serves (`accounts/local_access.py`)."""

import contextlib
import socket
from collections.abc import Generator
from pathlib import Path
from typing import cast

import structlog

from axon_factory.accounts.local_access import grant_local_access

_log = structlog.get_logger(__name__)
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 — compared, not listened at


@contextlib.contextmanager
def local_access(data_dir: Path, listener: socket.socket) -> Generator[None]:
    """Keep this machine's credential in the data folder for as long as the block runs.

    A folder that cannot be written costs the credential, and not the server.
    """
    with contextlib.ExitStack() as granted:
        try:
            granted.enter_context(grant_local_access(data_dir, _url_of(listener)))
        except OSError as error:
            _log.warning("no local credential", folder=str(data_dir), cause=error.strerror)
        yield


def _url_of(listener: socket.socket) -> str:
    """Return where the listener's process answers on this machine."""
    host, port = cast("tuple[str, int]", listener.getsockname()[:2])
    host = _ANY_ADDRESS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
