"""Starts agents: a workspace, a brief, and a launcher that holds the session from then on."""

import asyncio
import shutil
import zlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from axon_factory.adapters.builder.command.brief import write_brief
from axon_factory.adapters.builder.command.options import CommandOptions, agent_limits
from axon_factory.adapters.builder.command.sessions import (
    Launch,
    Session,
    SessionBusy,
    SessionState,
)
from axon_factory.adapters.builder.command.workspace import Workspace
from axon_factory.adapters.builder.repository import Repository
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.domain.failure import FailureCause
from axon_factory.domain.redaction import Redactor
from axon_factory.ports.builder import BuildRequest
from axon_factory.ports.errors import PortError

_SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
_FIRST_USER_ID = 65280
"""Where the user ids of products end (61184 to 65279); systemd's dynamic ones go on to 65519."""
_USER_IDS = 240
_LOOKS, _LOOK_SECONDS = 100, 0.05
_MOST_RUNS = 20


@dataclass(frozen=True, slots=True)
class Desk:
    """One session, and who works on it."""

    session: Session
    request: BuildRequest
    workspace: Workspace
    repository: Repository


class Starter:
    """Starts and resumes the agents of sessions; each run is launched once, whoever asks."""

    def __init__(
        self, root: Path, sandbox: Sandbox, options: CommandOptions, redactor: Redactor
    ) -> None:
        """`root` is the folder of all sessions."""
        self._root = root
        self._sandbox = sandbox
        self._options = options
        self._redactor = redactor

    def desk(self, request: BuildRequest) -> Desk:
        """Return the session of a request, with what belongs to it.

        Raises:
            ValueError: the order's id cannot name a session.
        """
        session = Session.of(self._root, request.order_id, request.attempt)
        workspace = Workspace(
            session,
            self._sandbox,
            _user_id(session),
            max_bytes=self._options.handover.bundle_bytes,
        )
        return Desk(session, request, workspace, Repository(request.product_dir))

    async def open(self, desk: Desk) -> None:
        """Make workspace and brief, and launch the first run, unless somebody else has.

        Raises:
            WorkspaceError, SessionBusy, Unlaunchable, OSError: it cannot be started.
        """
        async with _holding(desk.session, run=1) as lock:
            if lock is None:
                return
            await asyncio.to_thread(self._forget_earlier, desk)
            await desk.workspace.make(desk.request.product_dir)
            await self.write_brief(desk, SessionState())
            base = await desk.repository.head_with_files()
            await asyncio.to_thread(desk.session.remember, SessionState(run=1, base=base))
            await self._launch(desk, 1, lock)

    def _forget_earlier(self, desk: Desk) -> None:
        """Delete the workspaces of the order's earlier attempts; what they said is kept."""
        for number in range(1, desk.request.attempt):
            earlier = Session.of(self._root, desk.request.order_id, number)
            if earlier.agent.exists() and not earlier.is_alive():
                shutil.rmtree(earlier.agent, ignore_errors=True)

    async def write_brief(self, desk: Desk, state: SessionState) -> None:
        """Write what the agent is given, with every answer that there is."""
        session = desk.session
        await asyncio.to_thread(
            write_brief, session.data, session.goal, desk.request, state.answers, self._redactor
        )

    async def _launch(self, desk: Desk, run: int, lock: int) -> None:
        options, session = self._options, desk.session
        agent = options.profile.words(options.program.path, options.model, options.arguments)
        words = await self._sandbox.service_words(
            # The sandbox leaves PWD at its root, and opencode believes PWD.
            ["/usr/bin/env", "--default-signal=TERM", f"PWD={session.workspace}", *agent],
            cwd=session.workspace,
            writable=session.agent,
            read_only=[*options.program.visible, *options.folders, session.data],
            limits=agent_limits(options.seconds),
            user_id=_user_id(session),
            network=options.network,
        )
        folders = [self._sandbox.python.parent, *options.program.search_path]
        environment = {
            "PATH": ":".join((*map(str, folders), _SEARCH_PATH)),
            "HOME": str(session.home),
            "LANG": "C.UTF-8",
            **options.profile.environment,
            **options.secrets,
        }
        # The sandbox stands above the agent in its process group, and must not die of the SIGTERM
        # that asks the agent to end in order.
        argv = ["/usr/bin/env", "--ignore-signal=TERM", *words]
        launch = Launch(
            argv, environment, options.seconds, options.output_bytes, options.grace_seconds
        )
        await session.launch(run, launch, lock=lock)

    async def resume(self, desk: Desk, state: SessionState, run: int) -> SessionState:
        """Launch a further run in the same workspace; return the state as it then is.

        Raises:
            PortError: there were too many.
            SessionBusy, Unlaunchable, OSError: it cannot be started.
        """
        if run > _MOST_RUNS:
            raise PortError(
                f"El agente preguntó más de {_MOST_RUNS} veces.",
                cause=FailureCause.CONSTRUCCION_FALLIDA,
            )
        async with _holding(desk.session, run=run) as lock:
            if lock is None:
                return state  # another worker is at it
            await asyncio.to_thread(desk.workspace.forget_question)
            start = await asyncio.to_thread(desk.session.output_size)
            state = await asyncio.to_thread(
                desk.session.remember, state, run=run, output_from=start, question=None
            )
            await self._launch(desk, run, lock)
        return state


@asynccontextmanager
async def _holding(session: Session, *, run: int) -> AsyncGenerator[int | None]:
    """Hold the session to launch a run; None once somebody else has launched it.

    A launcher that has just written its last record, or somebody who only looks, is waited for.

    Raises:
        SessionBusy: it stays in the hands of others.
    """
    for _ in range(_LOOKS):
        if session.was_launched(run):
            yield None
            return
        with suppress(SessionBusy), session.held() as lock:
            # What happened while we waited for the lock is known only now.
            yield None if session.was_launched(run) else lock
            return
        await asyncio.sleep(_LOOK_SECONDS)  # a lock gives no event
    raise SessionBusy(f"{session.id} está en otras manos")


def _user_id(session: Session) -> int:
    return _FIRST_USER_ID + zlib.crc32(session.folder.name.encode()) % _USER_IDS
