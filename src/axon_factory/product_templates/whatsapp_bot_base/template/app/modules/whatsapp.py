"""`POST /webhooks/whatsapp`: Twilio brings a message, the answer goes back as TwiML."""

from fastapi import APIRouter, HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from app.http import read_form
from app.module import Context, ContextDep, Help, Module
from app.orders import moment
from app.whatsapp.conversation import CHANNEL, Conversation
from app.whatsapp.twilio import signature_is_valid, twiml

router = APIRouter()
PATH = "/webhooks/whatsapp"
MAX_STORED = 4000


@router.post(PATH)
async def whatsapp_webhook(request: Request, context: ContextDep) -> Response:
    """Answer a message that Twilio signed; a repeated one gets the same answer again."""
    given = request.headers.get("x-twilio-signature", "")
    if not given or not context.settings.webhook_secret:
        raise HTTPException(403, "La firma de Twilio no es válida.")
    fields = await read_form(request)
    # The address Twilio called is not the one we see behind a proxy: PUBLIC_URL says it.
    query = f"?{request.url.query}" if request.url.query else ""
    url = f"{context.settings.public_url}{PATH}{query}"
    if not signature_is_valid(given, url, fields, context.settings.webhook_secret):
        raise HTTPException(403, "La firma de Twilio no es válida.")
    message = dict(fields)
    identifier, contact = message.get("MessageSid", ""), message.get("From", "")
    if not identifier or not contact:
        raise HTTPException(400, "Faltan MessageSid o From.")
    answer = await run_in_threadpool(
        receive, context, identifier[:64], contact[:64], message.get("Body", "")[:MAX_STORED]
    )
    return Response(twiml(answer), media_type="application/xml")


def receive(context: Context, identifier: str, contact: str, text: str) -> str:
    """Record the message with its answer and all that follows from it, once, in one transaction."""
    now = context.clock()
    with context.database.transaction() as connection:
        row = connection.execute(
            "SELECT respuesta FROM mensajes WHERE identificador = ?", (identifier,)
        ).fetchone()
        if row is not None:
            return str(row["respuesta"])
        answer = Conversation(context.product, connection, contact, now).answer(text)
        connection.execute(
            "INSERT INTO mensajes (canal, identificador, contacto, texto, respuesta, creado_at)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (CHANNEL, identifier, contact, text, answer, moment(now)),
        )
    return answer


def _is_configured(context: Context) -> bool:
    return bool(context.settings.webhook_secret and context.settings.public_url)


def _help(context: Context) -> list[str]:
    return [
        "En la consola de Twilio, en su número de WhatsApp, ponga como webhook de mensajes "
        f"entrantes (POST): {context.settings.public_url}{PATH}",
        "El Auth Token de Twilio va en la variable WEBHOOK_SECRET; sin él, o con una firma que no "
        "corresponde, todo mensaje se rechaza.",
        "El bot muestra el catálogo, dice el horario, responde por cada producto y toma pedidos: "
        "«quiero 2 …», y después SÍ o NO. «cancelar pedido 12» anula un pedido sin pagar; "
        "«mis pedidos» muestra los últimos.",
    ]


module = Module(
    name="whatsapp",
    router=router,
    integrations={"whatsapp": _is_configured},
    help=(Help("WhatsApp", _help),),
    endpoints={"webhook de WhatsApp": PATH},
)
