"""What recipes are made from, and what they make: a request that is accepted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx2

from axon_factory.accounts import users
from axon_factory.domain.building import LineMode
from axon_factory.domain.permissions import KeyScope, Role
from axon_factory.orders.line_mode import ModeChange, change_mode
from tests.proofs.copies import Copies
from tests.support.workshop import ADMIN, PASSWORD, Headers, Workshop, password_hash_of

__all__ = ["Kitchen", "Prepared"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that is accepted. `again` is a credential of the same caller for repeating it.

    `otherwise` is a body of the same shape that asks for something else.
    """

    method: str
    path: str
    headers: Headers
    body: Mapping[str, Any] | None = None
    otherwise: Mapping[str, Any] | None = None
    again: Headers = field(default_factory=dict[str, str])
    other: tuple[str, str] = ("PATCH", "")
    """Another operation on orders that the caller may do: its method, and its path below one."""

    async def send(
        self,
        http: httpx2.AsyncClient,
        key: str | bytes | None,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Headers | None = None,
    ) -> httpx2.Response:
        """Send it under an Idempotency-Key."""
        return await http.request(
            self.method,
            self.path,
            json=self.body if body is None else body,
            headers={**(headers or self.headers), **({"Idempotency-Key": key} if key else {})},
        )

    async def repeat(self, http: httpx2.AsyncClient, key: str) -> httpx2.Response:
        """Send it again, by a credential that still holds."""
        return await self.send(http, key, headers=self.again or self.headers)


@dataclass(frozen=True, slots=True)
class Kitchen:
    """What recipes are made from."""

    workshop: Workshop
    copies: Copies

    async def order(self, state: str) -> tuple[str, dict[str, Any]]:
        """Return the path of a fresh order and the decision about its plan."""
        order_id, model = await self.copies.copy(state)
        digest = self.copies.originals[state].digest
        plan = {"plan_version": model.plan_version, "plan_hash": digest, "motivo": "Leído"}
        return str(order_id), plan

    async def user(self, role: Role = Role.OPERATOR, *, invited: bool = False) -> tuple[str, str]:
        """Return the id and the address of a fresh user; one who is invited has no password."""
        container = self.workshop.container
        password_hash = await password_hash_of(container)
        email = f"persona-{uuid4().hex[:12]}@example.com"
        async with container.database.transaction("test") as session:
            user = await users.create(
                session,
                email=email,
                name="Persona",
                role=role,
                password_hash=password_hash,
                must_change_password=invited,
            )
        return str(user.id), email

    async def log_in(self, email: str) -> Headers:
        """Return an access token of a new session."""
        answer = await self.workshop.http.post(
            "/api/auth/login", json={"email": email, "password": PASSWORD}
        )
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def set_line(self, mode: LineMode) -> None:
        """Bring the line into a mode."""
        container = self.workshop.container
        async with container.database.transaction("test") as session:
            now = datetime.now(UTC)
            await change_mode(session, ModeChange(mode), ADMIN, container.policy, now)

    async def key(self) -> str:
        """Return the id of a fresh API key."""
        container = self.workshop.container
        async with container.database.transaction("test") as session:
            made = await container.api_keys.create(
                session, name=f"k-{uuid4().hex[:12]}", scope=KeyScope.LECTURA, created_by="t"
            )
        return made.key.id

    async def token(self) -> str:
        """Return the id of a fresh system token."""
        container = self.workshop.container
        async with container.database.transaction("test") as session:
            minted = await container.system_tokens.mint_permanent(
                session, agent="a", created_by="t"
            )
        return minted.id
