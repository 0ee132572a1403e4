"""A proxy before PostgreSQL that loses the answer to a COMMIT, as a network or a failover may.

PostgreSQL has committed and the API cannot know: what is called the ambiguous commit.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

__all__ = ["CommitCutter"]

_CHUNK = 65536


class CommitCutter:
    """Passes everything on, until it is told to lose one commit's answer."""

    def __init__(self, database_url: str) -> None:
        self._parts = urlsplit(database_url)
        self._marker = b""
        self.cuts = 0
        self.port = 0

    @property
    def url(self) -> str:
        """The database's URL through this proxy."""
        login, _, _ = self._parts.netloc.rpartition("@")
        return urlunsplit(self._parts._replace(netloc=f"{login}@127.0.0.1:{self.port}"))

    def lose_commit_of(self, marker: str) -> None:
        """Lose the answer to the next COMMIT of a transaction in which `marker` was sent."""
        self._marker = marker.encode()

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator["CommitCutter"]:
        """Listen until the block ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        upstream, server = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        cutting = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                back = group.create_task(_answers(upstream, answers, cutting))
                there = group.create_task(self._requests(client, server, cutting))
                await asyncio.wait({back, there}, return_when=asyncio.FIRST_COMPLETED)
                back.cancel()
                there.cancel()
        finally:
            for writer in (answers, server):
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()

    async def _requests(
        self, client: asyncio.StreamReader, server: asyncio.StreamWriter, cutting: asyncio.Event
    ) -> None:
        marked = False
        while data := await client.read(_CHUNK):
            marked = marked or (bool(self._marker) and self._marker in data)
            if b"ROLLBACK" in data:
                marked = False
            if marked and b"COMMIT" in data:
                self._marker = b""
                self.cuts += 1
                cutting.set()
            server.write(data)
            await server.drain()


async def _answers(
    upstream: asyncio.StreamReader, client: asyncio.StreamWriter, cutting: asyncio.Event
) -> None:
    while data := await upstream.read(_CHUNK):
        if cutting.is_set():  # committed: and nobody will hear of it
            return
        client.write(data)
        await client.drain()
