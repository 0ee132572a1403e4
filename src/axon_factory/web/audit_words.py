"""The audit trail in words: what was done, what was asked for, and how it ended."""

from collections.abc import Mapping
from types import MappingProxyType

from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Json

__all__ = ["ACTIONS", "FAULTS", "OUTCOMES", "said_deed"]


def _table(words: Mapping[str, tuple[str, str]]) -> Mapping[str, Sentence]:
    return MappingProxyType({name: Sentence(*both) for name, both in words.items()})


ACTIONS = _table(
    {
        "orders:create": ("Crear órdenes", "Place orders"),
        "orders:read": ("Ver una orden", "See an order"),
        "orders:list": ("Listar órdenes", "List orders"),
        "orders:feed": ("Leer los eventos", "Read the events"),
        "orders:timeline": ("Ver la línea de tiempo", "See the timeline"),
        "orders:brief": ("Ver el resumen de un plan", "See a plan's summary"),
        "orders:report_problem": ("Informar de un problema", "Report a problem"),
        "orders:close_problem": ("Cerrar un problema", "Close a problem"),
        "orders:feedback": ("Ver opiniones y problemas", "See ratings and problems"),
        "orders:rate": ("Calificar un producto", "Rate a product"),
        "orders:result": ("Ver el resultado", "See the result"),
        "orders:update": ("Cambiar una orden", "Change an order"),
        "orders:delete": ("Eliminar una orden", "Delete an order"),
        "orders:cancel": ("Cancelar una orden", "Cancel an order"),
        "orders:decide_plan": ("Decidir sobre un plan", "Decide about a plan"),
        "orders:decide_budget": ("Decidir un presupuesto", "Decide a budget"),
        "orders:retry": ("Reintentar una orden", "Try an order again"),
        "orders:accept": ("Aceptar un producto", "Accept a product"),
        "orders:evidence": ("Ver la evidencia", "See the evidence"),
        "orders:record_check": ("Registrar una revisión", "Record a check"),
        "orders:wake": ("Despertar una orden", "Wake an order"),
        "orders:bulk": ("Actuar sobre varias órdenes", "Act on several orders"),
        "orders:reveal_credentials": ("Revelar credenciales", "Reveal credentials"),
        "orders:portal_links": ("Gestionar enlaces del portal", "Manage portal links"),
        "orders:client_mails": ("Ver los correos del cliente", "See the client's mails"),
        "orders:rotate_credentials": ("Rotar credenciales", "Rotate credentials"),
        "orders:erase": ("Borrar datos personales", "Erase personal data"),
        "orders:repository": ("Leer el repositorio", "Read the repository"),
        "orders:ask": ("Preguntar", "Ask a question"),
        "orders:questions": ("Ver preguntas", "See questions"),
        "orders:answer": ("Responder una pregunta", "Answer a question"),
        "orders:heartbeat": ("Dar señal de vida", "Give a sign of life"),
        "orders:token": ("Renovar el token de un intento", "Renew an attempt's token"),
        "self:read": ("Ver la propia cuenta", "See one's own account"),
        "self:password": ("Cambiar la propia contraseña", "Change one's own password"),
        "self:sessions": ("Cerrar las propias sesiones", "End one's own sessions"),
        "access:users": ("Gestionar personas", "Manage people"),
        "access:keys": ("Gestionar claves", "Manage keys"),
        "access:audit": ("Leer la auditoría", "Read the audit trail"),
        "notifications:manage": ("Gestionar avisos", "Manage notifications"),
        "desk:pending": ("Ver los pendientes", "See what is pending"),
        "desk:board": ("Ver el tablero", "See the board"),
        "desk:settings": ("Ver los ajustes", "See the settings"),
        "line:read": ("Ver la línea", "See the line"),
        "line:control": ("Controlar la línea", "Control the line"),
        "access:login": ("Entrar", "Sign in"),
        "access:ask_reset": ("Pedir otra contraseña", "Ask for another password"),
        "access:redeem_link": ("Elegir contraseña con un enlace", "Choose a password by a link"),
    }
)
"""Everything that can be asked for, as in the permission table."""

_DEEDS = _table(
    {
        "accept": ("Aceptó el producto", "Accepted the product"),
        "answer": ("Respondió una pregunta", "Answered a question"),
        "approve": ("Aprobó el plan", "Approved the plan"),
        "ask": ("Preguntó", "Asked a question"),
        "budget": ("Decidió el presupuesto", "Decided the budget"),
        "bulk": ("Actuó sobre varias órdenes", "Acted on several orders"),
        "cancel": ("Canceló la orden", "Cancelled the order"),
        "change_password": ("Cambió su contraseña", "Changed their password"),
        "create": ("Creó la orden", "Placed the order"),
        "create_destination": ("Creó un destino de avisos", "Made a destination"),
        "create_key": ("Creó una clave", "Made a key"),
        "create_portal_link": ("Creó un enlace del portal", "Made a portal link"),
        "create_system_token": ("Creó un token de sistema", "Made a system token"),
        "create_user": ("Creó una cuenta", "Made an account"),
        "delete": ("Eliminó la orden", "Deleted the order"),
        "delete_destination": ("Eliminó un destino de avisos", "Removed a destination"),
        "drain_line": ("Drenó la línea", "Drained the line"),
        "edit": ("Editó el plan", "Edited the plan"),
        "end_sessions": ("Cerró las sesiones de una persona", "Ended a person's sessions"),
        "erase": ("Borró los datos personales", "Erased the personal data"),
        "invite_client": ("Invitó al cliente", "Invited the client"),
        "invite_user": ("Invitó a una persona", "Invited a person"),
        "log_out": ("Salió", "Signed out"),
        "patch": ("Cambió la orden", "Changed the order"),
        "pause_line": ("Pausó la línea", "Paused the line"),
        "close_problem": ("Cerró un problema", "Closed a problem"),
        "rate": ("Calificó el producto", "Rated the product"),
        "report_problem": ("Informó de un problema", "Reported a problem"),
        "record_check": ("Registró una revisión", "Recorded a check"),
        "redeliver": ("Reenvió una entrega", "Sent a delivery again"),
        "reject": ("Rechazó el plan", "Rejected the plan"),
        "resume_line": ("Reanudó la línea", "Resumed the line"),
        "retry": ("Reintentó la orden", "Tried the order again"),
        "reveal": ("Reveló las credenciales", "Revealed the credentials"),
        "revoke_key": ("Revocó una clave", "Revoked a key"),
        "revoke_portal_link": ("Revocó un enlace del portal", "Revoked a portal link"),
        "revoke_system_token": ("Revocó un token de sistema", "Revoked a system token"),
        "rotate_credentials": ("Rotó las credenciales", "Rotated the credentials"),
        "rotate_destination": ("Cambió el secreto de un destino", "Changed a destination's secret"),
        "rotate_key": ("Rotó una clave", "Rotated a key"),
        "stop_line": ("Detuvo la línea", "Stopped the line"),
        "test_destination": ("Probó un destino de avisos", "Tried a destination"),
        "update_destination": ("Cambió un destino de avisos", "Changed a destination"),
        "update_user": ("Cambió una cuenta", "Changed an account"),
        "renew_token": ("Renovó el token de un intento", "Renewed an attempt's token"),
        "heartbeat": ("Dio señal de vida", "Gave a sign of life"),
        "wake": ("Despertó la orden", "Woke the order"),
    }
)
"""What was done, by the name of the write."""

OUTCOMES = _table(
    {
        "ok": ("se hizo", "done"),
        "denied": ("no tenía permiso", "not allowed"),
        "failed": ("no se pudo", "could not be done"),
    }
)
FAULTS = _table(
    {
        "altered": ("una entrada fue alterada", "an entry was altered"),
        "missing": ("falta una entrada", "an entry is missing"),
        "reordered": ("el orden cambió", "the order changed"),
        "truncated": ("el final fue cortado", "the end was cut off"),
        "unknown": ("hay una entrada de otra mano", "an entry is of another hand"),
    }
)


_BY_ACTION = _table(
    {
        "access:login": ("Entró", "Signed in"),
        "access:ask_reset": ("Pidió otra contraseña", "Asked for another password"),
        "access:redeem_link": ("Eligió su contraseña", "Chose their password"),
    }
)
"""What was done where no write has a name."""


def said_deed(entry: Json) -> Sentence:
    """Return what an entry tells of: what was done, or what was asked for and not done."""
    action = str(entry["accion"])
    asked = ACTIONS.get(action, Sentence(action, action))
    if entry["resultado"] != "ok":
        return asked
    unit = str(entry["detalles"].get("unidad", ""))
    return _DEEDS.get(unit) or _BY_ACTION.get(action, asked)
