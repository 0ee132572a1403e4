"""Batches without a timer: requests that come while one batch is at work make up the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

__all__ = ["Batches"]

Asked = TypeVar("Asked")
Given = TypeVar("Given")

_log = structlog.get_logger(__name__)


class Batches(Generic[Asked, Given]):
    """Has `work` done for many callers at once, one batch after the other.

    A batch is taken when the one before it has ended, so a caller's question is never answered
    from a statement that began before it was asked.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Asked]], Awaitable[Sequence[Given | None]]],
        *,
        most: int = 64,
    ) -> None:
        """`work` returns one result per member, in their order; `most` bounds a batch."""
        self._work = work
        self._most = most
        self._waiting: list[tuple[Asked, asyncio.Future[Given | None]]] = []
        self._runner: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Given | None:
        """Return the result for `asked`; None where `work` declines it, or fails as a whole.

        The caller then does the work another way: a failed batch has done nothing. A cancelled
        caller does not cancel the batch.
        """
        answer: asyncio.Future[Given | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._runner is None:
            self._runner = asyncio.create_task(self._run())
        return await answer

    async def close(self) -> None:
        """Wait for the batch at work."""
        if self._runner is not None:
            await self._runner

    async def _run(self) -> None:
        try:
            while self._waiting:
                # What has arrived already is read first, and comes along.
                await asyncio.sleep(0)
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer(batch)
        finally:
            self._runner = None
            for _, answer in self._waiting:
                _settle(answer, None)
            self._waiting = []

    async def _answer(self, batch: Sequence[tuple[Asked, asyncio.Future[Given | None]]]) -> None:
        results: Sequence[Given | None] = ()
        try:
            results = await self._work([asked for asked, _ in batch])
        except Exception as error:  # noqa: BLE001 — whatever it was, each member is done alone
            _log.warning("a batch failed and is done one by one", error=type(error).__name__)
        finally:
            for place, (_, answer) in enumerate(batch):
                _settle(answer, results[place] if place < len(results) else None)


def _settle(answer: asyncio.Future[Given | None], result: Given | None) -> None:
    if not answer.done():
        answer.set_result(result)
