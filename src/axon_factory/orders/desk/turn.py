"""Who has the turn: one sentence about what an order does or waits for."""

from dataclasses import dataclass

from axon_factory.db.tables import Order
from axon_factory.domain.building import LineMode, Silence
from axon_factory.domain.names import APPROVER_NAME
from axon_factory.domain.states import OrderState, PlanStatus, WaitsFor
from axon_factory.domain.text import Sentence
from axon_factory.orders.answers.timeline import Who
from axon_factory.orders.desk import words

__all__ = ["Turn", "agent_at_work", "turn_of"]

_TEAM = Sentence("el equipo", "the team")
_CLIENT = Sentence("el cliente", "the client")
_LINE = Sentence("la línea", "the line")
_MACHINE = Sentence("la máquina", "the machine")
_AT_WORK = {
    OrderState.NUEVO: Sentence("toma la orden", "takes the order"),
    OrderState.PLANIFICACION: Sentence("hace el plan", "makes the plan"),
    OrderState.CONSTRUCCION: Sentence("construye el producto", "builds the product"),
    OrderState.QA: Sentence("revisa el producto", "reviews the product"),
    OrderState.LISTO: Sentence(
        "pone el producto en marcha y lo entrega", "starts the product and hands it over"
    ),
}
_OVER = {
    OrderState.ENTREGADO: Sentence(
        "El producto está entregado: a nadie le toca nada",
        "The product has been delivered: it is nobody's turn",
    ),
    OrderState.CANCELADO: Sentence(
        "La orden se canceló: a nadie le toca nada", "The order was cancelled: nobody's turn"
    ),
}
_STILL = {
    LineMode.PAUSADA: Sentence("la línea está en pausa", "the line is paused"),
    LineMode.DETENIDA: Sentence("la línea está detenida", "the line is stopped"),
    LineMode.DRENANDO: Sentence(
        "la línea no empieza órdenes nuevas", "the line begins no new orders"
    ),
}


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is; `name` is None for nobody."""

    who: Who
    name: str | None
    sentence: Sentence


def turn_of(order: Order, mode: LineMode) -> Turn:
    """Return whose turn it is, from the order's row and the mode of the line."""
    state = OrderState(order.estado)
    if state in _OVER:
        return Turn(Who.NADIE, None, _OVER[state])
    if state is OrderState.FALLIDO:
        failure = order.fallo or {}
        why = words.failed(failure.get("estado"), failure.get("causa"))
        return _team(
            Sentence(
                f"decide si se reintenta o se cancela. {why}",
                f"decide whether to retry or cancel. {why.en}",
            )
        )
    if order.espera is not None:
        return _waiting(order, WaitsFor(order.espera))
    if order.plan_estado == PlanStatus.PENDIENTE_APROBACION:
        version = order.plan_version
        return _team(Sentence(f"decide sobre el plan v{version}", f"decide about plan v{version}"))
    return _at_work(order, state, mode)


def agent_at_work(order: Order) -> str | None:
    """Return the name of the agent that is responsible, None while none has begun."""
    # Whoever approved the plan stands there until an agent takes the order over.
    taken = order.estado != OrderState.NUEVO and order.asignado_a != APPROVER_NAME
    return order.asignado_a if taken else None


def _team(what: Sentence) -> Turn:
    return _turn(Who.PERSONA, _TEAM, what, Sentence("Le toca al equipo", "It is the team's turn"))


def _waiting(order: Order, waits: WaitsFor) -> Turn:
    match waits:
        case WaitsFor.CLIENTE:
            return _turn(
                Who.CLIENTE,
                _CLIENT,
                Sentence("debe una respuesta", "an answer is owed"),
                Sentence("Le toca al cliente", "It is the client's turn"),
            )
        case WaitsFor.OPERADOR:
            return _team(Sentence("responde una pregunta", "answer a question"))
        case WaitsFor.PRESUPUESTO:
            return _team(
                Sentence("decide cuánto pueden gastar los modelos", "decide what models may spend")
            )
        case WaitsFor.PERSONA:
            what = words.review_waits(order.retrabajos + 1)
            return _team(Sentence(_small(what), _small(what.en)))
        case WaitsFor.MAQUINA:
            trouble = words.machine_waits((order.espera_causa or {}).get("codigo"))
            return Turn(
                Who.MAQUINA,
                _MACHINE,
                Sentence(
                    f"Espera a la máquina y sigue sola: {_small(trouble)}",
                    f"Waits for the machine and goes on by itself: {_small(trouble.en)}",
                ),
            )


def _at_work(order: Order, state: OrderState, mode: LineMode) -> Turn:
    still = _STILL.get(mode)
    begun = state in {OrderState.QA, OrderState.LISTO} or order.session_id is not None
    if still is not None and not (mode is LineMode.DRENANDO and begun):
        sentence = Sentence(f"Espera: {still}", f"It waits: {still.en}")
        return Turn(Who.LINEA, _LINE, sentence)
    if order.queued_at is not None:
        return _turn(
            Who.LINEA,
            _LINE,
            Sentence("espera un lugar de construcción", "it waits for a place to be built"),
            _lines_turn(),
        )
    what = _AT_WORK[state]
    if order.silence is not None:
        said = words.SILENT[Silence(order.silence)]
        what = Sentence(f"{what}. {said}", f"{what.en}. {said.en}")
    name = agent_at_work(order)
    if name is None:
        return _turn(Who.LINEA, _LINE, what, _lines_turn())
    head = Sentence(f"Le toca a {name}", f"It is the turn of {name}")
    return _turn(Who.AGENTE, name, what, head)


def _lines_turn() -> Sentence:
    return Sentence("Le toca a la línea", "It is the line's turn")


def _turn(who: Who, name: str, what: Sentence, head: Sentence) -> Turn:
    return Turn(who, name, Sentence(f"{head}: {what}", f"{head.en}: {what.en}"))


def _small(text: str) -> str:
    return text[:1].lower() + text[1:]
