"""The agent's artifacts that are git bundles, and ours for the agent to go on from."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from a2a.types.a2a_pb2 import Artifact, Part, Task

from axon_factory.adapters.builder.a2a.connection import Agent
from axon_factory.adapters.builder.a2a.messages import BUNDLE_TYPE
from axon_factory.adapters.builder.handover import pack_bundle
from axon_factory.adapters.builder.repository import Repository

_SIGNATURES = (b"# v2 git bundle\n", b"# v3 git bundle\n")
_SUFFIX = ".bundle"


class Delivery:
    """An artifact that is a git bundle: its bytes, or where the agent keeps it."""

    def __init__(self, artifact: Artifact) -> None:
        """`artifact` is one for which `is_bundle` holds."""
        self._artifact = artifact

    @property
    def digest(self) -> str:
        """Tells one delivery from the next, by content or else by address and metadata."""
        whole = self._artifact.SerializeToString(deterministic=True)
        return hashlib.sha256(whole).hexdigest()

    async def fetch(self, agent: Agent) -> bytes:
        """Return the bundle.

        Raises:
            PortError: it is not where the agent says, or not on the agent's own server.
        """
        raw = b"".join(part.raw for part in self._artifact.parts if part.HasField("raw"))
        if raw:
            return raw
        address = next(part.url for part in self._artifact.parts if part.HasField("url"))
        return await agent.download(address)


def newest_delivery(task: Task) -> Delivery | None:
    """Return the last of the task's artifacts that is a bundle, if there is one."""
    bundles = [artifact for artifact in task.artifacts if _is_bundle(artifact)]
    return Delivery(bundles[-1]) if bundles else None


async def own_bundle(repository: Repository, most_bytes: int) -> bytes | None:
    """Return what the product's repository holds already: the agent's history has to continue it.

    None: there is nothing yet, or it is larger than a message should be.

    Raises:
        PortError: the repository could not be read.
    """
    with tempfile.TemporaryDirectory(prefix="axon-a2a-") as folder:
        target = Path(folder) / "repositorio.bundle"
        if await pack_bundle(repository, target) is None or target.stat().st_size > most_bytes:
            return None
        return await asyncio.to_thread(target.read_bytes)


@asynccontextmanager
async def written(bundle: bytes) -> AsyncGenerator[Path]:
    """Keep a bundle in a file for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="axon-a2a-") as folder:
        path = Path(folder) / "entrega.bundle"
        await asyncio.to_thread(path.write_bytes, bundle)
        yield path


def _is_bundle(artifact: Artifact) -> bool:
    """Return whether the artifact is a bundle; raw parts are its pieces, in order."""
    first = next(iter(artifact.parts), None)
    if first is None:
        return False
    if first.HasField("raw"):
        return first.raw.startswith(_SIGNATURES)
    return first.HasField("url") and _is_named_bundle(first)


def _is_named_bundle(part: Part) -> bool:
    address = part.url.partition("?")[0]
    return (
        part.media_type == BUNDLE_TYPE
        or part.filename.endswith(_SUFFIX)
        or (address.endswith(_SUFFIX))
    )
