"""Anything that anybody may do to orders, in any order, compared with the model after each step."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx2
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    multiple,
    precondition,
    rule,
)

from tests.proofs.callers import CALLERS
from tests.proofs.line_model import advanced
from tests.proofs.model import (
    STATES,
    Act,
    By,
    OrderModel,
    credential_holds,
    moves,
    perform,
    status_of_read,
)
from tests.proofs.world import Key, Token, World
from tests.support.workshop import Headers

__all__ = ["LifecycleMachine", "Tally"]

_MOST_ORDERS = 4
_KEYS = ("key_admin", "key_escritura", "key_lectura")
_PATHS = {
    "patch": ("PATCH", ""),
    "delete": ("DELETE", ""),
    "cancel": ("POST", "/cancel"),
    "approve": ("POST", "/approve"),
    "reject": ("POST", "/reject"),
    "retry": ("POST", "/retry"),
    "reveal": ("POST", "/credentials/reveal"),
    "rotate": ("POST", "/credentials/rotate"),
}
_BEFORE_THE_STATE_COUNTS = frozenset({401, 403, 404, 412})
_LATE = "sigue reportando"
_HIDDEN_FROM_CLIENTS = frozenset({"notas_internas", "cliente_id", "session_id", "espera"})
_AGENTS_ENTRIES = [
    {"timestamp": "2025-11-14T13:00:00Z", "agente": "QA Agent", "mensaje": "45/45 pasaron"},
    {"timestamp": "2025-11-13T09:30:00Z", "agente": "Builder Agent", "mensaje": "Base lista"},
    {"agente": "QA Agent", "mensaje": "Sin fecha"},
]
_ANYBODY = [name for name in CALLERS if name != "agent"]
# Each kind asks for everything, and those who may do it more often.
_WHO = st.sampled_from(_ANYBODY)
_WRITER = st.sampled_from([*_ANYBODY, *["admin", "operator", "key_admin", "permanent"] * 6])
_DECIDER = st.sampled_from([*_ANYBODY, *["admin"] * 18])
_GUARD = st.sampled_from([*["none"] * 6, "current", "stale", "any"])
_STATE = st.sampled_from(STATES)
_BODY = st.fixed_dictionaries(
    {},
    optional={
        "estado": _STATE,
        "progreso": st.sampled_from([0, 1, 40, 70, 85, 95, 96, 100]),
        "logs": st.lists(st.sampled_from(_AGENTS_ENTRIES), max_size=2),
        "motivo": st.just("Porque sí"),
        "session_id": st.just("session-1"),
        "prioridad": st.sampled_from(["alta", "baja"]),
    },
)


@dataclass
class Tally:
    """What a run has tried."""

    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    examples: int = 0

    def __str__(self) -> str:
        by_status = Counter[int]()
        for (_, status), count in self.answers.items():
            by_status[status] += count
        return (
            f"{self.examples} lives, {self.answers.total()} requests "
            f"{dict(sorted(by_status.items()))}, {len(self.pairs)} of 64 pairs"
        )


@dataclass(frozen=True, slots=True)
class _Sent:
    """A write that was accepted, to be repeated."""

    order: int
    by: str | int
    key: str | None
    request: tuple[str, str, Headers, Mapping[str, Any] | None]
    answer: httpx2.Response


class LifecycleMachine(RuleBasedStateMachine):
    """`world` is the factory, `tally` counts; both are set before a run."""

    world: ClassVar[World]
    tally: ClassVar[Tally]

    orders = Bundle("orders")
    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.tally.examples += 1
        self.ids: list[UUID] = []
        self.models: list[OrderModel] = []
        self.digests: list[str] = []
        self.written: list[tuple[int, str | None]] = []
        self.keys: dict[str, Key] = {}
        self.revoked: set[str] = set()
        self.minted: list[Token] = []
        self.last: _Sent | None = None

    # Orders and credentials come and go.

    @initialize(target=orders, state=_STATE)
    def begin(self, state: str) -> int:
        order_id, model, digest = self.world.copy(state)
        return self._know(order_id, model, digest)

    @precondition(lambda self: len(self.ids) < _MOST_ORDERS)
    @rule(target=orders, name=_WRITER)
    def create(self, name: str) -> Any:  # noqa: ANN401 — an order, or none
        by = self._by(name)
        refused = 403 if "create" not in by.caller.may else None
        expected = 401 if not by.alive else refused or 201
        answer = self.world.create(self._headers(name))
        assert answer.status_code == expected, answer.text
        return (
            self._know(UUID(answer.json()["id"]), OrderModel(), "")
            if expected == 201
            else multiple()
        )

    @rule(target=tokens, order=orders)
    def mint(self, order: int) -> int:
        model = self.models[order]
        self.minted.append(self.world.mint(order, self.ids[order], model.intento))
        return len(self.minted) - 1

    @rule(token=tokens)
    def revoke_token(self, token: int) -> None:
        self.world.revoke(self.minted[token])
        self.revoked.add(self.minted[token].id)

    @rule(order=orders, name=st.sampled_from(_KEYS), replaced=st.booleans())
    def revoke_key(self, order: int, name: str, *, replaced: bool) -> None:
        key = self._key(name)
        self.world.revoke(key)
        self.revoked.add(key.id)
        self._look(order, name)
        if replaced:
            del self.keys[name]

    # The line, and whoever writes.

    @rule(order=orders, steps=st.integers(1, 8), council_passes=st.booleans())
    def let_the_line_work(self, order: int, steps: int, *, council_passes: bool) -> None:
        for _ in range(steps):
            after = advanced(self.models[order], council_passes=council_passes)
            moved = self.world.advance(self.ids[order], council_passes=council_passes)
            assert moved == (after is not None)
            if after is None:
                break
            self.models[order] = after
            self._check(order)

    @rule(order=orders, name=_WRITER, state=_STATE, guard=_GUARD)
    def move(self, order: int, name: str, state: str, guard: str) -> None:
        self._write(order, name, "patch", {"estado": state}, guard)

    @rule(order=orders, name=_WRITER, body=_BODY, guard=_GUARD)
    def patch(self, order: int, name: str, body: Mapping[str, Any], guard: str) -> None:
        self._write(order, name, "patch", body, guard)

    @rule(order=orders, token=tokens, body=_BODY, guard=_GUARD)
    def agent_reports(self, order: int, token: int, body: Mapping[str, Any], guard: str) -> None:
        """Late, doubled, from an attempt that is over, or about another's order."""
        self._write(order, token, "patch", body, guard)

    @rule(
        order=orders,
        name=_DECIDER,
        verdict=st.sampled_from(["approve", "approve", "reject"]),
        outdated=st.booleans(),
        guard=_GUARD,
    )
    def decide(self, order: int, name: str, verdict: str, guard: str, *, outdated: bool) -> None:
        body = self._decision(order, outdated=outdated)
        self._write(order, name, verdict, body, guard)

    @rule(
        order=orders,
        name=_DECIDER,
        action=st.sampled_from(["cancel", "delete", "retry", "retry", "reveal", "rotate"]),
        guard=_GUARD,
    )
    def act(self, order: int, name: str, action: str, guard: str) -> None:
        self._write(order, name, action, {"motivo": "Ya no"} if action == "cancel" else {}, guard)

    @precondition(lambda self: self.last is not None)
    @rule(same_body=st.booleans())
    def repeat(self, *, same_body: bool) -> None:
        """The last accepted write comes again under its key."""
        assert self.last is not None
        method, path, headers, body = self.last.request
        sent = body if same_body else {"motivo": f"Otro {body}"}
        by = self._by(self.last.by, self.last.order)
        if self.last.key in self.revoked or not credential_holds(self.models[self.last.order], by):
            expected = {401}
        else:
            expected = {200} if same_body else {400, 422}  # 400: it is no body of the route's
        answer = self.world.send(method, path, headers, sent)
        assert answer.status_code in expected, answer.text
        if answer.status_code == 200:
            assert answer.headers["Idempotency-Replayed"] == "true"
            assert answer.content == self.last.answer.content
            assert answer.headers.get("ETag") == self.last.answer.headers.get("ETag")
        self._check(self.last.order)

    @rule(order=orders, name=_WHO)
    def look(self, order: int, name: str) -> None:
        self._look(order, name)

    @rule(order=orders, token=tokens)
    def agent_looks(self, order: int, token: int) -> None:
        self._look(order, token)

    def teardown(self) -> None:
        for order in range(len(self.ids)):
            self._check(order)

    # How it is done.

    def _know(self, order_id: UUID, model: OrderModel, digest: str) -> int:
        self.ids.append(order_id)
        self.models.append(model)
        self.digests.append(digest)
        self.written.append((0, None))
        self._check(len(self.ids) - 1)
        return len(self.ids) - 1

    def _key(self, name: str) -> Key:
        if name not in self.keys:
            self.keys[name] = self.world.make_key(name.removeprefix("key_"))
        return self.keys[name]

    def _headers(self, by: str | int) -> Headers:
        if isinstance(by, int):
            return self.minted[by].headers
        return self._key(by).headers if by.startswith("key_") else self.world.headers(by)

    def _by(self, by: str | int, order: int | None = None) -> By:
        if isinstance(by, int):
            token = self.minted[by]
            own = self.models[token.order]
            alive = token.id not in self.revoked
            if token.order != order:  # it dies with its own order's attempt, wherever it is shown
                alive = alive and credential_holds(own, By(CALLERS["agent"], attempt=token.attempt))
            return By(CALLERS["agent"], alive, token.attempt, here=token.order == order)
        alive = not by.startswith("key_") or self._key(by).id not in self.revoked
        return By(CALLERS[by], alive)

    def _decision(self, order: int, *, outdated: bool) -> Mapping[str, Any]:
        model = self.models[order]
        digest = self.digests[order] or "0" * 64
        return {
            "plan_version": max(1, model.plan_version) + outdated,
            "plan_hash": digest,
            "motivo": "Leído",
        }

    def _write(
        self, order: int, by: str | int, name: str, body: Mapping[str, Any], guard: str
    ) -> None:
        model = self.models[order]
        if_match = {"current": model.version, "stale": model.version - 1}.get(guard)
        status, after = perform(model, Act(name, body, if_match), self._by(by, order))
        headers = {**self._headers(by), "Idempotency-Key": uuid4().hex}
        if if_match is not None or guard == "any":
            headers["If-Match"] = "*" if if_match is None else f'"{if_match}"'
        method, suffix = _PATHS[name]
        path = f"/api/orders/{self.ids[order]}{suffix}"
        sends_body = name not in {"delete", "retry", "reveal"}
        request = (method, path, headers, body if sends_body else None)
        answer = self.world.send(*request)
        assert answer.status_code == status, (name, body, guard, answer.text)
        self.tally.answers[name, status] += 1
        if "estado" in body and status not in _BEFORE_THE_STATE_COUNTS:
            self.tally.pairs[model.estado, body["estado"]] += 1
        if status == 200:
            self.models[order] = after
            key = self.keys[by].id if by in self.keys else None
            self.last = _Sent(order, by, key, request, answer)
        if "ETag" in answer.headers and status == 200:
            assert answer.headers["ETag"] == f'"{after.version}"'
        self._check(order)

    def _check(self, order: int) -> None:
        """Require that the rows say what the model says, and that no event was changed."""
        model = self.models[order]
        seq, digest = self.written[order]
        found, written = self.world.facts(self.ids[order], seq)
        found.require(model)
        assert digest is None or digest == written, "an event was changed"
        self.digests[order] = found.row["plan_hash"] or ""
        newest = found.row["event_seq"]
        if newest > seq:
            _, written = self.world.facts(self.ids[order], newest)
            self.written[order] = (newest, written)

    def _look(self, order: int, by: str | int) -> None:
        model, asking = self.models[order], self._by(by, order)
        path = f"/api/orders/{self.ids[order]}"
        answer = self.world.send("GET", path, self._headers(by))
        status = status_of_read(model, asking)
        assert answer.status_code == status, answer.text
        self.tally.answers["read", status] += 1
        if status != 200:
            return
        shown, caller = answer.json(), asking.caller
        assert answer.headers["ETag"] == f'"{model.version}"'
        seen = {name: shown[name] for name in ("estado", "progreso", "intento", "version")}
        assert seen == {name: getattr(model, name) for name in seen}
        legal = moves(model, caller) if "patch" in caller.may else set()
        assert set(shown["transiciones_permitidas"]) == legal
        told = [entry["seq"] for entry in shown["logs"]]
        assert told == sorted(set(told))
        if caller.staff:
            late = sum(_LATE in entry["mensaje"] for entry in shown["logs"])
            assert told == list(range(1, model.event_seq + late + 1))[-200:]
        else:
            assert not _HIDDEN_FROM_CLIENTS & shown.keys()
            assert "Credenciales reveladas" not in answer.text
