"""Lists tell the truth: any filter, order and page, whatever was written, folded or not."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg.errors import LockNotAvailable
from sqlalchemy import text

from axon_factory.db.sessions import Database
from axon_factory.domain.building import Priority
from axon_factory.domain.catalogue import PRODUCT_TYPES
from axon_factory.domain.errors import ValidationFailed
from axon_factory.domain.permissions import Grant, Principal, Role
from axon_factory.domain.states import Needs, OrderState, PlanStatus, WaitsFor
from axon_factory.orders.lists import statement as listing
from axon_factory.orders.lists.cursor import decode
from axon_factory.orders.lists.page import list_orders
from axon_factory.orders.lists.query import ListQuery, SortKey
from tests.orders.list_rig import BEGIN, Facts, check, delete, fold_all, insert, update
from tests.support.workshop import ADMIN

CLIENTS = ["uno", "dos", "O'Higgins & Cía\\", None]
AGENTS = ["Builder Agent", "Ana Ruiz", None]
TAGS = ["retail", "b2b", "it's:*", "\\"]
WORDS = ["Café", "Ñandú", "ÓPTICA", "bot", "botica", "Straße", "x-y", "Ωμέγα", "ﬁn"]
STATES, TYPES, PRIORITIES = list(OrderState), list(PRODUCT_TYPES), list(Priority)
PLANS, WAITS, NEEDS = [None, *PlanStatus], [None, *WaitsFor], list(Needs)

# Examples write to one database one after another: a shorter one would not find the same.
SEARCH = settings(
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)

names = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
facts = st.builds(
    Facts,
    estado=st.sampled_from(STATES),
    tipo_producto=st.sampled_from(TYPES),
    prioridad=st.sampled_from(PRIORITIES),
    asignado_a=st.sampled_from(AGENTS),
    cliente_id=st.sampled_from(CLIENTS),
    tags=st.lists(st.sampled_from(TAGS), max_size=3, unique=True),
    nombre_producto=names,
    nombre=names,
    email=st.sampled_from(["ana@cafe.example", "b.o@bot.example"]),
    day=st.integers(0, 70),
    second=st.sampled_from([0, 1, 43_200, 86_399]),
    late_days=st.integers(0, 40),
    plan_estado=st.sampled_from(PLANS),
    espera=st.sampled_from(WAITS),
)


def some(values: list[Any], most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    given_values = [value for value in values if value is not None]
    return st.lists(st.sampled_from(given_values), max_size=most, unique=True).map(tuple)


moments = st.none() | st.builds(
    lambda day, hours: BEGIN + timedelta(days=day, hours=hours),
    st.integers(-1, 72),
    st.sampled_from([0, 6, 12]),
)
texts = st.none() | st.sampled_from(
    ["b", "bot", "cafe nan", "ÑAN", "strass", "ord-2024", "@bot", "y"]
)
queries = st.builds(
    ListQuery,
    states=some(STATES, 3),
    product_types=some(TYPES),
    priorities=some(PRIORITIES),
    tags=some(TAGS),
    assignees=some(AGENTS),
    client_ids=some(CLIENTS),
    text=texts,
    created_from=moments,
    created_before=moments,
    plan_states=some(PLANS),
    waits=some(WAITS),
    needs=some(NEEDS),
    order_numbers=some(["ORD-2024-001", "ORD-2024-002", "ORD-2024-050"]),
    updated_from=moments,
    updated_before=moments,
    delivered_from=moments,
    delivered_before=moments,
    limit=st.integers(1, 8),
    offset=st.integers(0, 12),
    sort_by=st.sampled_from(["created_at", "updated_at", "prioridad"]),
    descending=st.booleans(),
)
# Filters of one dimension find more than those of all do.
narrow = st.builds(
    lambda query, keep: replace(
        ListQuery(), **{name: getattr(query, name) for name in (*keep, "sort_by", "descending")}
    ),
    queries,
    st.sampled_from(
        [
            ("states", "limit"),
            ("tags", "offset"),
            ("text", "limit"),
            ("created_from", "created_before"),
            ("priorities", "client_ids"),
            ("assignees", "product_types"),
            ("limit", "offset"),
            ("plan_states", "limit", "offset"),
            ("waits", "text"),
            ("needs", "limit"),
            ("order_numbers",),
            ("updated_from", "updated_before"),
            ("delivered_from", "delivered_before", "tags"),
        ]
    ),
)
writes = st.one_of(
    st.tuples(st.just(insert), facts),
    st.tuples(st.just(insert), facts),
    st.tuples(st.just(update), st.integers(0, 99), facts),
    st.tuples(st.just(update), st.integers(0, 99), facts),
    st.tuples(st.just(delete), st.integers(0, 99)),
)


@pytest.fixture
def small_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a handful of orders many, so that both ways to a page are gone."""
    monkeypatch.setattr(listing, "FEW", 3)
    monkeypatch.setattr(listing, "FEW_UNINDEXED", 2)
    monkeypatch.setattr(listing, "DEEP", 4)
    monkeypatch.setattr(listing, "_texts", {})


def at_random(seed: int, *, orders: int) -> list[Facts]:
    draw = Random(seed)  # noqa: S311 — data of a test
    return [
        Facts(
            estado=draw.choice(STATES),
            tipo_producto=draw.choice(TYPES),
            prioridad=draw.choice(PRIORITIES),
            asignado_a=draw.choice(AGENTS),
            cliente_id=draw.choice(CLIENTS),
            tags=draw.sample(TAGS, draw.randint(0, 2)),
            nombre_producto=draw.choice(WORDS),
            nombre=draw.choice(WORDS),
            email="ana@cafe.example",
            day=draw.randint(0, 70),
            second=draw.choice([0, 1]),
            late_days=draw.randint(0, 40),
            plan_estado=draw.choice(PLANS),
            espera=draw.choice(WAITS),
        )
        for _ in range(orders)
    ]


async def write(database: Database, act: Callable[..., Awaitable[None]], *values: object) -> None:
    async with database.transaction("test") as session:
        await act(session, *values)


@pytest.fixture
async def filled(database: Database, small_scale: None) -> Database:
    async with database.transaction("test") as session:
        for each in at_random(1, orders=80):
            await insert(session, each)
    return database


@settings(SEARCH, max_examples=12)
@given(st.lists(writes, max_size=4), st.booleans(), st.lists(narrow | queries, max_size=4))
async def test_every_list_agrees_with_its_orders(
    filled: Database, acts: list[tuple[Any, ...]], folded: bool, asked: list[ListQuery]
) -> None:
    for act, *values in acts:
        await write(filled, act, *values)
    if folded:
        await fold_all(filled)
    for query in asked:
        await check(filled, query)


async def test_totals_are_exact_while_orders_are_written_and_folded(filled: Database) -> None:
    done = asyncio.Event()

    async def write_on(seed: int) -> None:
        for each in at_random(seed, orders=20):
            await write(filled, insert, each)
            await write(filled, update, seed, each)

    async def fold_on() -> None:
        while not done.is_set():
            with contextlib.suppress(LockNotAvailable):
                await fold_all(filled)

    async def count_on() -> int:
        checks = 0
        while not done.is_set():
            for state in STATES:
                async with filled.reading() as session:
                    page = await list_orders(session, ListQuery(states=(state,)), ADMIN)
                    statement = text("SELECT count(*) FROM orders WHERE estado = :state")
                    assert page.total == await session.scalar(statement, {"state": state.value})
                    checks += 1
        return checks

    async with asyncio.TaskGroup() as group:
        folders = [group.create_task(fold_on()) for _ in range(2)]
        counter = group.create_task(count_on())
        await asyncio.gather(*(group.create_task(write_on(seed)) for seed in (2, 3)))
        done.set()
        await asyncio.gather(*folders)
    assert counter.result() > len(STATES)


@pytest.mark.parametrize("sort_by", ["created_at", "updated_at", "prioridad"])
@pytest.mark.parametrize("descending", [True, False])
async def test_cursors_lead_through_the_whole_list_and_back(
    filled: Database, sort_by: SortKey, descending: bool
) -> None:
    for needs in ((), (Needs.PERSONA, Needs.CLIENTE)):
        query = ListQuery(sort_by=sort_by, descending=descending, needs=needs, limit=7)
        whole = [order["id"] for order in await check(filled, replace(query, limit=200))]
        forward, last = await walk(filled, query, "next")
        assert forward == whole
        backward, _ = await walk(filled, replace(query, cursor=decode(last)), "prev")
        assert backward == whole[: -(len(whole) % 7 or 7)]


async def walk(database: Database, query: ListQuery, way: str) -> tuple[list[str], str]:
    """Follow the cursors to the end; return what was seen, in the list's order."""
    seen: list[str] = []
    last = ""
    cursor: str | None = None
    while True:
        if cursor is not None:
            query = replace(query, cursor=decode(cursor))
        async with database.reading() as session:
            page = await list_orders(session, query, ADMIN)
        ids = [order["id"] for order in page.orders]
        seen = seen + ids if way == "next" else ids + seen
        last = page.prev or last
        cursor = getattr(page, way)
        if cursor is None:
            return seen, last


async def test_what_comes_or_changes_meanwhile_moves_no_other_order(filled: Database) -> None:
    query = ListQuery(sort_by="updated_at", descending=True, limit=9)
    before = [order["id"] for order in await check(filled, replace(query, limit=200))]
    seen: list[str] = []
    changed: set[str] = set()
    for place, each in enumerate(at_random(4, orders=60)):
        async with filled.reading() as session:
            page = await list_orders(session, query, ADMIN)
        seen += [order["id"] for order in page.orders]
        if page.next is None:
            break
        query = replace(query, cursor=decode(page.next))
        await write(filled, insert, each)
        async with filled.transaction("test") as session:
            statement = text(
                "UPDATE orders SET updated_at = :moment WHERE id IN"
                " (SELECT id FROM orders ORDER BY id OFFSET :place LIMIT 2) RETURNING id::text"
            )
            values = {"moment": each.values["updated_at"], "place": 5 * place}
            changed |= set(await session.scalars(statement, values))
    unchanged = [order for order in before if order not in changed]
    assert [order for order in seen if order in unchanged] == unchanged


async def test_a_cursor_serves_in_its_own_list_only(filled: Database) -> None:
    query = ListQuery(states=(OrderState.NUEVO, OrderState.QA), limit=1)
    async with filled.reading() as session:
        page = await list_orders(session, query, ADMIN)
    assert page.next is not None
    cursor = decode(page.next)
    client = Principal("user:1", "c", Role.CLIENT, Grant.CLIENT_OWN, client_id="uno")
    others = [
        (ListQuery(limit=1), ADMIN),
        (replace(query, states=(OrderState.NUEVO,)), ADMIN),
        (replace(query, descending=False), ADMIN),
        (replace(query, sort_by="updated_at"), ADMIN),
        (replace(query, text="bot"), ADMIN),
        (replace(query, needs=(Needs.PERSONA,)), ADMIN),
        (query, client),
    ]
    for other, principal in others:
        async with filled.reading() as session:
            with pytest.raises(ValidationFailed):
                await list_orders(session, replace(other, cursor=cursor), principal)
    same = replace(query, states=(OrderState.QA, OrderState.NUEVO), limit=3, cursor=cursor)
    async with filled.reading() as session:
        assert (await list_orders(session, same, ADMIN)).total == page.total


@settings(SEARCH, max_examples=4)
@given(queries | narrow)
async def test_a_client_lists_only_their_own(filled: Database, query: ListQuery) -> None:
    for own in (name for name in CLIENTS if name):
        client = Principal("user:1", "c", Role.CLIENT, Grant.CLIENT_OWN, client_id=own)
        public = replace(query, assignees=tuple(n for n in query.assignees if n != "Ana Ruiz"))
        await check(filled, public, client)
        async with filled.reading() as session:
            hidden = await list_orders(session, ListQuery(assignees=("Ana Ruiz",)), client)
        assert hidden.total == 0
