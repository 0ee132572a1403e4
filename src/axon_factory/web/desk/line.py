"""The line: how it runs, who works on what, what waits, and the four acts on its mode."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from axon_factory.domain.building import LineMode
from axon_factory.domain.permissions import Action
from axon_factory.domain.product_watch import TROUBLES
from axon_factory.domain.text import Sentence
from axon_factory.web.backend import Json, Refused, path_of
from axon_factory.web.desk.acts import Field
from axon_factory.web.desk.confirming import Confirmation, confirm
from axon_factory.web.forms import Form
from axon_factory.web.signed_in import Desk, page_for

__all__ = ["MODES", "router", "said_step"]

router = APIRouter(include_in_schema=False)

_PATH = "/app/linea"
_REASON = Field(
    "motivo",
    Sentence("Por qué", "Why"),
    Sentence("Lo lee quien mira la línea.", "Those who look at the line read it."),
    kind="lines",
)


@dataclass(frozen=True, slots=True)
class ModeAct:
    """An act on the mode: its name in the API, what it leads to, and what it does."""

    verb: str
    mode: LineMode
    icon: str
    label: Sentence
    explains: Sentence
    done: Sentence
    dangerous: bool = False


MODES: Mapping[str, ModeAct] = MappingProxyType(
    {
        "reanudar": ModeAct(
            "resume",
            LineMode.ACTIVA,
            "play",
            Sentence("Reanudar", "Resume"),
            Sentence(
                "Todo lo que esperaba por la línea continúa.",
                "All that waited for the line goes on.",
            ),
            Sentence("La línea está en marcha.", "The line runs."),
        ),
        "pausar": ModeAct(
            "pause",
            LineMode.PAUSADA,
            "pause",
            Sentence("Pausar…", "Pause…"),
            Sentence(
                "No empieza ningún paso. Los que están en curso terminan y se guardan.",
                "No step begins. Those that run end and are kept.",
            ),
            Sentence("La línea está en pausa.", "The line is paused."),
        ),
        "drenar": ModeAct(
            "drain",
            LineMode.DRENANDO,
            "hand",
            Sentence("Drenar…", "Drain…"),
            Sentence(
                "Lo empezado llega a su entrega. No se planifica ni se construye nada nuevo.",
                "What was begun is finished and delivered. Nothing new is planned or built.",
            ),
            Sentence("La línea se drena.", "The line drains."),
        ),
        "detener": ModeAct(
            "stop",
            LineMode.DETENIDA,
            "octagon-pause",
            Sentence("Detener…", "Stop…"),
            Sentence(
                "Es para emergencias: interrumpe lo que está en curso y ordena parar a los agentes "
                "externos. Al reanudar, cada orden sigue desde sus hitos verificados.",
                "For emergencies: it interrupts what runs and orders the agents outside to stop. "
                "When it resumes, each order goes on from its verified milestones.",
            ),
            Sentence("Detuviste la línea.", "You stopped the line."),
            dangerous=True,
        ),
    }
)
"""The acts by the names of their pages."""

_STEPS: Mapping[str, Sentence] = MappingProxyType(
    {
        "reclamar": Sentence("Toma la orden", "Takes the order"),
        "planificar": Sentence("Planifica", "Plans"),
        "responder": Sentence("Responde una pregunta", "Answers a question"),
        "aprobar": Sentence("Aprueba por política", "Approves by policy"),
        "iniciar_sesion": Sentence("Llama al agente", "Calls the agent"),
        "construir": Sentence("Construye", "Builds"),
        "publicar": Sentence("Publica el código", "Publishes the code"),
        "terminar_construccion": Sentence("Cierra la construcción", "Ends the building"),
        "verificar": Sentence("Revisa", "Checks"),
        "dictaminar": Sentence("Dictamina", "Gives its verdict"),
        "generar_credenciales": Sentence("Genera credenciales", "Makes credentials"),
        "desplegar": Sentence("Despliega", "Deploys"),
        "entregar": Sentence("Entrega", "Delivers"),
        "rotar_credenciales": Sentence("Cambia credenciales", "Rotates credentials"),
        "detener_sesion": Sentence("Detiene al agente", "Stops the agent"),
        "interrumpir": Sentence("Interrumpe", "Interrupts"),
        "retirar": Sentence("Retira el producto", "Takes the product down"),
        "borrar": Sentence("Borra datos", "Erases data"),
    }
)


def said_step(key: str | None) -> Sentence:
    """Return what the line does in the step with this key (`construir:scaffolding`)."""
    kind, _, subject = (key or "").partition(":")
    known = _STEPS.get(kind)
    if known is None:
        return Sentence("Entre dos pasos", "Between two steps")
    about = subject.replace("_", " ") if kind in {"construir", "verificar", "publicar"} else ""
    return Sentence(f"{known} · {about}", f"{known.en} · {about}") if about else known


@router.get(_PATH)
async def line_page(desk: Annotated[Desk, Depends(page_for(Action.READ_LINE))]) -> HTMLResponse:
    """Show the line as it is now."""
    now = await desk.get("line")
    acts = {name: act for name, act in MODES.items() if act.mode != now["modo"]}
    return await desk.page(
        "desk/line.html",
        now=now,
        modes=acts if desk.may(Action.CONTROL_LINE) else {},
        said_step=said_step,
        troubles=TROUBLES,
    )


@router.get(_PATH + "/{name}")
async def mode_page(
    name: str, desk: Annotated[Desk, Depends(page_for(Action.CONTROL_LINE))]
) -> HTMLResponse:
    """Say what the act does, and ask for the reason."""
    return await confirm(desk, _asked(_named(name, desk), name, await desk.get("line")))


@router.post(_PATH + "/{name}")
async def change_mode(
    name: str, desk: Annotated[Desk, Depends(page_for(Action.CONTROL_LINE))]
) -> Response:
    """Change the mode, unless somebody else has changed it meanwhile."""
    form = await desk.form()
    act = _named(name, desk)
    body = None if act.mode is LineMode.ACTIVA else {"motivo": form.text("motivo")}
    version = form.number("version")
    try:
        await desk.api.ask(
            "POST", path_of("line", act.verb), body=body, key=form.key, version=version
        )
    except Refused as refusal:
        return await _again(desk, act, name, form, refusal)
    return desk.done(_PATH, desk.r.say(act.done))


async def _again(desk: Desk, act: ModeAct, name: str, form: Form, refusal: Refused) -> Response:
    """Show the form once more with what is wrong, over the line as it is now."""
    if refusal.status not in {HTTPStatus.BAD_REQUEST, HTTPStatus.PRECONDITION_FAILED}:
        raise refusal
    now = await desk.get("line")
    if now["modo"] == act.mode:  # somebody else has done the same
        return desk.done(_PATH, desk.r.say(act.done))
    return await confirm(desk, _asked(act, name, now), form, refusal)


def _asked(act: ModeAct, name: str, now: Json) -> Confirmation:
    plain = Sentence(act.label.rstrip("…"), act.label.en.rstrip("…"))
    title = Sentence(f"{plain} la línea", f"{plain.en} the line")
    needs_reason = act.mode is not LineMode.ACTIVA
    return Confirmation(
        f"{_PATH}/{name}",
        _PATH,
        now["message"],
        title,
        act.explains,
        title,
        (_REASON,) if needs_reason else (),
        {"version": now["version"]},
        act.dangerous,
    )


def _named(name: str, desk: Desk) -> ModeAct:
    act = MODES.get(name)
    if act is None:
        said = desk.r.t("No hay tal acto", "There is no such act")
        raise Refused(HTTPStatus.NOT_FOUND, {"codigo": "no_encontrado", "message": said})
    return act
