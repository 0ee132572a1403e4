"""Where a command's logs go: standard error, so that standard output stays the answer."""

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

import structlog

from axon_factory.settings import Settings

_FILE_BYTES = 8 * 1024 * 1024
_OLDER_FILES = 3
_LIBRARIES = ("procrastinate", "uvicorn", "sqlalchemy", "psycopg", "alembic", "asyncio", "httpx2")


def configure_logging(settings: Settings, file: Path | None = None) -> None:
    """Send every log line, the libraries' too, to `file` or standard error.

    Libraries speak from warnings on, unless the level is debug.
    """
    handler: logging.Handler = logging.StreamHandler(sys.stderr)
    if file is not None:
        handler = RotatingFileHandler(
            file, maxBytes=_FILE_BYTES, backupCount=_OLDER_FILES, encoding="utf-8"
        )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=file is None and sys.stderr.isatty(),
                # The pretty one shows local variables: slow, and secrets may be among them.
                exception_formatter=structlog.dev.plain_traceback,
            )
        ]
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for name in _LIBRARIES:
        quiet = logging.NOTSET if settings.log_level == "debug" else logging.WARNING
        logging.getLogger(name).setLevel(quiet)
