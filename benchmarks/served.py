"""One `axon serve` process for a measurement, without rate limits."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

__all__ = ["served"]

_UNLIMITED = {f"AXON_RATE_LIMIT_{kind}": "0" for kind in ("READS", "WRITES", "COSTLY", "ANONYMOUS")}


@asynccontextmanager
async def served(database_url: str, data_dir: Path, *, port: int = 18099) -> AsyncGenerator[str]:
    """Yield the address of an API on `database_url`.

    Raises:
        RuntimeError: it did not start.
    """
    variables = {"AXON_DATABASE_URL": database_url, "AXON_DATA_DIR": str(data_dir)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "axon_factory", "serve", "--port", str(port), "--json"),
        env=os.environ | _UNLIMITED | variables,
        stdout=asyncio.subprocess.PIPE,
    )
    if process.stdout is None:
        raise RuntimeError("the server has no output")
    try:
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        found = re.search(r'"escucha": "([^"]+)"', line)
        if found is None:
            raise RuntimeError(f"the server did not start: {line}")
        yield found[1]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
