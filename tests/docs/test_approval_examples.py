"""The approver's guide runs: every bash block of docs/approval.md, over API and program."""

import shutil
import sys
from pathlib import Path

import pytest

from axon_factory.accounts.local_access import grant_local_access
from tests.docs.test_api_examples import PATH, Shell, run_guide
from tests.support.workshop import SECRET_KEY, Workshop

GUIDE = Path(__file__).parents[2] / "docs" / "approval.md"
PROGRAM = '#!/bin/sh\nexec "{python}" -m axon_factory "$@"\n'


@pytest.mark.skipif(shutil.which("curl") is None, reason="the guide's examples need curl")
async def test_examples_of_the_guide(fresh_workshop: Workshop, tmp_path: Path) -> None:
    folder = tmp_path / "shell"
    folder.mkdir()
    program = folder / "axon"
    program.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    container = fresh_workshop.container
    shell = Shell(
        folder,
        {
            "PATH": f"{folder}:{PATH}",
            "LANG": "C.UTF-8",
            "API": str(fresh_workshop.http.base_url).rstrip("/"),
            "TOKEN": fresh_workshop.headers["admin"]["Authorization"].removeprefix("Bearer "),
            "AXON_DATABASE_URL": container.database.url,
            "AXON_DATA_DIR": str(container.data_dir),
            "AXON_SECRET_KEY": SECRET_KEY,
        },
    )
    with grant_local_access(container.data_dir, str(fresh_workshop.http.base_url)):
        await run_guide(GUIDE, fresh_workshop, shell)
