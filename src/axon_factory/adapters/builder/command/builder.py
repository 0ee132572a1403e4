"""CommandBuilder: a coding agent works in the sandbox, and we watch (design §5.3, ADR 25)."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from axon_factory.adapters.builder.command import launcher
from axon_factory.adapters.builder.command.endings import (
    answer_data,
    as_question,
    complaint_of,
    read_question,
    require_an_end,
    require_change,
    require_success,
    without_progress,
)
from axon_factory.adapters.builder.command.options import CommandOptions
from axon_factory.adapters.builder.command.output import AGENT, Cursor, News, Reader
from axon_factory.adapters.builder.command.runs import (
    Exit,
    Run,
    RunBusy,
    RunState,
    Unlaunchable,
    forget_runs,
)
from axon_factory.adapters.builder.command.starting import Desk, Starter
from axon_factory.adapters.builder.command.workspace import WorkspaceError
from axon_factory.adapters.builder.handover import (
    before_the_end,
    take_bundle,
    unnamed_milestones,
    verified_milestones,
)
from axon_factory.adapters.builder.outside import OutsideBuilder, Seen, refusal_of
from axon_factory.adapters.sandbox import Sandbox
from axon_factory.domain.text import Redactor
from axon_factory.ports.builder import (
    AgentLog,
    BuildReport,
    BuildRequest,
    MilestoneReport,
    SessionLost,
    build_failure,
)
from axon_factory.ports.errors import PortError

_ASK_SECONDS = 2.0


class CommandBuilder(OutsideBuilder):
    """Runs a coding agent's command line, one run an order and attempt.

    The agent runs apart from every worker; a worker only looks at what it has left: lines in its
    output, commits in its workspace, a question, its end.
    """

    name = "command"

    def __init__(self, root: Path, sandbox: Sandbox, options: CommandOptions) -> None:
        """`root` is the folder of all runs; the agent runs in `sandbox`."""
        super().__init__(options.poll_seconds, options.handover)
        self._root = root
        self._options = options
        self._redactor = Redactor(options.secrets.values())
        self._starter = Starter(root, sandbox, options, self._redactor)
        model = options.model or options.profile.configured_model(
            options.arguments, options.secrets
        )
        self._reader = Reader(options.profile, model, self._redactor)

    async def reach(self) -> str:
        """Name the program; see the port. Whether its provider takes its key, only a run shows."""
        return f"{self._options.profile.name} con {self._options.program.path}"

    async def forget(
        self,
        order_id: str,
        *,
        idempotency_key: str,  # noqa: ARG002 — what is gone stays gone
    ) -> None:
        """Remove the order's runs: briefs, workspaces, what agents said."""
        async with _failures():
            await asyncio.to_thread(forget_runs, self._root, order_id)

    async def _start(self, request: BuildRequest) -> str:
        desk = self._desk(request)
        async with _failures():
            state = await asyncio.to_thread(desk.run.state)
            if state is None or not desk.run.was_launched(state.launch):
                await self._starter.open(desk)
        return desk.run.id

    async def _find(self, request: BuildRequest) -> str | None:
        run = self._desk(request).run
        state = await asyncio.to_thread(run.state)
        started = state is not None and run.was_launched(min(state.launch, 1))
        return run.id if started else None

    async def _look(self, session_id: str, request: BuildRequest) -> BuildReport:
        """Look at what the agent has done.

        What an agent that has ended left behind is reported first, and its end by the next call.
        """
        desk = self._desk(request)
        state = await asyncio.to_thread(desk.run.state)
        if session_id != desk.run.id or state is None or not state.launch:
            raise SessionLost("La sesión del agente no existe en esta máquina")
        async with _failures():
            if state.finished is not None:
                return await self._report(Seen(ended=True, cursor=request.cursor), request)
            state = await self._deliver_answers(desk, state)
            alive = await asyncio.to_thread(desk.run.is_alive)
            ending = await asyncio.to_thread(desk.run.exit_of, state.launch)
            working = alive and ending is None
            cursor = Cursor.read(request.cursor)
            news = await asyncio.to_thread(
                self._reader.news, desk.run.output, cursor, ended=not working
            )
            if working:
                await self._require_progress(desk, state, news.cursor)
            state, notes = await self._take_commits(desk, state)
            proven = tuple(MilestoneReport(**known) for known in state.proven)
            done = before_the_end(proven, request.plan, request.completed)
            if working or done or notes or news.logs or news.uses or not news.complete:
                seen = Seen(
                    proven=proven,
                    pause=None if working else 0.0,
                    logs=news.logs + notes,
                    heartbeat_at=_last_sign(desk.run, state.launch, news.cursor),
                    cursor=news.cursor.write(),
                    uses=news.uses,
                )
                return await self._report(seen, request)
            return await self._end(desk, state, ending, news)

    async def _stop(
        self,
        session_id: str,  # noqa: ARG002 — the request says which
        request: BuildRequest,
        *,
        force: bool,
        idempotency_key: str,  # noqa: ARG002 — ending twice is ending once
    ) -> bool:
        """Ask the agent to end, or end it with everything it started."""
        desk = self._desk(request)
        run = desk.run
        async with _failures():
            state = await asyncio.to_thread(run.state)
            ended = state is None or not await asyncio.to_thread(run.is_alive)
            if state is not None and not ended:
                most = self._options.patience_seconds
                patience = most if force else min(most, _ASK_SECONDS)
                ended = await run.end(state.launch, force=force, patience=patience)
            if ended:
                await asyncio.to_thread(desk.workspace.remove)
            return ended

    async def _require_progress(self, desk: Desk, state: RunState, cursor: Cursor) -> None:
        alive_at = _last_sign(desk.run, state.launch, cursor)
        if cursor.noise_seconds(alive_at) >= self._options.errors_seconds:
            verdict = await asyncio.to_thread(
                self._reader.verdict, desk.run.output, state.output_from
            )
            raise without_progress(cursor, verdict, self._options)

    def _desk(self, request: BuildRequest) -> Desk:
        try:
            return self._starter.desk(request)
        except ValueError as error:
            raise build_failure("La orden no puede dar nombre a una sesión.") from error

    async def _deliver_answers(self, desk: Desk, state: RunState) -> RunState:
        """Give the agent what was answered; one that waits for it is launched again."""
        known = {answer["clave"] for answer in state.answers}
        new = tuple(answer_data(a) for a in desk.request.answers if a.key not in known)
        if new:
            state = await asyncio.to_thread(desk.run.remember, state, answers=state.answers + new)
            await self._starter.write_brief(desk, state)
        waits = state.question is not None and state.question["key"] in known.union(
            answer["clave"] for answer in new
        )
        interrupted = state.launch > 1 and not desk.run.was_launched(state.launch)
        if waits or interrupted:
            return await self._starter.resume(
                desk, state, state.launch if interrupted else state.launch + 1
            )
        return state

    async def _take_commits(
        self, desk: Desk, state: RunState
    ) -> tuple[RunState, tuple[AgentLog, ...]]:
        """Take new commits into the product's repository; those that are refused are noted."""
        mark = await asyncio.to_thread(desk.workspace.mark)
        if not mark or mark == state.taken:
            return state, ()
        try:
            bundle = await desk.workspace.hand_over()
            if bundle is not None:
                await take_bundle(desk.repository, bundle, limits=self._options.handover)
            proven = await verified_milestones(
                desk.repository, desk.request.attempt, desk.request.plan
            )
        except (WorkspaceError, OSError):
            return state, ()  # it may be in the middle of something: the next look is soon
        except PortError as error:
            if error.transient:
                return state, ()
            note = refusal_of(mark, AGENT, error)
            return await asyncio.to_thread(desk.run.remember, state, taken=mark), (note,)
        kept = tuple(asdict(report) for report in proven)
        return await asyncio.to_thread(desk.run.remember, state, taken=mark, proven=kept), ()

    async def _end(
        self, desk: Desk, state: RunState, ending: Exit | None, news: News
    ) -> BuildReport:
        """Say how it ended: finished, with a question, or not well."""
        if ending is None:
            raise SessionLost("El agente desapareció sin terminar: su proceso o la máquina cayeron")
        if ending.reason in {launcher.ASKED, launcher.FORCED}:
            raise SessionLost("El agente fue detenido")
        verdict = await asyncio.to_thread(self._reader.verdict, desk.run.output, state.output_from)
        complaint = await asyncio.to_thread(complaint_of, desk.run, self._redactor)
        require_success(ending, verdict, self._options, complaint)
        if state.question is None:
            content = await asyncio.to_thread(desk.workspace.question)
            question = read_question(content, state.launch, self._redactor) if content else None
            if question is None:
                require_an_end(verdict)
                return await self._finish(desk, state, news)
            state = await asyncio.to_thread(desk.run.remember, state, question=question)
        seen = Seen(
            proven=(),
            questions=(as_question(state.question or {}),),
            heartbeat_at=_last_sign(desk.run, state.launch, news.cursor),
            cursor=news.cursor.write(),
        )
        return await self._report(seen, desk.request)

    async def _finish(self, desk: Desk, state: RunState, news: News) -> BuildReport:
        """Take all that the agent left: what has no commit is the last milestone's work."""
        request = desk.request
        last = (request.attempt, request.plan.milestones[-1].id)
        try:
            bundle = await desk.workspace.hand_over(last=last)
        except WorkspaceError as error:
            said = " ".join(str(error).split())
            message = "El repositorio del agente no se puede guardar"
            raise build_failure(message, detail=self._redactor.text(said)) from error
        if bundle is None:
            raise build_failure("El agente terminó sin dejar ningún trabajo")
        commit = await take_bundle(desk.repository, bundle, limits=self._options.handover)
        unnamed = await unnamed_milestones(desk.repository, request.attempt, request.plan)
        missing = [one.id for one in unnamed if one.id not in request.completed]
        changed = commit != state.base or not request.findings
        require_change(changed=changed, missing=missing)
        report = await self._report(Seen(ended=True, cursor=news.cursor.write()), request)
        await asyncio.to_thread(desk.run.remember, state, finished=commit)
        await asyncio.to_thread(desk.workspace.remove)
        return report


@asynccontextmanager
async def _failures() -> AsyncGenerator[None]:
    """Turn what can go wrong here into the port's error."""
    try:
        yield
    except (WorkspaceError, RunBusy, Unlaunchable, OSError) as error:
        message = "No se pudo trabajar con la sesión del agente"
        raise build_failure(message, transient=True, detail=str(error)) from error


def _last_sign(run: Run, launch: int, cursor: Cursor) -> datetime:
    """Return when the agent last said something that is no mere error, or committed something."""
    signs = [run.began_at(launch) or datetime.fromtimestamp(0, UTC)]
    if cursor.alive_at is not None:
        signs.append(cursor.alive_at)
    try:
        changed = os.lstat(run.workspace / ".git/refs/heads/main").st_mtime
    except OSError:
        pass
    else:
        signs.append(min(datetime.fromtimestamp(changed, UTC), datetime.now(UTC)))
    return max(signs)
