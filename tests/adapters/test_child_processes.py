"""What runs for an adapter ends with the task that ran it."""

import asyncio
import os
import select
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from axon_factory.adapters.child_processes import Processes, start_group
from axon_factory.adapters.git_command import run_git
from axon_factory.adapters.sandbox.processes import run_captured


def by_builder(script: Path) -> Coroutine[Any, Any, object]:
    return Processes().run(
        "s", [script], environment=dict(os.environ), directory=script.parent, timeout=60
    )


def by_sandbox(script: Path) -> Coroutine[Any, Any, object]:
    environment = dict(os.environ)
    return run_captured([str(script)], environment=environment, wall_seconds=60, output_bytes=1000)


def by_git(script: Path) -> Coroutine[Any, Any, object]:
    return run_git(["wait"], home=script.parent, configuration=[f"alias.wait=!{script}"])


@pytest.mark.parametrize("run", [by_builder, by_sandbox, by_git])
@pytest.mark.parametrize(
    "turns",
    [n if n == 2 else pytest.param(n, marks=pytest.mark.long) for n in range(1, 9)],
)
async def test_a_task_that_is_cancelled_at_any_moment_leaves_no_process(
    tmp_path: Path, run: Callable[[Path], Coroutine[Any, Any, object]], turns: int
) -> None:
    """From before the process is there, over its start, to its work."""
    script, pipe = tmp_path / "script", tmp_path / "pipe"
    os.mkfifo(pipe)
    holder = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    script.write_text(f"#!/bin/sh\nexec 3>{pipe}\nsleep 600 &\nwait\n")
    script.chmod(0o700)
    task = asyncio.create_task(run(script))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(20):
        with pytest.raises(asyncio.CancelledError):
            await task

    # The last of them to die closes the pipe, if anybody had opened it.
    poll = select.poll()
    poll.register(holder, select.POLLHUP)
    found = await asyncio.to_thread(poll.poll, 1000)
    os.close(holder)
    assert all(event & select.POLLHUP for _, event in found)
    assert _working_in(tmp_path) == []


def _working_in(folder: Path) -> list[str]:
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder and process.name != str(os.getpid()):
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_group_has_the_umask_that_was_asked_for(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """In the loop of the commands and in that of `axon serve`, which reads repositories."""

    async def said() -> bytes:
        process = await start_group(
            "sh", "-c", "umask", umask=0o027, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
        return output

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(said()) == b"0027\n"
