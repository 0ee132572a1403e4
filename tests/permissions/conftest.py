"""Sixteen principals, and an order in each of the eight states."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from axon_factory.db.tables import OrderQuestion
from axon_factory.domain.permissions import Grant, KeyScope
from axon_factory.domain.states import OrderState
from tests.support.workshop import Headers, Workshop


@dataclass(frozen=True, slots=True)
class Caller:
    """A kind of principal: its row in the table, and whether the orders here are its own."""

    name: str
    grant: Grant | None
    """None for credentials that do not hold, or none at all."""
    related: bool = True


CALLERS = (
    Caller("admin", Grant.ADMIN),
    Caller("operator", Grant.OPERATOR),
    Caller("owner", Grant.CLIENT_OWN),
    Caller("other", Grant.CLIENT_OWN, related=False),
    Caller("key_lectura", Grant.KEY_READ),
    Caller("key_escritura", Grant.KEY_WRITE),
    Caller("key_admin", Grant.KEY_ADMIN),
    Caller("attempt", Grant.SYSTEM_ASSIGNED),
    Caller("other_attempt", Grant.SYSTEM_ASSIGNED, related=False),
    Caller("permanent", Grant.SYSTEM_PERMANENT),
    Caller("council", Grant.SYSTEM_COUNCIL),
    Caller("ops", Grant.SYSTEM_OPS),
    Caller("expired_key", None),
    Caller("revoked_key", None),
    Caller("revoked_token", None),
    Caller("none", None),
)


@pytest.fixture(scope="session")
async def templates(workshop: Workshop) -> Mapping[OrderState, UUID]:
    """An order of the owner's in each state, with an open question to them, to be copied."""
    made = {state: await workshop.placed_in(state, notas_internas="notas") for state in OrderState}
    async with workshop.container.database.transaction("test") as session:
        for order_id in made.values():
            session.add(
                OrderQuestion(
                    order_id=order_id,
                    number=1,
                    intento=1,
                    audience="cliente",
                    question="¿En qué idioma?",
                    blocking=False,
                    asked_by="worker",
                    asked_by_name="Builder Agent",
                    asked_at=datetime.now(UTC),
                )
            )
    return made


@pytest.fixture(scope="session")
async def credentials(workshop: Workshop) -> Mapping[str, Headers]:
    """Headers of every caller but the two attempts, which belong to an order."""
    container = workshop.container
    headers = dict(workshop.headers)
    async with container.database.transaction("test") as session:
        expired = await container.api_keys.create(
            session,
            name="expirada",
            scope=KeyScope.ADMIN,
            created_by="t",
            lifetime=timedelta(microseconds=1),
        )
        revoked = await container.api_keys.create(
            session, name="revocada", scope=KeyScope.ADMIN, created_by="t"
        )
        await container.api_keys.revoke(session, revoked.key.id)
        token = await container.system_tokens.mint_permanent(session, agent="ops", created_by="t")
        await container.system_tokens.revoke(session, token.id)
    headers["expired_key"] = {"X-API-Key": expired.plaintext}
    headers["revoked_key"] = {"X-API-Key": revoked.plaintext}
    headers["revoked_token"] = {"X-System-Token": token.plaintext}
    elsewhere = await workshop.place()
    headers["other_attempt"] = await workshop.attempt_token(elsewhere)
    return headers
