"""JSON documents that commands read from a file or from standard input."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from axon_factory.cli.exits import CliError, Exit

STDIN = "-"
"""Names standard input where a file is named."""


def read_document(file: str) -> Mapping[str, Any]:
    """Return the JSON object in `file`.

    Raises:
        CliError: it cannot be read, or is none.
    """
    try:
        content = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise CliError(Exit.USAGE, f"No se puede leer {file}: {error.strerror}") from None
    try:
        document: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        cause = f": {error}" if isinstance(error, json.JSONDecodeError) else ""
        raise CliError(Exit.REFUSED, f"El archivo {file} no es JSON válido{cause}") from None
    if not isinstance(document, dict):
        raise CliError(Exit.REFUSED, f"El archivo {file} debe contener un objeto JSON")
    return cast("Mapping[str, Any]", document)
