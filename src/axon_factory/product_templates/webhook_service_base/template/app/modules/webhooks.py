"""`POST /webhooks/entrada`: signed events come in, and go out as the rules say."""

import hashlib
import json
import sqlite3
import time
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, RedirectResponse, Response

from app.module import Context, ContextDep, Help, Module, Section
from app.security import ApiKeyDep
from app.sessions import AdminFormDep
from app.webhooks.forwarding import forward, shown
from app.webhooks.rules import configured_rules
from app.webhooks.signature import is_signed
from app.webhooks.targets import body_for

router = APIRouter()
PATH = "/webhooks/entrada"
DEFAULT_LIMIT = 120


@router.post(PATH)
async def receive_webhook(request: Request, context: ContextDep) -> Response:
    """Take a signed event once, and answer before anything is forwarded."""
    body = await request.body()
    if not is_signed(request.headers, body, context.settings.webhook_secret, context.clock()):
        raise HTTPException(403, "La firma no es válida.")
    try:
        event = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "El cuerpo debe ser JSON.") from error
    # GitHub's deliveries have their own header; without any, the body is its own name.
    identifier = request.headers.get("webhook-id") or request.headers.get("x-github-delivery")
    identifier = (identifier or hashlib.sha256(body).hexdigest())[:255]
    named = event.get("type", event.get("evento")) if isinstance(event, dict) else None
    kind = named if isinstance(named, str) else request.headers.get("x-github-event", "evento")
    status, answer = await run_in_threadpool(_store, context, identifier, kind[:255], event)
    return JSONResponse(answer, status, {"Retry-After": "60"} if status == 429 else None)


def rate_limit(context: Context) -> int:
    """Return how many events a minute are taken (`limite_por_minuto`)."""
    value = context.product.configuration.get("limite_por_minuto")
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 1 <= value <= 100_000 else DEFAULT_LIMIT


def _store(context: Context, identifier: str, kind: str, event: Any) -> tuple[int, dict[str, Any]]:
    now = time.time()
    with context.database.transaction() as connection:
        known = connection.execute(
            "SELECT id FROM eventos WHERE identificador = ?", (identifier,)
        ).fetchone()
        if known is not None:
            return 200, {"evento": known["id"], "repetido": True}
        recent = connection.execute(
            "SELECT count(*) FROM eventos WHERE recibido > ?", (now - 60,)
        ).fetchone()[0]
        if recent >= rate_limit(context):
            return 429, {"error": "Demasiados eventos en un minuto."}
        number = connection.execute(
            "INSERT INTO eventos (identificador, tipo, cuerpo, recibido) VALUES (?, ?, ?, ?)",
            (identifier, kind, json.dumps(event), now),
        ).lastrowid
        rules = [rule for rule in configured_rules(context.product) if rule.applies(kind)]
        connection.executemany(
            "INSERT INTO entregas (evento_id, destino, cuerpo, proximo) VALUES (?, ?, ?, ?)",
            [(number, r.target, body_for(r.target, r.transform(event)), now) for r in rules],
        )
    return 202, {"evento": number, "entregas": len(rules)}


@router.get("/api/eventos", dependencies=[ApiKeyDep])
def events(context: ContextDep, limit: Annotated[int, Query(ge=1, le=200)] = 50) -> dict[str, Any]:
    """Return the newest events with their deliveries."""
    with context.database.reading() as connection:
        rows = connection.execute("SELECT * FROM eventos ORDER BY id DESC LIMIT ?", (limit,))
        found = [shown(row) for row in rows.fetchall()]
        for event in found:
            deliveries = connection.execute(
                "SELECT id, destino, estado, intentos, error FROM entregas WHERE evento_id = ?",
                (event["id"],),
            )
            event["entregas"] = [dict(row) for row in deliveries]
    return {"eventos": found}


@router.post("/admin/entregas/{number:int}/reintentar")
def retry(
    context: ContextDep, number: Annotated[int, Path(ge=1, le=2**53)], _form: AdminFormDep
) -> Response:
    """Try a failed delivery again, from the beginning."""
    with context.database.transaction() as connection:
        done = connection.execute(
            "UPDATE entregas SET estado = 'pendiente', intentos = 0, proximo = ?"
            " WHERE id = ? AND estado = 'fallido'",
            (time.time(), number),
        )
    if done.rowcount == 0:
        raise HTTPException(409, "Esa entrega no ha fallado.")
    return RedirectResponse("/admin", 303)


def _deliveries(_context: Context, connection: sqlite3.Connection) -> dict[str, Any]:
    rows = connection.execute(
        "SELECT d.*, e.tipo FROM entregas d JOIN eventos e ON e.id = d.evento_id"
        " ORDER BY d.id DESC LIMIT 100"
    )
    total = connection.execute("SELECT count(*) FROM eventos").fetchone()[0]
    return {"deliveries": [dict(row) for row in rows], "total": total}


def _help(context: Context) -> list[str]:
    rules = len(configured_rules(context.product))
    return [
        f"Envíe sus eventos (JSON) a {context.settings.public_url}{PATH}, firmados según Standard "
        "Webhooks o con X-Hub-Signature-256; el secreto está en WEBHOOK_SECRET.",
        f"Hay {rules} reglas configuradas. Cada evento que coincide se reenvía; si el destino "
        "falla, se reintenta hasta seis veces en unas siete horas.",
        f"Se aceptan {rate_limit(context)} eventos por minuto.",
    ]


module = Module(
    name="webhooks",
    router=router,
    background=forward,
    sections=(Section("Entregas", "deliveries.html", _deliveries),),
    help=(Help("Webhooks", _help),),
    endpoints={"eventos": "/api/eventos", "entrada": PATH},
)
