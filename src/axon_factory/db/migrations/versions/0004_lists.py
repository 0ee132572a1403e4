"""Lists: the terms of each order, their index, and the bitmaps that exact totals are counted from.

`orders.lists` explains the terms and keeps the bitmaps (ADR 0016).

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Locale and extensions must not matter: accents go by decomposition, separators are listed.
FUNCTIONS = r"""
CREATE FUNCTION search_words(source text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT left(word, 40)), '{}')
    FROM regexp_split_to_table(
        lower(regexp_replace(normalize(source, NFKD), '[\u0300-\u036f]+', '', 'g')),
        '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00bf\u2000-\u206f\u3000-\u303f]+'
    ) AS word
    WHERE word <> ''
$$;

CREATE FUNCTION order_lexemes(o orders) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT ARRAY[
        'e:' || o.estado,
        't:' || o.tipo_producto,
        'p:' || o.prioridad,
        'm:' || to_char(o.created_at AT TIME ZONE 'UTC', 'YYYY-MM'),
        'd:' || to_char(o.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD'),
        'u:' || to_char(o.updated_at AT TIME ZONE 'UTC', 'YYYY-MM'),
        'w:' || lower(o.order_number),
        'w:' || substr(o.order_number, 5),
        'w:' || substr(o.order_number, 10)
    ]
    || array_remove(ARRAY['a:' || o.asignado_a, 'c:' || o.cliente_id], NULL)
    || ARRAY(SELECT 'g:' || tag FROM unnest(o.tags) AS tag)
    || ARRAY(SELECT 'w:' || word FROM unnest(search_words(concat_ws(
           ' ', o.nombre_producto, o.datos_cliente ->> 'nombre', o.datos_cliente ->> 'email'
       ))) AS word)
$$;
"""

TABLES = """
ALTER TABLE orders ADD COLUMN position integer NOT NULL GENERATED ALWAYS AS IDENTITY;
CREATE UNIQUE INDEX orders_position_idx ON orders (position);

CREATE TABLE order_terms (
    position integer PRIMARY KEY,
    terms tsvector NOT NULL
);
CREATE TABLE order_term_changes (
    position integer NOT NULL,
    touched text[] NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE TABLE order_bitmap_terms (
    term text COLLATE "C" PRIMARY KEY,
    built boolean NOT NULL
);
CREATE TABLE order_bitmaps (
    term text COLLATE "C" NOT NULL,
    chunk integer NOT NULL,
    bits bytea NOT NULL,
    PRIMARY KEY (term, chunk)
) WITH (toast_tuple_target = 256, fillfactor = 70);
-- In CREATE TABLE only PostgreSQL 16 and later know it.
ALTER TABLE order_bitmaps ALTER COLUMN bits SET STORAGE MAIN;
CREATE TABLE order_bitmap_survey (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    surveyed_at timestamptz NOT NULL,
    last_position integer NOT NULL
);

INSERT INTO order_terms SELECT position, array_to_tsvector(order_lexemes(o)) FROM orders o;
INSERT INTO order_bitmap_terms
    SELECT DISTINCT lexeme, false FROM order_terms, unnest(terms) WHERE lexeme ~ '^[mduetp]:';
CREATE INDEX order_terms_idx ON order_terms USING gin (terms);
CREATE INDEX order_terms_sample_idx ON order_terms (position) WHERE position % 64 = 0;
"""

# An update that touches no term (progress, logs) does not even call the function.
TRIGGERS = """
CREATE FUNCTION note_new_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH fresh AS (
        SELECT o.position, order_lexemes(o.*::orders) AS lexemes FROM inserted AS o
    ), noted AS (
        INSERT INTO order_terms SELECT position, array_to_tsvector(lexemes) FROM fresh
    )
    INSERT INTO order_term_changes SELECT position, lexemes FROM fresh;
    RETURN NULL;
END;
$$;
CREATE FUNCTION note_changed_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before text[] := coalesce(
        tsvector_to_array((SELECT terms FROM order_terms WHERE position = OLD.position)), '{}'
    );
    after text[] := CASE WHEN TG_OP = 'DELETE' THEN '{}' ELSE order_lexemes(NEW) END;
    touched text[] := ARRAY(
        (SELECT unnest(before) EXCEPT SELECT unnest(after))
        UNION ALL (SELECT unnest(after) EXCEPT SELECT unnest(before))
    );
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM order_terms WHERE position = OLD.position;
    ELSIF touched <> '{}' THEN
        UPDATE order_terms SET terms = array_to_tsvector(after) WHERE position = OLD.position;
    END IF;
    IF touched <> '{}' THEN
        INSERT INTO order_term_changes VALUES (OLD.position, touched);
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER orders_note_new AFTER INSERT ON orders
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION note_new_orders();
CREATE TRIGGER orders_note_deleted AFTER DELETE ON orders
    FOR EACH ROW EXECUTE FUNCTION note_changed_order();
CREATE TRIGGER orders_note_changed AFTER UPDATE ON orders
    FOR EACH ROW WHEN (
        (OLD.estado, OLD.tipo_producto, OLD.prioridad, OLD.asignado_a, OLD.cliente_id, OLD.tags,
            OLD.order_number, OLD.nombre_producto, OLD.datos_cliente, OLD.created_at,
            date_trunc('month', OLD.updated_at AT TIME ZONE 'UTC'))
        IS DISTINCT FROM
        (NEW.estado, NEW.tipo_producto, NEW.prioridad, NEW.asignado_a, NEW.cliente_id, NEW.tags,
            NEW.order_number, NEW.nombre_producto, NEW.datos_cliente, NEW.created_at,
            date_trunc('month', NEW.updated_at AT TIME ZONE 'UTC'))
    ) EXECUTE FUNCTION note_changed_order();
"""

# `position` rides along, so that a walk in sort order looks at the index alone.
INDEXES = """
DROP INDEX orders_created_idx, orders_updated_idx, orders_priority_idx, orders_client_idx,
    orders_tags_idx;
CREATE INDEX orders_created_idx ON orders (created_at, id) INCLUDE (position);
CREATE INDEX orders_updated_idx ON orders (updated_at, id) INCLUDE (position);
CREATE INDEX orders_priority_idx ON orders (prioridad_rank, created_at, id) INCLUDE (position);
"""

DOWN = """
DROP INDEX orders_created_idx, orders_updated_idx, orders_priority_idx;
CREATE INDEX orders_created_idx ON orders (created_at, id);
CREATE INDEX orders_updated_idx ON orders (updated_at, id);
CREATE INDEX orders_priority_idx ON orders (prioridad_rank, created_at, id);
CREATE INDEX orders_client_idx ON orders (cliente_id, created_at) WHERE cliente_id IS NOT NULL;
CREATE INDEX orders_tags_idx ON orders USING gin (tags);
DROP TRIGGER orders_note_new ON orders;
DROP TRIGGER orders_note_changed ON orders;
DROP TRIGGER orders_note_deleted ON orders;
DROP FUNCTION note_new_orders, note_changed_order, order_lexemes, search_words;
DROP TABLE order_bitmap_survey, order_bitmaps, order_bitmap_terms, order_term_changes, order_terms;
ALTER TABLE orders DROP COLUMN position;
"""


def upgrade() -> None:
    """Fill the terms of the orders there are; their bitmaps are the worker's to build."""
    for block in (FUNCTIONS, TABLES, TRIGGERS, INDEXES):
        op.get_bind().exec_driver_sql(block.replace("%", "%%"))


def downgrade() -> None:
    """Bring back the indexes of the first schema."""
    op.get_bind().exec_driver_sql(DOWN)
