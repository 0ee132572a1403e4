"""Following an order over the API: each event comes with the order as that event has left it."""

import time
from collections.abc import Callable, Generator, Mapping
from typing import Any

from axon_factory.cli.client import Factory, Json
from axon_factory.cli.terminal import CliError, Exit
from axon_factory.domain.states import TERMINAL_STATES, OrderState

_ENDED = TERMINAL_STATES | {OrderState.FALLIDO}
"""States in which nothing more happens by itself."""

_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.5
_WAIT_SECONDS = 25
_AWAY = {Exit.NOT_RUNNING, Exit.DATABASE_UNREACHABLE}
_QUERY = {"fields": "id,order_number,estado,progreso,fallo"}
_UNAUTHENTICATED = 401


def follow(factory: Factory, reference: str) -> Generator[tuple[Json, Json]]:
    """Yield each event from the first on, with the order as it was read after it.

    The order has `order_id`, `order_number`, `estado`, `progreso` and `fallo`. The event is an
    entry of `logs` with its `kind`. Ends once the order is entregado, fallido or cancelado and all
    its events were yielded. A factory that goes away is waited for, half a minute at most.

    Raises:
        CliError: there is no such order, or the factory does not answer.
    """
    order = _told(factory.get("orders", reference, query=_QUERY))
    number = str(order["order_id"])
    after, ended = 0, False
    # Where all events stand, taken before this order's are read: one in between ends the wait.
    news = factory.get("events", query={"after": "ahora", "limit": 1})["next_after"]
    while True:
        page = _patiently(factory, "orders", number, "events", query={"after": after or None})
        events = page["events"]
        if events:
            order = _order(factory, number)
            ended = order["estado"] in _ENDED
            for event in events:
                after = event["data"]["seq"]
                yield order, _entry(event)
        elif ended:
            return
        else:
            order = _order(factory, number)
            ended = order["estado"] in _ENDED
            if not ended:
                query = {"orden": number, "after": news, "wait": _WAIT_SECONDS}
                news = _patiently(factory, "events", query=query)["next_after"]


def _entry(event: Mapping[str, Any]) -> Json:
    """Return the event's entry of `logs` with its kind, as `axon orders watch --json` writes it."""
    kind = str(event["type"]).removeprefix("axon.")
    names = ("order_id", "intento", "estado_anterior", "estado_nuevo")
    entry = {name: value for name, value in event["data"].items() if name not in names}
    return {"kind": kind, **entry}


def _order(factory: Factory, reference: str) -> Json:
    return _told(_patiently(factory, "orders", reference, query=_QUERY))


def _told(order: Json) -> Json:
    return {"order_id": order.pop("id"), **order}


def _patiently(factory: Factory, *path: str, query: Mapping[str, Any]) -> Json:
    """Read, and wait for a factory that is away: after a start it has another credential."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return factory.get(*path, query=query)
        except CliError as error:
            refused = error.extra.get("status") == _UNAUTHENTICATED
            started_anew = refused and factory.is_local
            if not (error.code in _AWAY or started_anew) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)
        _find_again(factory.find)


def _find_again(find: Callable[[], None]) -> None:
    try:
        find()
    except CliError as error:
        if error.code not in _AWAY:
            raise
