"""Every way in which a credential can be presented, and a check that all of them refuse one."""

import base64
import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

import httpx2

__all__ = ["Way", "accepted_by", "refuse_everywhere", "refused_as_expired", "ways_in"]

NOBODYS_ORDER = "/api/orders/00000000-0000-4000-8000-000000000000"
REPOSITORY = "/git/bot-2026-001.git/info/refs?service=git-upload-pack"
LONGEST_REFRESH_TOKEN = 4096  # a longer one is refused as no request at all


class Way(NamedTuple):
    """One request that presents a credential."""

    method: str
    path: str
    headers: dict[bytes, bytes]
    content: bytes | None = None

    @property
    def scheme(self) -> str:
        return "Basic" if self.path == REPOSITORY else "Bearer"


def ways_in(credential: str | bytes) -> Iterator[tuple[str, Way]]:
    """Yield each way by name: in every header, to a route of every kind, and to be refreshed."""
    value = credential if isinstance(credential, bytes) else credential.encode()
    headers = {
        "bearer": {b"authorization": b"Bearer " + value},
        "API key": {b"x-api-key": value},
        "system token": {b"x-system-token": value},
    }
    for name, header in headers.items():
        yield f"read by {name}", Way("GET", "/api/auth/me", header)
        yield f"stream by {name}", Way("GET", f"{NOBODYS_ORDER}/stream", header)
        written = {**header, b"content-type": b"application/json"}
        yield f"write by {name}", Way("PATCH", NOBODYS_ORDER, written, b"{}")
    yield "git by bearer", Way("GET", REPOSITORY, headers["bearer"])
    basic = base64.b64encode(b"git:" + value)
    yield "git by password", Way("GET", REPOSITORY, {b"authorization": b"Basic " + basic})
    text = value.decode("utf-8", "surrogateescape")
    if len(text) <= LONGEST_REFRESH_TOKEN and text.isprintable():
        body = json.dumps({"refresh_token": text}).encode()
        yield (
            "refresh",
            Way("POST", "/api/auth/refresh", {b"content-type": b"application/json"}, body),
        )


async def ask(http: httpx2.AsyncClient, way: Way) -> httpx2.Response:
    return await http.request(
        way.method, way.path, headers=list(way.headers.items()), content=way.content
    )


async def refuse_everywhere(
    http: httpx2.AsyncClient, credential: str | bytes, name: str, check: Callable[..., None]
) -> None:
    """Fail unless every way answers this credential with the one 401."""
    for way_name, way in ways_in(credential):
        check(await ask(http, way), f"{name}: {way_name}", way.scheme)


async def refused_as_expired(
    http: httpx2.AsyncClient, credential: str, name: str, check: Callable[..., None]
) -> set[str]:
    """Return the ways that say that this credential has expired; the others give the one 401."""
    told: set[str] = set()
    for way_name, way in ways_in(credential):
        answer = await ask(http, way)
        if answer.json()["codigo"] != "token_vencido":
            check(answer, f"{name}: {way_name}", way.scheme)
            continue
        error = ', error="invalid_token"' if way.scheme == "Bearer" else ""
        challenge = f'{way.scheme} realm="axon-factory"{error}'
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, challenge)
        assert answer.headers["Cache-Control"] == "no-store"
        told.add(way_name)
    return told


async def accepted_by(http: httpx2.AsyncClient, credential: str | bytes) -> set[str]:
    """Return the ways that take this credential, whatever else they answer."""
    return {name for name, way in ways_in(credential) if (await ask(http, way)).status_code != 401}
