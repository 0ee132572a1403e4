"""Acts on one order as forms: one table says what each asks, whom, and of which part of the API.

An act that needs nothing more is a button. One that needs a reason or a choice has a page with its
form, which its button opens. In either case the form is sent here, and one request of the API does
it or says why not; what is wrong is shown where it was written.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from axon_factory.domain.permissions import Action, serves_in
from axon_factory.domain.states import OrderState
from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Refused, path_of
from axon_factory.web.forms import Form, see
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["ACTS", "Act", "Field", "acts_for", "router"]

router = APIRouter(include_in_schema=False)

_NOTHING = Sentence("", "")
_ON_THE_PLAN = frozenset({"rechazar", "preguntar"})
Body = Callable[[Form], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Field:
    """What an act asks besides its button: one line or several, a choice, or a mark."""

    name: str
    label: Sentence
    help: Sentence = _NOTHING
    kind: str = "text"
    """text, lines, mark or hidden; a hidden one comes from the page with the button."""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Act:
    """One row: what is done to an order, by whom, and what it asks."""

    action: Action
    method: str
    path: str
    """Below `/api/orders/{order}/`."""
    label: Sentence
    done: Sentence
    icon: str
    fields: tuple[Field, ...] = ()
    explains: Sentence = _NOTHING
    """What happens then, above the form."""
    dangerous: bool = False
    key: str = ""
    """The key that presses its button."""
    body: Body | None = None

    @property
    def asks(self) -> tuple[Field, ...]:
        """The fields that a person fills in."""
        return tuple(field for field in self.fields if field.kind != "hidden")


_PLAN_READ = (
    Field("plan_version", Sentence("Versión", "Version"), kind="hidden"),
    Field("plan_hash", Sentence("Hash", "Hash"), kind="hidden"),
)
_REASON = Field(
    "motivo",
    Sentence("Por qué", "Why"),
    Sentence("Queda en el historial de la orden.", "It stays on the order's history."),
    kind="lines",
)


def _of_plan(form: Form) -> dict[str, Any]:
    """Return the plan that the decider read, and the reason if there is one."""
    read: dict[str, Any] = {
        "plan_version": form.number("plan_version"),
        "plan_hash": form.text("plan_hash"),
    }
    return read | ({"motivo": form.text("motivo")} if form.text("motivo") else {})


def _question(form: Form) -> dict[str, Any]:
    asked = {"para": form.text("para") or "planificador", "pregunta": form.text("pregunta")}
    return _of_plan(form) | asked


def _erasure(form: Form) -> dict[str, Any]:
    return {
        "motivo": form.text("motivo"),
        "orden": form.text("orden"),
        "producto": bool(form.text("producto")),
    }


ACTS: Mapping[str, Act] = MappingProxyType(
    {
        "aprobar": Act(
            Action.DECIDE_PLAN,
            "POST",
            "approve",
            Sentence("Aprobar plan", "Approve the plan"),
            Sentence("Aprobaste el plan; empieza la construcción.", "You approved the plan."),
            "check",
            _PLAN_READ,
            key="a",
            body=_of_plan,
        ),
        "rechazar": Act(
            Action.DECIDE_PLAN,
            "POST",
            "reject",
            Sentence("Rechazar…", "Reject…"),
            Sentence(
                "Rechazaste el plan; se hace otro.", "You rejected the plan; another is made."
            ),
            "x",
            (*_PLAN_READ, _REASON),
            Sentence(
                "El planificador lee tu motivo y hace otra versión.",
                "The planner reads your reason and makes another version.",
            ),
            dangerous=True,
            key="r",
            body=_of_plan,
        ),
        "preguntar": Act(
            Action.DECIDE_PLAN,
            "POST",
            "plans/ask",
            Sentence("Preguntar…", "Ask…"),
            Sentence("Enviaste la pregunta; el plan sigue esperando.", "You sent the question."),
            "message-square",
            (
                *_PLAN_READ,
                Field(
                    "para",
                    Sentence("¿A quién?", "Whom?"),
                    Sentence(
                        "El planificador contesta solo; el cliente, en su portal.",
                        "The planner answers by itself; the client, on their portal.",
                    ),
                    kind="recipient",
                ),
                Field("pregunta", Sentence("Tu pregunta", "Your question"), kind="lines"),
            ),
            key="p",
            body=_question,
        ),
        "reintentar": Act(
            Action.RETRY_ORDER,
            "POST",
            "retry",
            Sentence("Reintentar", "Try again"),
            Sentence("La orden se intenta de nuevo.", "The order is tried again."),
            "rotate-ccw",
        ),
        "aceptar": Act(
            Action.ACCEPT_PRODUCT,
            "POST",
            "accept",
            Sentence("Aceptar el producto…", "Accept the product…"),
            Sentence("Aceptaste el producto; se pone en marcha.", "You accepted the product."),
            "thumbs-up",
            (_REASON,),
            Sentence(
                "Respondes por lo que la revisión no probó. Queda escrito con tu nombre.",
                "You answer for what the review has not proved. It is kept with your name.",
            ),
        ),
        "devolver": Act(
            Action.UPDATE_ORDER,
            "PATCH",
            "",
            Sentence("Devolver a construcción…", "Send back to be built…"),
            Sentence("La orden vuelve a construcción.", "The order is built again."),
            "undo-2",
            (_REASON,),
            body=lambda form: {"estado": "construccion", "motivo": form.text("motivo")},
        ),
        "fallar": Act(
            Action.UPDATE_ORDER,
            "PATCH",
            "",
            Sentence("Dar por fallida…", "Give it up…"),
            Sentence("La orden quedó fallida.", "The order has failed."),
            "circle-x",
            (_REASON,),
            dangerous=True,
            body=lambda form: {"estado": "fallido", "motivo": form.text("motivo")},
        ),
        "mirar": Act(
            Action.WAKE_ORDER,
            "POST",
            "wake",
            Sentence("Preguntar al agente ahora", "Ask the agent now"),
            Sentence("La línea mira al agente ahora.", "The line looks at the agent now."),
            "refresh-cw",
        ),
        "cancelar": Act(
            Action.CANCEL_ORDER,
            "POST",
            "cancel",
            Sentence("Cancelar la orden…", "Cancel the order…"),
            Sentence("Cancelaste la orden.", "You cancelled the order."),
            "ban",
            (_REASON,),
            Sentence(
                "Se detiene lo que esté en curso y el cliente recibe un correo. No se deshace.",
                "What is running stops and the client gets a mail. It cannot be undone.",
            ),
            dangerous=True,
        ),
        "presupuesto": Act(
            Action.DECIDE_BUDGET,
            "POST",
            "budget",
            Sentence("Decidir el presupuesto…", "Decide the budget…"),
            Sentence("Decidiste el presupuesto.", "You decided the budget."),
            "coins",
            (
                Field(
                    "presupuesto_usd",
                    Sentence("Dólares en total", "Dollars in total"),
                    Sentence(
                        "Vacío: sigue sin modelos, con el plan del catálogo.",
                        "Empty: it goes on without models, by the catalogue's plan.",
                    ),
                    required=False,
                ),
            ),
            body=lambda form: {"presupuesto_usd": form.text("presupuesto_usd") or None},
        ),
        "rotar": Act(
            Action.ROTATE_CREDENTIALS,
            "POST",
            "credentials/rotate",
            Sentence("Rotar…", "Rotate…"),
            Sentence(
                "El producto se reinicia con credenciales nuevas.",
                "The product restarts with new credentials.",
            ),
            "refresh-cw",
            explains=Sentence(
                "Las credenciales de ahora dejan de servir y el producto se reinicia.",
                "The present credentials stop serving and the product restarts.",
            ),
        ),
        "borrar": Act(
            Action.ERASE_ORDER,
            "POST",
            "erase",
            Sentence("Borrar datos personales…", "Erase personal data…"),
            Sentence("Los datos personales se borraron.", "The personal data were erased."),
            "trash-2",
            (
                Field(
                    "motivo",
                    Sentence("Por qué", "Why"),
                    Sentence("Sin datos personales.", "Without personal data."),
                    kind="lines",
                ),
                Field(
                    "orden",
                    Sentence("Número de la orden", "The order's number"),
                    Sentence("Escríbelo para confirmar.", "Write it to confirm."),
                ),
                Field(
                    "producto",
                    Sentence("También el producto y sus datos", "The product and its data too"),
                    kind="mark",
                    required=False,
                ),
            ),
            Sentence(
                "Se borran nombre, correo, mensajes y notas. Nada los trae de vuelta.",
                "Name, address, messages and notes go. Nothing brings them back.",
            ),
            dangerous=True,
            body=_erasure,
        ),
    }
)


def acts_for(desk: Desk, order: Mapping[str, Any]) -> dict[str, Act]:
    """Return the acts that this person may do on the order as it stands, by their names."""
    state = OrderState(order["estado"])
    return {
        name: act
        for name, act in ACTS.items()
        if desk.may(act.action) and serves_in(act.action, state) and _fits(name, order)
    }


def _fits(name: str, order: Mapping[str, Any]) -> bool:
    """Return whether what the order waits for is what the act answers."""
    match name:
        case "aprobar" | "rechazar" | "preguntar":
            return order.get("plan_estado") == "pendiente_aprobacion" and bool(order["plan_hash"])
        case "aceptar" | "devolver" | "fallar":
            return order.get("espera") == "persona"
        case "presupuesto":
            return order.get("espera") == "presupuesto"
        case "borrar":
            return order.get("borrado_at") is None
        case "mirar":
            return False  # offered where an agent is silent
        case _:
            return True


@router.get("/app/ordenes/{number}/actos/{name}")
async def act_page(
    number: str, name: str, desk: Annotated[Desk, Depends(page_for(Action.READ_ORDER))]
) -> Response:
    """Show the form of an act; those about the plan have theirs beside it."""
    if name in _ON_THE_PLAN:
        return see(f"/app/ordenes/{number}/plan?acto={name}#acto")
    order = await desk.get("orders", number)
    return await _form(desk, order, name, {}, Form({}))


@router.post("/app/ordenes/{number}/actos/{name}")
async def do_act(
    number: str, name: str, desk: Annotated[Desk, Depends(page_for(Action.READ_ORDER))]
) -> Response:
    """Do the act, and show the order with what was done."""
    form = await desk.form()
    act = _named(name, desk)
    body = act.body(form) if act.body else _plain_body(act, form)
    path = f"{path_of('orders', number)}/{act.path}".removesuffix("/")
    try:
        await desk.api.ask(act.method, path, body=body or None, key=form.key)
    except Refused as refusal:
        if refusal.codigo == "plan_desactualizado":
            # The page of the plan shows the one that waits now, and what changed.
            return desk.done(f"/app/ordenes/{number}/plan", refusal.sentence, "you")
        if refusal.status == HTTPStatus.BAD_REQUEST and act.asks:
            order = await desk.get("orders", number)
            return await _form(desk, order, name, refusal.fields, form, refusal)
        raise
    return desk.done(form.text("volver") or f"/app/ordenes/{number}", desk.r.say(act.done))


def _plain_body(act: Act, form: Form) -> dict[str, Any]:
    return {
        field.name: form.text(field.name)
        for field in act.fields
        if field.required or form.text(field.name)
    }


def _named(name: str, desk: Desk) -> Act:
    act = ACTS.get(name)
    if act is None:
        said = desk.r.t("No hay tal acto", "There is no such act")
        raise Refused(HTTPStatus.NOT_FOUND, {"codigo": "no_encontrado", "message": said})
    return act


async def _form(
    desk: Desk,
    order: Mapping[str, Any],
    name: str,
    problems: Mapping[str, str],
    form: Form,
    refusal: Refused | None = None,
) -> HTMLResponse:
    act = _named(name, desk)
    return await desk.page(
        "desk/act.html",
        refusal.status if refusal else HTTPStatus.OK,
        order=order,
        act=act,
        name=name,
        problems=problems,
        problem=refusal.sentence if refusal else "",
        value=form.text,
    )
