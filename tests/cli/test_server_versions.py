"""A PostgreSQL that nobody has tried is refused before anything is done to it."""

import asyncio
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from axon_factory.cli.terminal import Exit
from tests.cli.program import Program
from tests.support.deployments import free_ports

# Message types of PostgreSQL's protocol ("Message Formats" in its documentation).
SSL_REQUEST = 80877103
QUERIES = b"QPB"


def message(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack("!I", len(content) + 4) + content


@asynccontextmanager
async def server_of(version: str) -> AsyncGenerator[tuple[str, list[bytes]]]:
    """A server that lets everybody in and says its version; yields its URL, and what is asked."""
    queries: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!I", await reader.readexactly(4))
                start = await reader.readexactly(length - 4)
                if struct.unpack("!I", start[:4])[0] != SSL_REQUEST:
                    break
                writer.write(b"N")
            facts = {"server_version": version, "client_encoding": "UTF8"}
            writer.write(message(b"R", struct.pack("!I", 0)))
            for name, value in facts.items():
                writer.write(message(b"S", f"{name}\0{value}\0".encode()))
            writer.write(message(b"Z", b"I"))
            while (kind := await reader.readexactly(1)) != b"X":
                queries.extend([kind] if kind in QUERIES else [])
                (length,) = struct.unpack("!I", await reader.readexactly(4))
                await reader.readexactly(length - 4)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        yield f"postgresql://axon:geheim@127.0.0.1:{port}/axon", queries


async def test_every_start_refuses_it_in_one_sentence(axon: Program) -> None:
    port = str(free_ports(1).start)
    commands = ("migrate", f"serve --port {port}", "worker", f"up --port {port}")
    async with server_of("13.21") as (older, asked), server_of("19.0") as (newer, asked_too):
        cases = [
            ({"AXON_DATABASE_URL": url}, [*words.split(), "--json"], "")
            for url in (older, newer)
            for words in (*commands, "doctor")
        ]
        answers = await axon.many(cases)
    assert asked == asked_too == []
    versions = {older: "13.21", newer: "19.0"}
    for (settings, words, _), answer in zip(cases, answers, strict=True):
        version = versions[settings["AXON_DATABASE_URL"]]
        sentence = (
            f"El servidor es PostgreSQL {version}, y Axon Factory funciona con 14 a 18: "
            "indica otro en AXON_DATABASE_URL"
        )
        if words[0] == "doctor":
            (check,) = [one for one in answer.json["checks"] if one["name"] == "Base de datos"]
            assert check["status"] == "error"
            assert (check["detail"], check["action"]) == (sentence, "Usa PostgreSQL 14 a 18")
        else:
            assert answer.code == Exit.DATABASE_UNSUPPORTED, (words, answer)
            assert answer.json["error"] == sentence
            assert answer.err == ""
