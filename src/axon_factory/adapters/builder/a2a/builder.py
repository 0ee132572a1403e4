"""A2ABuilder: one task of an A2A agent for each order and attempt (ADR 24)."""

import asyncio
import re
from contextlib import aclosing

import httpx
import structlog
from a2a.types.a2a_pb2 import (
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatusUpdateEvent,
)
from a2a.utils.errors import (
    A2AError,
    MethodNotFoundError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from google.protobuf.json_format import ParseError

from axon_factory.adapters.builder.a2a import messages
from axon_factory.adapters.builder.a2a.connection import A2AOptions, Agent, Agents
from axon_factory.adapters.builder.a2a.errors import (
    NoAnswerInTime,
    NotHeard,
    failure,
    told_in_sentences,
)
from axon_factory.adapters.builder.a2a.messages import TERMINAL, is_waiting, open_question
from axon_factory.adapters.builder.a2a.reporting import Looked, own_bundle, report_of
from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.builder.repository import Repository
from axon_factory.domain.addresses import LOOPBACK, host_of
from axon_factory.ports.builder import (
    AgentAnswer,
    BuildReport,
    BuildRequest,
    BuildStatus,
    SessionLost,
)
from axon_factory.ports.errors import PortError

_SETTLE_SECONDS = 0.5
"""After the first news, more of it is waited for only so long: one step records a handful."""
_TASK_ID = re.compile(r"[A-Za-z0-9._:~-]{1,200}")
_LONGEST_WATCH_SECONDS = 5.0
_AT_WORK = frozenset({TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_WORKING})

_log = structlog.get_logger(__name__)


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


class A2ABuilder:
    """Has an agent build, and looks at its task now and then.

    Reading the task is the truth. Its stream and its push notifications only make news arrive
    sooner: whatever they would say, the next look finds.
    """

    name = "a2a"

    def __init__(self, options: A2AOptions, limits: HandoverLimits) -> None:
        """`options` say where the agent is, `limits` what it may hand over."""
        self._options = options
        self._limits = limits
        self._agents = Agents(options)

    async def reach(self) -> str:
        """Read the agent's card; see the port."""

        async def name(agent: Agent) -> str:
            return f"responde {agent.card.name} {agent.card.version}".rstrip()

        return await self._agents.ask(name)

    async def start(
        self,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — order and attempt are the key of context and message
    ) -> str:
        """Start the task, or find the one that was started before; return its id.

        Raises:
            PortError: no task can be had.
        """

        async def begin(agent: Agent) -> str:
            found = await _find(agent, request)
            task_id = found or await self._begin(agent, request)
            if _pushes(agent, request):
                await _ask_for_pushes(agent, request, task_id)
            return task_id

        return await self._agents.ask(begin)

    async def find(
        self,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — as in start
    ) -> str | None:
        """Return the task of the request's context, if there is one.

        Raises:
            PortError: the agent cannot say.
        """

        async def find(agent: Agent) -> str | None:
            with told_in_sentences():
                return _chosen(await agent.tasks_of(messages.context_id(request)))

        return await self._agents.ask(find)

    async def proceed(
        self,
        session_id: str,
        request: BuildRequest,
        *,
        idempotency_key: str,  # noqa: ARG002 — looking twice does nothing twice
    ) -> BuildReport:
        """Give answers, look at the task, take what it hands over.

        An agent that is not heard is no failure: it is looked at again, and its silence is noticed.

        Raises:
            SessionLost: the task is unknown, or was cancelled by somebody else.
            PortError: the agent failed, refused, or handed over what cannot be taken.
        """
        try:
            return await self._agents.ask(lambda agent: self._look(agent, session_id, request))
        except NotHeard as error:
            _log.warning("agent not heard", order_id=request.order_id, error=error.for_staff)
            return BuildReport(
                BuildStatus.WORKING,
                poll_after_seconds=self._options.poll_seconds,
                cursor=request.cursor,
                heard=False,
            )

    async def _look(self, agent: Agent, session_id: str, request: BuildRequest) -> BuildReport:
        task = await agent.task(session_id)
        for answer in request.answers:
            task = await _give_answer(agent, task, request, answer)
        news = bool(request.answers)
        if self._is_worth_watching(agent, task, request):
            longest = min(_LONGEST_WATCH_SECONDS, self._options.poll_seconds)
            task, news = await watched(agent, task, seconds=longest)
        looked = Looked(agent, task, news=news, pause=self._options.poll_seconds)
        return await report_of(looked, request, self._limits)

    async def stop(
        self,
        session_id: str,
        request: BuildRequest,  # noqa: ARG002 — the task's id says all
        *,
        force: bool,  # noqa: ARG002 — there is nothing beyond asking; the caller gives up
        idempotency_key: str,  # noqa: ARG002 — cancelling twice is cancelling once
    ) -> bool:
        """Cancel the task; return whether it has ended.

        Raises:
            PortError: the agent could not be asked.
        """

        async def cancel(agent: Agent) -> bool:
            with told_in_sentences():
                return await _cancelled(agent, session_id)

        return await self._agents.ask(cancel)

    async def forget(self, order_id: str, *, idempotency_key: str) -> None:
        """Do nothing: what the agent keeps is elsewhere."""

    async def _begin(self, agent: Agent, request: BuildRequest) -> str:
        repository = Repository(request.product_dir)
        known = await own_bundle(repository, self._limits.bundle_bytes)
        task = await agent.send(messages.order_request(request, known))
        if not _TASK_ID.fullmatch(task.id):
            raise failure("El agente A2A dio a su tarea un identificador que no se acepta.")
        return task.id

    def _is_worth_watching(self, agent: Agent, task: Task, request: BuildRequest) -> bool:
        """A watch holds a place of the worker: none where pushes wake the order anyway."""
        return (
            task.status.state in _AT_WORK
            and agent.card.capabilities.streaming
            and not _pushes(agent, request)
        )


async def _find(agent: Agent, request: BuildRequest) -> str | None:
    """Return the task that was started before; None also if the agent does not list its tasks."""
    with told_in_sentences():
        try:
            return _chosen(await agent.tasks_of(messages.context_id(request)))
        except (MethodNotFoundError, UnsupportedOperationError):
            return None


def _chosen(tasks: list[Task]) -> str | None:
    """Return the context's task; of several the same one whoever asks, one at work first."""
    usable = [task for task in tasks if _TASK_ID.fullmatch(task.id)]
    ranked = sorted(usable, key=lambda task: (task.status.state in TERMINAL, task.id))
    return ranked[0].id if ranked else None


def _pushes(agent: Agent, request: BuildRequest) -> bool:
    """Return whether the agent can tell us of news; our token goes over no open network."""
    secure = request.api_url.startswith("https://") or host_of(request.api_url) in LOOPBACK
    return agent.card.capabilities.push_notifications and secure


async def _ask_for_pushes(agent: Agent, request: BuildRequest, task_id: str) -> None:
    """Register our address; an agent that does not take it is looked at without."""
    try:
        await agent.register_push(messages.push_config(request, task_id))
    except PortError as error:
        _log.warning(
            "agent takes no push address", order_id=request.order_id, error=error.for_staff
        )


async def _give_answer(
    agent: Agent, task: Task, request: BuildRequest, answer: AgentAnswer
) -> Task:
    """Send an answer that the task waits for; one that it has is not sent again."""
    if not _is_missing(task, messages.answer_id(request, answer), answer):
        return task
    try:
        return await agent.send(messages.answer_request(request, task.id, task.context_id, answer))
    except NoAnswerInTime:
        # It has the answer and thinks about it: to send it again would answer twice, and to fail
        # the order would punish thinking.
        return task


def _is_missing(task: Task, message_id: str, answer: AgentAnswer) -> bool:
    if task.status.state in TERMINAL or any(m.message_id == message_id for m in task.history):
        return False
    if answer.key.isdecimal():  # asked over our API, which the task's state does not show
        return True
    question = open_question(task)
    return question is not None and question.key == answer.key


async def _cancelled(agent: Agent, task_id: str) -> bool:
    try:
        task = await agent.cancel(task_id)
    except TaskNotFoundError:
        return True
    except TimeoutError:
        return False  # asked, and not yet confirmed
    except (TaskNotCancelableError, UnsupportedOperationError):
        try:
            task = await agent.task(task_id)
        except SessionLost:
            return True
    return task.status.state in TERMINAL
