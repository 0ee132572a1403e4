"""Forwarding: what is due is sent, with retries that wait longer and longer."""

import asyncio
import json
import logging
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

import httpx2

from app.module import Context
from app.webhooks.signature import standard_signature
from app.webhooks.targets import RefusedTargetError, address_of, checked_address

DELAYS = (5, 30, 120, 600, 3600, 6 * 3600)  # seconds after each failed try; then it has failed
POLL_SECONDS = 0.5
BATCH = 20
log = logging.getLogger("app.forwarding")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one target."""

    id: int
    identifier: str
    target: str
    body: str
    tries: int


def due(connection: sqlite3.Connection, now: float) -> list[Delivery]:
    """Return deliveries whose time has come, oldest first."""
    rows = connection.execute(
        "SELECT d.id, e.identificador, d.destino, d.cuerpo, d.intentos FROM entregas d"
        " JOIN eventos e ON e.id = d.evento_id"
        " WHERE d.estado = 'pendiente' AND d.proximo <= ? ORDER BY d.proximo LIMIT ?",
        (now, BATCH),
    )
    return [Delivery(*row) for row in rows]


def record(context: Context, delivery: Delivery, error: str | None) -> None:
    """Write how a try ended, and when the next one is."""
    tries = delivery.tries + 1
    exhausted = tries > len(DELAYS)
    state = "entregado" if error is None else "fallido" if exhausted else "pendiente"
    wait = 0 if exhausted else DELAYS[tries - 1]
    with context.database.transaction() as connection:
        connection.execute(
            "UPDATE entregas SET estado = ?, intentos = ?, proximo = ?, error = ? WHERE id = ?",
            (state, tries, time.time() + wait, error, delivery.id),
        )


async def send(client: httpx2.AsyncClient, context: Context, delivery: Delivery) -> str | None:
    """Make one try; return what went wrong, None if nothing did."""
    try:
        url = httpx2.URL(address_of(delivery.target, context.settings))
        host, address = await asyncio.to_thread(checked_address, str(url), context.settings)
    except (RefusedTargetError, httpx2.InvalidURL) as error:
        return str(error)
    body = delivery.body.encode()
    now = str(int(time.time()))
    headers = {
        "Host": url.netloc.decode(),
        "Content-Type": "application/json",
        "webhook-id": delivery.identifier,
        "webhook-timestamp": now,
    }
    if context.settings.webhook_secret:
        headers["webhook-signature"] = standard_signature(
            delivery.identifier, now, body, context.settings.webhook_secret
        )
    try:
        async with client.stream(
            "POST",
            url.copy_with(host=address),
            content=body,
            headers=headers,
            extensions={"sni_hostname": host},
        ) as answer:
            return None if answer.is_success else f"El destino respondió {answer.status_code}."
    except httpx2.HTTPError as error:
        return f"No se pudo entregar: {type(error).__name__}."


async def forward(context: Context) -> None:
    """Send what is due, for ever."""
    # No proxy settings and no redirects: the checked address is the one that is called.
    async with httpx2.AsyncClient(timeout=10, trust_env=False, follow_redirects=False) as client:
        while True:
            try:
                await _round(client, context)
            except sqlite3.Error:
                log.exception("La base de datos no respondió")
            await asyncio.sleep(POLL_SECONDS)


async def _round(client: httpx2.AsyncClient, context: Context) -> None:
    def find() -> list[Delivery]:
        with context.database.reading() as connection:
            return due(connection, time.time())

    async def deliver(delivery: Delivery) -> None:
        error = await send(client, context, delivery)
        await asyncio.to_thread(record, context, delivery, error)

    deliveries = await asyncio.to_thread(find)
    await asyncio.gather(*(deliver(delivery) for delivery in deliveries))


def shown(row: sqlite3.Row) -> dict[str, Any]:
    """Return an event as the API shows it."""
    return {**dict(row), "cuerpo": json.loads(row["cuerpo"])}
