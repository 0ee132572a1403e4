"""`python -m app`: serve until SIGTERM."""

import logging
import sys

import uvicorn

from app.main import create_app
from app.settings import Settings


def main() -> None:
    """Serve on HOST:PORT, logging to standard output."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stdout, format="%(asctime)s %(levelname)s %(message)s"
    )
    settings = Settings.from_environment()
    # The access log would write query strings, and with them the token of the CSV feed.
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


main()
