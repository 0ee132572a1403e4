"""Let a person change a JSON document in the editor of their choice."""

import asyncio
import json
import os
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from axon_factory.cli.documents import read_document
from axon_factory.cli.exits import CliError, Exit

_USUAL_EDITOR = "vi"


async def edit_document(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `document` as it is saved in $VISUAL or $EDITOR; the file is gone afterwards.

    Raises:
        CliError: the editor cannot be started or fails, or leaves no JSON object.
    """
    chosen = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _USUAL_EDITOR
    with tempfile.TemporaryDirectory(prefix="axon-") as folder:
        file = Path(folder) / "plan.json"
        text = json.dumps(document, ensure_ascii=False, indent=2)
        file.write_text(f"{text}\n", encoding="utf-8")
        try:
            editor = await asyncio.create_subprocess_exec(*shlex.split(chosen), str(file))
        except (OSError, ValueError) as error:
            raise CliError(
                Exit.USAGE, f"No se puede abrir el editor '{chosen}' ({error}): define EDITOR"
            ) from None
        if await editor.wait() != 0:
            raise CliError(Exit.REFUSED, f"El editor '{chosen}' falló: no se cambió nada")
        return read_document(str(file))
