"""The one way in which a route writes: authorised, once per Idempotency-Key, in one transaction.

async def cancel(id: str, reason: Reason, write: Annotated[Write, Depends(write_as(…))]):
async def work(session): ...; return Answer(body)
return await write.once("cancel", work)
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.api.answers import rendered
from axon_factory.api.authentication import require
from axon_factory.api.idempotency import (
    KeptAnswer,
    RequestKey,
    fingerprint,
    keep_answer,
    kept_answer,
)
from axon_factory.api.parameters import IfMatch
from axon_factory.api.services import ApiServices, Services
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.permissions import Action, Principal

__all__ = ["Answer", "Write", "write_as"]

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write is answered with."""

    body: Mapping[str, Any]
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


Work = Callable[[AsyncSession], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Write:
    """One authorised write of one request."""

    services: ApiServices
    principal: Principal
    action: Action
    key: RequestKey | None
    if_match: int | None

    async def once(self, unit: str, work: Work) -> Response:
        """Do `work` in a transaction called `unit`, or answer what this key was answered before.

        Raises:
            RequestInFlight: the same key is being worked on.
            IdempotencyKeyReused: the key belongs to another request.
        """
        async with self.services.database.transaction(unit) as session:
            if self.key is not None:
                kept = await kept_answer(session, self.key, self.services.secret_box)
                if kept is not None:
                    return _response(kept, {"Idempotency-Replayed": "true"})
            answer = await work(session)
            sent = KeptAnswer(answer.status, answer.headers, rendered(answer.body).decode())
            if self.key is not None:
                await keep_answer(session, self.key, sent, self.services.secret_box)
        return _response(sent, {})


def write_as(action: Action) -> Callable[..., Awaitable[Write]]:
    """Make a dependency that gives a route its `Write`, if the caller may do `action`."""

    async def dependency(
        request: Request,
        services: Services,
        if_match: IfMatch,
        principal: Annotated[Principal, Depends(require(action))],
        idempotency_key: Annotated[
            str | None,
            Header(description="Hasta 255 caracteres; la misma clave recibe la misma respuesta"),
        ] = None,
    ) -> Write:
        key = await _request_key(request, principal, idempotency_key)
        return Write(services, principal, action, key, if_match)

    return dependency


async def _request_key(
    request: Request, principal: Principal, key: str | None
) -> RequestKey | None:
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise ValidationFailed(
            {"Idempotency-Key": "Debe tener de 1 a 255 caracteres ASCII visibles"}
        )
    target = request.url.path + "?" + request.url.query
    content = fingerprint(request.method, target, await request.body())
    return RequestKey(principal.id, key, content)


def _response(answer: KeptAnswer, headers: Mapping[str, str]) -> Response:
    return Response(
        answer.body,
        status_code=answer.status,
        media_type="application/json",
        headers={**answer.headers, **headers},
    )
