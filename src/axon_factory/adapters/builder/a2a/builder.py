"""A2ABuilder: one task of an A2A agent for each order and attempt (ADR 24)."""

import re

import structlog
from a2a.types.a2a_pb2 import (
    Task,
    TaskState,
)
from a2a.utils.errors import (
    MethodNotFoundError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from axon_factory.adapters.builder.a2a import messages
from axon_factory.adapters.builder.a2a.connection import A2AOptions, Agent, Agents
from axon_factory.adapters.builder.a2a.errors import (
    NoAnswerInTime,
    told_in_sentences,
)
from axon_factory.adapters.builder.a2a.messages import TERMINAL, open_question
from axon_factory.adapters.builder.a2a.reporting import seen_of, watched
from axon_factory.adapters.builder.handover import HandoverLimits
from axon_factory.adapters.builder.outside import OutsideBuilder, own_bundle
from axon_factory.domain.addresses import LOOPBACK, host_of
from axon_factory.ports.builder import (
    AgentAnswer,
    BuildReport,
    BuildRequest,
    SessionLost,
    build_failure,
)
from axon_factory.ports.errors import PortError

_TASK_ID = re.compile(r"[A-Za-z0-9._:~-]{1,200}")
_LONGEST_WATCH_SECONDS = 5.0
_AT_WORK = frozenset({TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_WORKING})

_log = structlog.get_logger(__name__)


class A2ABuilder(OutsideBuilder):
    """Looks at the agent's task at each call.

    Reading the task is the truth. Its stream and its push notifications only make news arrive
    sooner: the next look finds all that they say.
    """

    name = "a2a"

    def __init__(self, options: A2AOptions, limits: HandoverLimits) -> None:
        """`options` say where the agent is, `limits` what it may hand over."""
        super().__init__(options.poll_seconds, limits)
        self._agents = Agents(options)

    async def reach(self) -> str:
        """Read the agent's card; see the port."""

        async def name(agent: Agent) -> str:
            return f"responde {agent.card.name} {agent.card.version}".rstrip()

        return await self._agents.ask(name)

    async def _start(self, request: BuildRequest) -> str:
        async def begin(agent: Agent) -> str:
            found = await _find_to_start(agent, request)
            task_id = found or await self._begin(agent, request)
            if _pushes(agent, request):
                await _ask_for_pushes(agent, request, task_id)
            return task_id

        return await self._agents.ask(begin)

    async def _find(self, request: BuildRequest) -> str | None:
        async def find(agent: Agent) -> str | None:
            with told_in_sentences():
                return _chosen(await agent.tasks_of(messages.context_id(request)))

        return await self._agents.ask(find)

    async def _look(self, session_id: str, request: BuildRequest) -> BuildReport:
        async def look(agent: Agent) -> BuildReport:
            task = await agent.task(session_id)
            for answer in request.answers:
                task = await _give_answer(agent, task, request, answer)
            news, pause = bool(request.answers), self._poll_seconds
            if _is_worth_watching(agent, task, request):
                longest = min(_LONGEST_WATCH_SECONDS, pause)
                task, news = await watched(agent, task, seconds=longest)
            seen = seen_of(agent, task, request.cursor, soon=news, pause=pause)
            return await self._report(seen, request)

        return await self._agents.ask(look)

    async def _stop(
        self,
        session_id: str,
        request: BuildRequest,  # noqa: ARG002 — the task's id says all
        *,
        force: bool,  # noqa: ARG002 — there is nothing beyond asking; the caller gives up
        idempotency_key: str,  # noqa: ARG002 — cancelling twice is cancelling once
    ) -> bool:
        async def cancel(agent: Agent) -> bool:
            with told_in_sentences():
                return await _cancelled(agent, session_id)

        return await self._agents.ask(cancel)

    async def _begin(self, agent: Agent, request: BuildRequest) -> str:
        base = await own_bundle(request.product_dir, self._limits.bundle_bytes)
        task = await agent.send(messages.order_request(request, base[1] if base else None))
        if not _TASK_ID.fullmatch(task.id):
            raise build_failure("El agente A2A dio a su tarea un identificador que no se acepta.")
        return task.id


def _is_worth_watching(agent: Agent, task: Task, request: BuildRequest) -> bool:
    """A watch holds a place of the worker: none where pushes wake the order anyway."""
    return (
        task.status.state in _AT_WORK
        and agent.card.capabilities.streaming
        and not _pushes(agent, request)
    )


async def _find_to_start(agent: Agent, request: BuildRequest) -> str | None:
    """Return the task that was started before; None also if the agent does not list its tasks."""
    with told_in_sentences():
        try:
            return _chosen(await agent.tasks_of(messages.context_id(request)))
        except (MethodNotFoundError, UnsupportedOperationError):
            return None


def _chosen(tasks: list[Task]) -> str | None:
    """Return the context's task; of several always the same one, one at work first."""
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
