"""Which versions of PostgreSQL the factory runs on."""

import psycopg
from sqlalchemy.engine import make_url

SUPPORTED_MAJORS = range(14, 19)
_NUMBERS_A_MAJOR = 10_000
"""`server_version_num` is 140023 for PostgreSQL 14.23 (documentation, "Preset Options")."""


class ServerUnsupported(Exception):
    """The server is of another version; the message is a Spanish sentence."""


def supported() -> str:
    """Return the supported versions for a sentence: "14 a 18"."""
    return f"{SUPPORTED_MAJORS.start} a {SUPPORTED_MAJORS.stop - 1}"


def check_server(url: str) -> None:
    """Refuse a server of a version that nobody has tried; one connection, no query.

    Raises:
        ServerUnsupported: it is older or newer than the supported ones.
        psycopg.OperationalError: it cannot be reached.
    """
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address, connect_timeout=5) as connection:
        number = connection.info.server_version
        shown = connection.info.parameter_status("server_version") or str(number)
    if number // _NUMBERS_A_MAJOR not in SUPPORTED_MAJORS:
        raise ServerUnsupported(
            f"El servidor es PostgreSQL {shown}, y Axon Factory funciona con {supported()}: "
            "indica otro en AXON_DATABASE_URL"
        )
