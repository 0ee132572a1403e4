"""What the watch over running products decides: pure rules over what was seen of one product.

Times are seconds of one monotonic clock.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from enum import StrEnum

from axon_factory.domain.text import Sentence


class RunState(StrEnum):
    """How a product's process stands."""

    RUNNING = "running"
    STARTING = "starting"
    """Started less than a second ago, or about to be started anew after an end."""
    STOPPED = "stopped"
    FAILED = "failed"
    """It ended again and again, and its supervisor has given up."""
    ORPHANED = "orphaned"
    """The supervisor is gone, and every product's process with it."""


class ProductTrouble(StrEnum):
    """Kinds of incidents (`product_incidents.kind`)."""

    SUPERVISOR = "supervisor"
    CAIDO = "caido"
    SIN_RESPUESTA = "sin_respuesta"
    PUERTO_OCUPADO = "puerto_ocupado"
    BUCLE = "bucle"
    SIN_MAQUINA = "sin_maquina"


TROUBLES = {
    ProductTrouble.SUPERVISOR: Sentence(
        "el supervisor de los productos murió; se inicia de nuevo con todos ellos",
        "the supervisor of the products died; it is started again with all of them",
    ),
    ProductTrouble.CAIDO: Sentence(
        "su proceso terminó sin que nadie lo pidiera; se inicia de nuevo",
        "its process ended although this was not asked; it is started again",
    ),
    ProductTrouble.SIN_RESPUESTA: Sentence(
        "su proceso vive, pero no responde a la comprobación de salud; se reinicia",
        "its process lives but does not answer the health check; it is restarted",
    ),
    ProductTrouble.PUERTO_OCUPADO: Sentence(
        "otro programa usa su puerto; se intenta de nuevo cada vez más despacio",
        "another program uses its port; it is tried again more and more slowly",
    ),
    ProductTrouble.BUCLE: Sentence(
        "termina una y otra vez; se intenta de nuevo cada vez más despacio",
        "it ends again and again; it is tried again more and more slowly",
    ),
    ProductTrouble.SIN_MAQUINA: Sentence(
        "ninguna máquina con un trabajador en marcha lo tiene",
        "no machine with a running worker has it",
    ),
}


class ProductAction(StrEnum):
    """What is to be done with a product's process."""

    NONE = "none"
    START = "start"
    RESTART = "restart"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class ProductSighting:
    """What one look saw of a product.

    `run` names the life of its process, None when there is none. `healthy` is None when the
    product was not asked. `handled`: somebody deploys, restarts or withdraws it, or did so since
    the last look. `port_taken`: it does not run, and another program has its port.
    """

    state: RunState
    run: str | None = None
    healthy: bool | None = None
    handled: bool = False
    port_taken: bool = False

    def answered(self, healthy: bool | None) -> "ProductSighting":  # noqa: FBT001 — an answer
        """Return this with the answer to the health check."""
        return replace(self, healthy=healthy)


@dataclass(frozen=True, slots=True)
class WatchRules:
    """When a product is in trouble, and how often it is started anew; times in seconds.

    `loop_exits` ends within `loop_seconds` are a loop. It is over when the product has been healthy
    for `stable_seconds`. Tries are `first_pause` seconds apart, then twice as long, at most
    `longest_pause`. A process has `start_seconds` to become healthy, and may then fail
    `health_failures` checks in a row.
    """

    loop_exits: int = 5
    loop_seconds: float = 300.0
    stable_seconds: float = 60.0
    first_pause: float = 30.0
    longest_pause: float = 900.0
    start_seconds: float = 60.0
    health_failures: int = 3


@dataclass(slots=True)
class ProductMemory:
    """What the watch remembers of a product between looks; `trouble` is its present incident."""

    trouble: ProductTrouble | None = None
    looping: bool = False
    run: str | None = None
    run_since: float = 0.0
    exits: deque[float] = field(default_factory=deque[float])
    failures: int = 0
    healthy_since: float | None = None
    next_try: float = 0.0
    pause: float = 0.0
    known_state: RunState | None = None

    @property
    def is_known(self) -> bool:
        """False while it starts, or has not been asked yet."""
        return self.trouble is not None or self.healthy_since is not None

    def should_ask(self, *, turn: bool) -> bool:
        """Tell whether the product is to be asked for its health: in its turn, or if in doubt."""
        return turn or self.trouble is not None or self.healthy_since is None or self.failures > 0


def judge(
    memory: ProductMemory, seen: ProductSighting, now: float, rules: WatchRules
) -> ProductAction:
    """Note what was seen, set `memory.trouble`, and return what is to be done now."""
    if seen.handled:
        memory.run, memory.known_state, memory.healthy_since = None, None, None
        memory.failures = 0
        return ProductAction.NONE
    ended = _note_run(memory, seen, now, rules)
    if seen.state is RunState.ORPHANED:
        memory.trouble = ProductTrouble.SUPERVISOR
        return ProductAction.NONE
    if len(memory.exits) >= rules.loop_exits or seen.state is RunState.FAILED:
        memory.looping = True
    if memory.looping:
        return _in_a_loop(memory, seen, now, rules, ended=ended)
    if seen.state is RunState.RUNNING:
        return _running(memory, seen, now, rules, ended=ended)
    memory.healthy_since = None
    if seen.port_taken:
        memory.trouble = ProductTrouble.PUERTO_OCUPADO
    elif ended or seen.state is RunState.STOPPED:
        memory.trouble = memory.trouble or ProductTrouble.CAIDO
    return _try(memory, now, rules) if seen.state is RunState.STOPPED else ProductAction.NONE


def _note_run(memory: ProductMemory, seen: ProductSighting, now: float, rules: WatchRules) -> bool:
    """Note whose life was seen; return whether one has ended since the last look."""
    ended = memory.run is not None and seen.run != memory.run
    # The process began and ended between two looks.
    failing = seen.run is None and seen.state is RunState.STARTING
    ended = ended or (failing and memory.known_state is not RunState.STARTING)
    if seen.state is RunState.ORPHANED:
        ended = False
    if ended:
        memory.exits.append(now)
    while memory.exits and memory.exits[0] <= now - rules.loop_seconds:
        memory.exits.popleft()
    if seen.run != memory.run:
        memory.run, memory.run_since, memory.failures = seen.run, now, 0
        memory.healthy_since = None
    memory.known_state = seen.state
    return ended


def _in_a_loop(
    memory: ProductMemory,
    seen: ProductSighting,
    now: float,
    rules: WatchRules,
    *,
    ended: bool,
) -> ProductAction:
    if seen.port_taken:
        memory.trouble = ProductTrouble.PUERTO_OCUPADO
    elif memory.trouble is not ProductTrouble.PUERTO_OCUPADO or seen.run is None:
        memory.trouble = ProductTrouble.BUCLE
    if ended or (seen.run is None and seen.state is RunState.STARTING):
        # Its supervisor would start it at once, for ever.
        _wait(memory, now, rules)
        return ProductAction.STOP
    if seen.run is not None:
        _forgive(memory, seen, now, rules)
        return ProductAction.NONE
    if not memory.pause:
        _wait(memory, now, rules)
    return _try(memory, now, rules)


def _forgive(memory: ProductMemory, seen: ProductSighting, now: float, rules: WatchRules) -> None:
    """End the loop of a product that has been healthy for long enough."""
    if seen.healthy is False:
        memory.healthy_since = None
    if not seen.healthy:
        return
    if memory.healthy_since is None:
        memory.healthy_since = now
    if now - memory.healthy_since >= rules.stable_seconds:
        memory.trouble, memory.looping, memory.pause = None, False, 0.0
        memory.exits.clear()


def _running(
    memory: ProductMemory,
    seen: ProductSighting,
    now: float,
    rules: WatchRules,
    *,
    ended: bool,
) -> ProductAction:
    if seen.healthy:
        if memory.healthy_since is None:
            memory.healthy_since = now
        memory.failures = 0
        # Told even if it came back before it was missed.
        memory.trouble = ProductTrouble.CAIDO if ended else None
        if now - memory.healthy_since >= rules.stable_seconds:
            memory.pause = 0.0
        return ProductAction.NONE
    if ended:
        memory.trouble = memory.trouble or ProductTrouble.CAIDO
    if seen.healthy is None:
        return ProductAction.NONE
    begun = memory.healthy_since is not None or now - memory.run_since >= rules.start_seconds
    if not begun:
        return ProductAction.NONE
    memory.failures += 1
    if memory.failures < rules.health_failures:
        return ProductAction.NONE
    memory.trouble = ProductTrouble.SIN_RESPUESTA
    if now < memory.next_try:
        return ProductAction.NONE
    _wait(memory, now, rules)
    return ProductAction.RESTART


def _wait(memory: ProductMemory, now: float, rules: WatchRules) -> None:
    """Put the next try off, by twice as long as the last."""
    memory.pause = min(max(memory.pause * 2, rules.first_pause), rules.longest_pause)
    memory.next_try = now + memory.pause


def _try(memory: ProductMemory, now: float, rules: WatchRules) -> ProductAction:
    if now < memory.next_try:
        return ProductAction.NONE
    _wait(memory, now, rules)
    return ProductAction.START
