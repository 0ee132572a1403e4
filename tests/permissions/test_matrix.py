"""Every cell of caller, operation, ownership and state, generated from the routes.

In `make test` the refusal is asked in process for all of them. Over HTTP a fixed list proves that
every route obeys: each verdict once a route, each state where states count, each caller once a
verdict. `make variants` asks for every cell over HTTP.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from axon_factory.accounts import users
from axon_factory.api.authentication import PasswordChangeRequired, check
from axon_factory.api.routes import DeclaredRoute, declared_routes
from axon_factory.bootstrap.application import application_of
from axon_factory.db.tables import User
from axon_factory.domain.errors import Forbidden
from axon_factory.domain.permissions import (
    PERMISSIONS,
    PUBLIC_ROUTES,
    Action,
    Grant,
    KeyScope,
    Principal,
    Role,
    serves_in,
)
from axon_factory.domain.states import ACTIVE_STATES, TERMINAL_STATES, OrderState
from tests.permissions.actions import ROUTES_OF
from tests.permissions.conftest import CALLERS, Caller
from tests.permissions.operations import ELSEWHERE, OPERATIONS, Operation
from tests.support.copies import copy_order
from tests.support.destinations import make_destination
from tests.support.pages import is_page
from tests.support.workshop import PASSWORD, Headers, Workshop, password_hash_of

AGENTS = frozenset(grant for grant in Grant if grant.startswith("system:"))
OTHER_PARAMETERS = {"product_id": "webhook_service", "numero": 1, "version": "1"}


Routes = list[tuple[str, DeclaredRoute]]
Key = tuple[str, DeclaredRoute, OrderState | None, Caller]


@pytest.fixture(scope="module")
def routes(workshop: Workshop) -> Routes:
    return [
        (method, route)
        for route in declared_routes(application_of(workshop.container).routes)
        if not is_page(route)  # tests/web/test_page_matrix.py
        for method in sorted(route.methods - {"HEAD", "OPTIONS"})
    ]


def expected(caller: Caller, action: Action | None, state: OrderState | None) -> int | None:
    """The status that the table says, None where the caller may and the state serves."""
    if action is None:
        return None
    if caller.grant is None or _token_died(caller, state):
        return 401
    if caller.grant not in PERMISSIONS[action].grants:
        return 403
    if state is None:
        return None
    if not caller.related:
        return 404
    if action is Action.UPDATE_ORDER and caller.grant in AGENTS and state not in ACTIVE_STATES:
        return 409  # an order at rest takes no reports of agents
    return None if serves_in(action, state) else PERMISSIONS[action].refusal


def _token_died(caller: Caller, state: OrderState | None) -> bool:
    """An attempt's token dies with its order; asked without an order, it is a living one's."""
    return caller.name == "attempt" and state in TERMINAL_STATES


def test_every_operation_is_declared(routes: Routes) -> None:
    known = {(method, route.path) for method, route in routes}
    assert known - set(OPERATIONS) - set(ELSEWHERE) == set()
    assert (set(OPERATIONS) | set(ELSEWHERE)) - known == set()


def test_every_route_has_its_guard(routes: Routes) -> None:
    for method, route in routes:
        assert (route.action is None) == (route.path in PUBLIC_ROUTES), (method, route.path)
    asked = {action: set[str]() for action in Action}
    for method, route in routes:
        if route.action is not None:
            asked[route.action].add(f"{method} {route.path}")
    assert asked == {action: ROUTES_OF.get(action, frozenset()) for action in Action}


@pytest.mark.parametrize("grant", Grant)
def test_every_action_for_every_principal_in_process(grant: Grant) -> None:
    for action in Action:
        try:
            check(Principal("x:1", "Alguien", Role.ADMIN, grant), action)
            passed = True
        except Forbidden:
            passed = False
        assert passed == (grant in PERMISSIONS[action].grants), action
        new = Principal("x:1", "Alguien", Role.ADMIN, grant, must_change_password=True)
        if action not in {Action.READ_SELF, Action.CHANGE_PASSWORD, Action.END_SESSIONS}:
            with pytest.raises(PasswordChangeRequired):
                check(new, action)


def cells_of(routes: Routes) -> list[Key]:
    return [
        (method, route, state, caller)
        for method, route in routes
        if (method, route.path) in OPERATIONS
        for state in (OrderState if _is_about_order(route) else (None,))
        for caller in CALLERS
    ]


def chosen_of(cells: Sequence[Key]) -> list[Key]:
    """Return the first cell of each kind: what a route, its states and a caller can do wrong."""
    seen: set[object] = set()
    chosen: list[Key] = []
    for method, route, state, caller in cells:
        verdict = expected(caller, route.action, state)
        by_caller = caller.name in {"attempt", "other_attempt"} or state in {None, OrderState.QA}
        kinds: set[object] = {(method, route.path, verdict)}
        if by_caller:
            kinds.add((caller.name, verdict))
        if route.action and PERMISSIONS[route.action].states and verdict not in {401, 403, 404}:
            kinds.add((method, route.path, state))
        if kinds - seen:
            chosen.append((method, route, state, caller))
            seen |= kinds
    return chosen


async def test_every_route_obeys(
    workshop: Workshop,
    routes: Routes,
    templates: Mapping[OrderState, UUID],
    credentials: Mapping[str, Headers],
) -> None:
    chosen = chosen_of(cells_of(routes))
    assert {caller.name for *_, caller in chosen} == {caller.name for caller in CALLERS}
    print(f"{len(chosen)} cells")  # noqa: T201 — shown with -s
    await ask_all(workshop, chosen, templates, credentials)


@pytest.mark.nightly
@pytest.mark.timeout(0)
async def test_every_cell(
    workshop: Workshop,
    routes: Routes,
    templates: Mapping[OrderState, UUID],
    credentials: Mapping[str, Headers],
) -> None:
    cells = cells_of(routes)
    assert len(cells) > 1000
    await ask_all(workshop, cells, templates, credentials)


async def ask_all(
    workshop: Workshop,
    cells: Sequence[Key],
    templates: Mapping[OrderState, UUID],
    credentials: Mapping[str, Headers],
) -> None:
    mismatches: list[str] = []
    for method, route, state, caller in cells:
        operation, wanted = OPERATIONS[method, route.path], expected(caller, route.action, state)
        cell = Cell(workshop, method, route.path, operation, state)
        answer = await cell.ask(caller, wanted, templates, credentials)
        assert_private(answer, public=route.action is None)
        right = {wanted} if wanted else set(operation.done)
        if answer.status_code not in right:
            mismatches.append(
                f"{method} {route.path} as {caller.name} in {state}: "
                f"{answer.status_code} instead of {right}: {answer.text[:200]}"
            )
    # The other tests of this factory need a line that moves, whatever was asked for last.
    resumed = await workshop.http.post("/api/line/resume", headers=workshop.headers["admin"])
    assert resumed.status_code == 200
    assert mismatches == []


def _is_about_order(route: DeclaredRoute) -> bool:
    return "{id}" in route.path and route.path.startswith("/api/orders/")


def assert_private(answer: httpx2.Response, *, public: bool) -> None:
    if not public:
        assert answer.headers["Cache-Control"] == "no-store"
    if answer.status_code == 401:
        expired = answer.json()["codigo"] == "token_vencido"
        error = ', error="invalid_token"' if expired else ""
        assert answer.headers["WWW-Authenticate"] == f'Bearer realm="axon-factory"{error}'


class Cell:
    """One request of the matrix."""

    def __init__(
        self,
        workshop: Workshop,
        method: str,
        path: str,
        operation: Operation,
        state: OrderState | None,
    ) -> None:
        self.workshop = workshop
        self.method = method
        self.path = path
        self.operation = operation
        self.state = state

    async def ask(
        self,
        caller: Caller,
        wanted: int | None,
        templates: Mapping[OrderState, UUID],
        credentials: Mapping[str, Headers],
    ) -> httpx2.Response:
        """Ask about a copy where the order would change, about the template elsewhere."""
        order_id = templates[self.state or OrderState.CONSTRUCCION]
        if self.state is not None and wanted is None and self.method != "GET":
            order_id = await copy_order(self.workshop, order_id)
        reads = callable(self.operation.body) and self.state
        order = await self.workshop.order(order_id) if reads else None
        headers = await self._headers(caller, order_id, credentials)
        about = await self._made(headers) if self.operation.about and wanted is None else order_id
        path = self.path.format(id=about, **OTHER_PARAMETERS)
        return await self.workshop.http.request(
            self.method,
            path + self.operation.query,
            json=self.operation.body_for(order),
            headers=headers,
        )

    async def _headers(
        self, caller: Caller, order_id: UUID, credentials: Mapping[str, Headers]
    ) -> Headers:
        if caller.name == "attempt":
            return await self.workshop.attempt_token(order_id)
        if self.operation.ends_session and caller.grant in PERSONS:
            return await self._session_of_its_own(PERSONS[caller.grant])
        return credentials[caller.name]

    async def _made(self, by: Headers) -> str:
        """Make what the operation is about, as the caller's own, and return its id."""
        container = self.workshop.container
        if self.operation.about in {"destination", "delivery"}:
            destination_id, delivery_id = await make_destination(self.workshop, by)
            return destination_id if self.operation.about == "destination" else delivery_id
        async with container.database.transaction("test") as session:
            if self.operation.about == "user":
                user = await self._user(session, Role.OPERATOR)
                return str(user.id)
            if self.operation.about == "key":
                key = await container.api_keys.create(
                    session, name=uuid4().hex, scope=KeyScope.LECTURA, created_by="t"
                )
                return key.key.id
            token = await container.system_tokens.mint_permanent(
                session, agent="ops", created_by="t"
            )
            return token.id

    async def _user(self, session: AsyncSession, role: Role) -> User:
        return await users.create(
            session,
            email=f"{uuid4().hex}@example.com",
            name="Temporal",
            role=role,
            password_hash=await password_hash_of(self.workshop.container),
            client_id=uuid4().hex if role is Role.CLIENT else None,
            # Whoever has chosen a password is not invited any more.
            must_change_password=self.path.endswith("/invite"),
        )

    async def _session_of_its_own(self, role: Role) -> Headers:
        async with self.workshop.container.database.transaction("test") as session:
            user = await self._user(session, role)
        answer = await self.workshop.http.post(
            "/api/auth/login", json={"email": user.email, "password": PASSWORD}
        )
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}


PERSONS = {
    Grant.ADMIN: Role.ADMIN,
    Grant.OPERATOR: Role.OPERATOR,
    Grant.CLIENT_OWN: Role.CLIENT,
}


GIT = {
    Grant.ADMIN: 404,  # may, and nothing is published
    Grant.OPERATOR: 404,
    Grant.CLIENT_OWN: 404,
    Grant.KEY_READ: 403,
    Grant.KEY_WRITE: 403,
    Grant.KEY_ADMIN: 404,
    Grant.SYSTEM_ASSIGNED: 401,  # git sends a password, and a system token is none
    Grant.SYSTEM_PERMANENT: 401,
    Grant.SYSTEM_COUNCIL: 401,
    Grant.SYSTEM_OPS: 401,
    None: 401,
}


@pytest.mark.parametrize("caller", CALLERS, ids=lambda caller: caller.name)
async def test_repositories_for_every_principal(
    workshop: Workshop,
    templates: Mapping[OrderState, UUID],
    credentials: Mapping[str, Headers],
    caller: Caller,
) -> None:
    order = await workshop.order(templates[OrderState.NUEVO])
    headers = (
        await workshop.attempt_token(order.id)
        if caller.name == "attempt"
        else credentials[caller.name]
    )
    secret = next(iter(headers.values()), "").removeprefix("Bearer ")
    answer = await workshop.http.get(
        f"/git/{order.slug}.git/info/refs?service=git-upload-pack",
        auth=("git", secret) if secret else None,
    )
    assert answer.status_code == GIT[caller.grant]
