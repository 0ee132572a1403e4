"""Lists without bitmaps: one narrow row for each order, and counts that writers add to (ADR 43).

Revision ID: 0019
"""

from importlib import import_module

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

DROPPED = """
DROP TRIGGER orders_note_new ON orders;
DROP TRIGGER orders_note_changed ON orders;
DROP TRIGGER orders_note_deleted ON orders;
DROP FUNCTION note_new_orders, note_changed_order, order_lexemes;
DROP TABLE order_bitmap_survey, order_bitmaps, order_bitmap_terms, order_term_changes, order_terms;
DROP INDEX orders_estado_idx, orders_created_idx, orders_updated_idx, orders_priority_idx;
ALTER TABLE orders DROP COLUMN position;
"""

TABLES = """
CREATE TABLE listed_orders (
    id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    entregado_at timestamptz,
    prioridad_rank smallint NOT NULL,
    estado text NOT NULL,
    tipo_producto text NOT NULL,
    cliente_id text,
    asignado_a text,
    plan_estado text,
    espera text,
    tags text[] NOT NULL,
    words tsvector NOT NULL
);
CREATE TABLE order_counts (
    key text COLLATE "C" NOT NULL,
    estado text NOT NULL,
    tipo_producto text NOT NULL,
    prioridad_rank smallint NOT NULL,
    asignado_a text,
    plan_estado text,
    espera text,
    orders integer NOT NULL
) WITH (fillfactor = 85);
CREATE TABLE order_count_changes (LIKE order_counts)
    WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
"""

FUNCTIONS = """
CREATE FUNCTION order_words(order_number text, nombre_producto text, datos_cliente jsonb)
RETURNS tsvector LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(
        ARRAY[lower(order_number), substr(order_number, 5), substr(order_number, 10)]
        || search_words(concat_ws(
            ' ', nombre_producto, datos_cliente ->> 'nombre', datos_cliente ->> 'email'
        ))
    )
$$;
CREATE FUNCTION order_count_keys(cliente_id text, tags text[]) RETURNS SETOF text
LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 4 AS $$
    SELECT ''
    UNION ALL SELECT 'c:' || cliente_id WHERE cliente_id IS NOT NULL
    UNION ALL SELECT DISTINCT 'g:' || tag FROM unnest(tags) AS tag
$$;
"""

FILL = """
INSERT INTO listed_orders SELECT id, created_at, entregado_at, prioridad_rank, estado,
    tipo_producto, cliente_id, asignado_a, plan_estado, espera, tags,
    order_words(order_number, nombre_producto, datos_cliente)
FROM orders;
INSERT INTO order_counts
SELECT key, estado, tipo_producto, prioridad_rank, asignado_a, plan_estado, espera, count(*)
FROM orders, order_count_keys(cliente_id, tags) AS key GROUP BY 1, 2, 3, 4, 5, 6, 7;
"""

# A walk or a count looks at the index alone if it has every column of the filter.
INDEXES = """
ALTER TABLE listed_orders ADD PRIMARY KEY (id);
CREATE INDEX listed_orders_created_idx ON listed_orders (created_at, id) INCLUDE (
    prioridad_rank, estado, tipo_producto, cliente_id, asignado_a, plan_estado, espera, entregado_at
);
CREATE INDEX listed_orders_estado_idx ON listed_orders (estado, created_at, id)
    INCLUDE (prioridad_rank, tipo_producto);
CREATE INDEX listed_orders_priority_idx ON listed_orders (prioridad_rank, created_at, id)
    INCLUDE (estado, tipo_producto, cliente_id);
CREATE INDEX listed_orders_client_idx ON listed_orders (cliente_id, created_at, id);
CREATE INDEX listed_orders_tags_idx ON listed_orders USING gin (tags);
CREATE INDEX listed_orders_words_idx ON listed_orders USING gin (words);
-- Nulls are equal here; a name is never empty.
CREATE UNIQUE INDEX order_counts_idx ON order_counts (
    key, estado, tipo_producto, prioridad_rank,
    coalesce(asignado_a, ''), coalesce(plan_estado, ''), coalesce(espera, '')
);
CREATE INDEX orders_updated_idx ON orders (estado, updated_at, id) INCLUDE (
    prioridad_rank, tipo_producto, cliente_id, asignado_a, plan_estado, espera, created_at,
    entregado_at
);
"""

# Who changes an order adds rows and waits for nobody. Progress and logs change nothing here.
TRIGGERS = """
CREATE FUNCTION list_new_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO listed_orders SELECT id, created_at, entregado_at, prioridad_rank,
        estado, tipo_producto, cliente_id, asignado_a, plan_estado, espera, tags,
        order_words(order_number, nombre_producto, datos_cliente)
    FROM inserted;
    INSERT INTO order_count_changes
    SELECT key, estado, tipo_producto, prioridad_rank, asignado_a, plan_estado, espera, count(*)
    FROM inserted, order_count_keys(cliente_id, tags) AS key GROUP BY 1, 2, 3, 4, 5, 6, 7;
    RETURN NULL;
END;
$$;
CREATE FUNCTION list_changed_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM listed_orders WHERE id = OLD.id;
    ELSE
        UPDATE listed_orders SET
            entregado_at = NEW.entregado_at, prioridad_rank = NEW.prioridad_rank,
            estado = NEW.estado,
            tipo_producto = NEW.tipo_producto, cliente_id = NEW.cliente_id,
            asignado_a = NEW.asignado_a, plan_estado = NEW.plan_estado, espera = NEW.espera,
            tags = NEW.tags, created_at = NEW.created_at,
            words = CASE
                WHEN (OLD.order_number, OLD.nombre_producto, OLD.datos_cliente)
                    IS DISTINCT FROM (NEW.order_number, NEW.nombre_producto, NEW.datos_cliente)
                THEN order_words(NEW.order_number, NEW.nombre_producto, NEW.datos_cliente)
                ELSE words
            END
        WHERE id = NEW.id;
        IF (OLD.estado, OLD.tipo_producto, OLD.prioridad_rank, OLD.asignado_a, OLD.plan_estado,
                OLD.espera, OLD.cliente_id, OLD.tags)
            IS NOT DISTINCT FROM
            (NEW.estado, NEW.tipo_producto, NEW.prioridad_rank, NEW.asignado_a, NEW.plan_estado,
                NEW.espera, NEW.cliente_id, NEW.tags)
        THEN
            RETURN NULL;
        END IF;
        INSERT INTO order_count_changes
        SELECT key, NEW.estado, NEW.tipo_producto, NEW.prioridad_rank, NEW.asignado_a,
            NEW.plan_estado, NEW.espera, 1
        FROM order_count_keys(NEW.cliente_id, NEW.tags) AS key;
    END IF;
    INSERT INTO order_count_changes
    SELECT key, OLD.estado, OLD.tipo_producto, OLD.prioridad_rank, OLD.asignado_a,
        OLD.plan_estado, OLD.espera, -1
    FROM order_count_keys(OLD.cliente_id, OLD.tags) AS key;
    RETURN NULL;
END;
$$;
CREATE TRIGGER orders_list_new AFTER INSERT ON orders REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION list_new_orders();
CREATE TRIGGER orders_list_deleted AFTER DELETE ON orders
    FOR EACH ROW EXECUTE FUNCTION list_changed_order();
CREATE TRIGGER orders_list_changed AFTER UPDATE ON orders
    FOR EACH ROW WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION list_changed_order();
"""
_LISTED = (
    "estado",
    "prioridad",
    "asignado_a",
    "plan_estado",
    "espera",
    "entregado_at",
    "tipo_producto",
    "cliente_id",
    "tags",
    "created_at",
    "order_number",
    "nombre_producto",
    "datos_cliente",
)

DOWN = """
DROP TRIGGER orders_list_new ON orders;
DROP TRIGGER orders_list_deleted ON orders;
DROP TRIGGER orders_list_changed ON orders;
DROP FUNCTION list_new_orders, list_changed_order, order_words, order_count_keys;
DROP TABLE listed_orders, order_counts, order_count_changes;
DROP INDEX orders_updated_idx;
DROP FUNCTION search_words;
CREATE INDEX orders_estado_idx ON orders (estado, created_at);
CREATE INDEX orders_created_idx ON orders (created_at, id);
CREATE INDEX orders_updated_idx ON orders (updated_at, id);
CREATE INDEX orders_priority_idx ON orders (prioridad_rank, created_at, id);
CREATE INDEX orders_client_idx ON orders (cliente_id, created_at) WHERE cliente_id IS NOT NULL;
CREATE INDEX orders_tags_idx ON orders USING gin (tags);
"""


def upgrade() -> None:
    """Fill the narrow rows and the counts from the orders there are."""
    triggers = TRIGGERS.format(
        old=", ".join(f"OLD.{name}" for name in _LISTED),
        new=", ".join(f"NEW.{name}" for name in _LISTED),
    )
    for block in (DROPPED, TABLES, FUNCTIONS, FILL, INDEXES, triggers):
        op.get_bind().exec_driver_sql(block.replace("%", "%%"))


def downgrade() -> None:
    """Bring back the lists of migration 0004, whose bitmaps the worker builds."""
    before = import_module("axon_factory.db.migrations.versions.0004_lists")
    for block in (DOWN, before.FUNCTIONS, before.TABLES, before.TRIGGERS, before.INDEXES):
        op.get_bind().exec_driver_sql(block.replace("%", "%%"))
