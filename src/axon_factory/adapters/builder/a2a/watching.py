"""Read a task's stream for a bounded time: news within a second, nothing lost between looks."""

import asyncio
from contextlib import aclosing

import httpx
from a2a.types.a2a_pb2 import StreamResponse, Task, TaskArtifactUpdateEvent, TaskStatusUpdateEvent
from a2a.utils.errors import A2AError
from google.protobuf.json_format import ParseError

from axon_factory.adapters.builder.a2a.connection import Agent
from axon_factory.adapters.builder.a2a.reading import TERMINAL, is_waiting

_SETTLE_SECONDS = 0.5
"""After the first news, more of it is waited for only so long: one step records a handful."""


async def watched(agent: Agent, task: Task, *, seconds: float) -> tuple[Task, bool]:
    """Listen to a task at work; return it as it then is, and whether anything happened.

    A stream that breaks, or that the agent does not give, is no failure: the next look at the task
    shows what it would have said.
    """
    seen = Task()
    seen.CopyFrom(task)
    news = False
    try:
        async with asyncio.timeout(seconds) as limit, aclosing(agent.updates(task.id)) as updates:
            async for update in updates:
                happened = _fold(seen, update)
                if seen.status.state in TERMINAL or is_waiting(seen):
                    return seen, True
                if happened and not news:
                    news = True
                    until = asyncio.get_running_loop().time() + _SETTLE_SECONDS
                    limit.reschedule(min(limit.when() or until, until))
    except (TimeoutError, A2AError, httpx.HTTPError, ParseError, ValueError):
        pass
    return seen, news


def _fold(task: Task, update: StreamResponse) -> bool:
    """Bring `task` up to date; return whether it has changed."""
    if update.HasField("task"):
        before = task.SerializeToString(deterministic=True)
        task.CopyFrom(update.task)
        return task.SerializeToString(deterministic=True) != before
    if update.HasField("status_update"):
        _fold_status(task, update.status_update)
        return True
    if update.HasField("artifact_update"):
        _fold_artifact(task, update.artifact_update)
        return True
    return False


def _fold_status(task: Task, event: TaskStatusUpdateEvent) -> None:
    if task.status.HasField("message"):
        task.history.append(task.status.message)
    task.status.CopyFrom(event.status)


def _fold_artifact(task: Task, event: TaskArtifactUpdateEvent) -> None:
    known = [item for item in task.artifacts if item.artifact_id == event.artifact.artifact_id]
    if not known:
        task.artifacts.append(event.artifact)
    elif event.append:
        known[0].parts.extend(event.artifact.parts)
    else:
        known[0].CopyFrom(event.artifact)
