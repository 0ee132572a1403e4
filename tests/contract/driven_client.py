"""Runs a program that drives a generated client, and lets the line go on when it asks.

The program prints "advance ID", reads "advanced", and prints "done" at its end.
"""

import asyncio
import json
import os
from pathlib import Path
from uuid import UUID

from tests.support.workshop import PASSWORD, Workshop

__all__ = ["drive"]


async def drive(workshop: Workshop, *command: str | Path, **environment: str) -> None:
    """Run `command` to its end, and fail unless it is done and reports no error."""
    given = {
        "AXON_ADDRESS": str(workshop.http.base_url),
        "AXON_HEADERS": json.dumps({name: dict(it) for name, it in workshop.headers.items()}),
        "AXON_EMAIL": "admin@example.com",
        "AXON_PASSWORD": PASSWORD,
    }
    process = await asyncio.create_subprocess_exec(
        *command,
        env={**os.environ, **given, **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    said: list[str] = []
    async for line in process.stdout:
        said.append(line.decode().strip())
        if said[-1].startswith("advance "):
            order_id = UUID(said[-1].removeprefix("advance "))
            while await workshop.line.advance(order_id) is not None:
                pass
            process.stdin.write(b"advanced\n")
            await process.stdin.drain()
    assert (await process.stderr.read()).decode() == ""
    assert await process.wait() == 0
    assert said[-1] == "done"
