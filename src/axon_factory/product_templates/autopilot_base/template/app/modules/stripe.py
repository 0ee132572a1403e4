"""Stripe: `POST /webhooks/stripe` marks an order as paid.

The payment must carry the order's number in `client_reference_id` or `metadata.pedido`.
"""

import hashlib
import hmac
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool

from app.module import Context, ContextDep, Help, Module
from app.orders import find_order, moment

VARIABLE = "STRIPE_WEBHOOK_SECRET"
TOLERANCE_SECONDS = 300
PAID_EVENTS = {
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "payment_intent.succeeded",
}
# Stripe counts these currencies in whole units, all others in hundredths.
ZERO_DECIMAL = {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd",
                "vuv", "xaf", "xof", "xpf"}  # fmt: skip

router = APIRouter()


def signature_is_valid(header: str, body: bytes, secret: str, now: datetime) -> bool:
    """Check `Stripe-Signature: t=…,v1=…`: HMAC-SHA256 of "<t>.<body>", at most 5 minutes old."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    if not secret or len(times) != 1 or not (times[0].isascii() and times[0].isdigit()):
        return False
    if len(times[0]) > 12 or abs(now.timestamp() - int(times[0])) > TOLERANCE_SECONDS:
        return False
    signed = times[0].encode() + b"." + body
    expected = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest().encode()
    given = [value.encode() for name, _, value in parts if name == "v1"]
    return any(hmac.compare_digest(value, expected) for value in given)


@router.post("/webhooks/stripe")
async def stripe_webhook(request: Request, context: ContextDep) -> dict[str, str]:
    """Take an event; anything not signed by Stripe is refused."""
    body = await request.body()
    header = request.headers.get("stripe-signature", "")
    if not signature_is_valid(header, body, context.settings.get(VARIABLE), context.clock()):
        raise HTTPException(403, "La firma de Stripe no es válida.")
    try:
        event = json.loads(body)
        identifier, kind = str(event["id"]), str(event["type"])
        payment = event["data"]["object"]
        reference = payment.get("client_reference_id") or payment.get("metadata", {}).get("pedido")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise HTTPException(400, "El evento no se entiende.") from error
    if kind not in PAID_EVENTS or payment.get("payment_status", "paid") != "paid":
        return {"resultado": "ignorado"}
    return {"resultado": await run_in_threadpool(_record, context, identifier, reference, payment)}


def _record(context: Context, event: str, reference: Any, payment: dict[str, Any]) -> str:
    text = str(reference or "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
    amount = payment.get("amount_total", payment.get("amount_received"))
    amount = amount if isinstance(amount, int) and abs(amount) < 2**53 else None
    currency = str(payment.get("currency") or "").lower()[:10]
    now = moment(context.clock())
    with context.database.transaction() as connection:
        order = find_order(connection, number)
        result = _judge(order, amount, currency)
        taken = connection.execute(
            "INSERT INTO pagos_stripe VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (event[:255], number if order else None, amount, currency, result, now),
        )
        if taken.rowcount == 0:
            return "repetido"
        if result == "pagado":
            connection.execute(
                "UPDATE pedidos SET estado = 'pagado', pagado_at = ? WHERE id = ?", (now, number)
            )
    return result


def _judge(order: dict[str, Any] | None, amount: int | None, currency: str) -> str:
    if order is None:
        return "pedido_desconocido"
    if order["estado"] != "confirmado":
        return "pedido_no_pendiente"
    if order["total"] is not None:
        units = Decimal(order["total"]) * (1 if currency in ZERO_DECIMAL else 100)
        # A payment link lets the payer choose the reference: less than the total pays nothing.
        if amount is None or amount < units:
            return "importe_insuficiente"
    return "pagado"


def _help(context: Context) -> list[str]:
    return [
        f"En Stripe, cree un webhook hacia {context.settings.public_url}/webhooks/stripe con los "
        "eventos checkout.session.completed y payment_intent.succeeded.",
        f"Ponga su secreto de firma en la variable {VARIABLE} y reinicie; hasta entonces todo "
        "aviso se rechaza.",
        "Cada pago debe llevar el número de pedido en client_reference_id o en metadata.pedido.",
    ]


module = Module(
    name="stripe",
    router=router,
    integrations={"stripe": lambda context: bool(context.settings.get(VARIABLE))},
    help=(Help("Cobros con Stripe", _help),),
)
