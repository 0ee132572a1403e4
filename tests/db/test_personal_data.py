"""Every column that can hold a text says what an erasure makes of it."""

from collections import defaultdict

from sqlalchemy import text

from axon_factory.db.sessions import Database
from axon_factory.orders.erasure import NOT_OF_ORDERS, PLACES

WITHOUT_TEXT = (
    "bigint",
    "boolean",
    "date",
    "double precision",
    "integer",
    "numeric",
    "smallint",
    "timestamp with time zone",
    "uuid",
)
COLUMNS = text(
    """
    SELECT table_name, column_name, data_type FROM information_schema.columns
    JOIN information_schema.tables USING (table_schema, table_name)
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
    """
)


async def test_every_column_that_can_hold_a_text_is_declared(database: Database) -> None:
    async with database.reading() as session:
        rows = (await session.execute(COLUMNS)).all()
    columns: defaultdict[str, set[str]] = defaultdict(set)
    texts: defaultdict[str, set[str]] = defaultdict(set)
    for table, column, kind in rows:
        columns[table].add(column)
        if kind not in WITHOUT_TEXT:
            texts[table].add(column)
    places = {place.table: place for place in PLACES}
    assert len(places) == len(PLACES)
    assert set(places).isdisjoint(NOT_OF_ORDERS)
    assert set(columns) == {*places, *NOT_OF_ORDERS}, "a table is not declared, or is gone"
    for table, place in places.items():
        kept = [name for names in place.kept.values() for name in names]
        declared = {*place.erased, *kept}
        assert len(declared) == len(place.erased) + len(kept), f"{table}: declared twice"
        assert declared <= columns[table], f"{table}: columns that are not there"
        if not place.deleted:
            missing = texts[table] - declared
            assert not missing, f"{table}: erased, or kept for which reason? {missing}"


async def test_what_belongs_to_an_order_is_no_table_without_orders(database: Database) -> None:
    async with database.reading() as session:
        rows = (await session.execute(COLUMNS)).all()
    of_orders = {table for table, column, _ in rows if column == "order_id"}
    assert of_orders.isdisjoint(NOT_OF_ORDERS)
