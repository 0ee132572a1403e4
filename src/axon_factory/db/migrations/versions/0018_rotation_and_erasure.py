"""Credentials that are replaced, and orders whose personal data are erased.

Events stay append-only but for one change: `erase_order_events` takes their texts away, of an order
that is marked as erased. The trigger checks the change itself, so that no role can make another.

Revision ID: 0018
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE order_credentials ADD COLUMN in_service_at timestamptz;
UPDATE order_credentials SET in_service_at = order_credentials.created_at
FROM orders WHERE orders.id = order_id AND orders.resultado IS NOT NULL;
CREATE INDEX order_credentials_pending_idx ON order_credentials (order_id)
    WHERE in_service_at IS NULL;

ALTER TABLE orders
    ADD COLUMN borrado_at timestamptz,
    ADD COLUMN erasure_pending boolean NOT NULL DEFAULT false,
    ADD COLUMN product_erased boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT orders_erasure_check CHECK (
        borrado_at IS NOT NULL OR NOT erasure_pending AND NOT product_erased
    );
CREATE INDEX orders_erasure_idx ON orders (id) WHERE erasure_pending;

ALTER TABLE idempotency_keys ADD COLUMN order_id uuid;
CREATE INDEX idempotency_keys_order_idx ON idempotency_keys (order_id)
    WHERE order_id IS NOT NULL;

CREATE FUNCTION guard_order_event() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    texts CONSTANT text[] := ARRAY['agente', 'mensaje', 'metadata', 'dedupe_key'];
BEGIN
    IF TG_OP = 'UPDATE'
        AND to_jsonb(NEW) - texts = to_jsonb(OLD) - texts
        AND NEW.mensaje = '[borrado]'
        AND NEW.agente IN (OLD.agente, '[borrado]')
        AND NEW.metadata <@ OLD.metadata
        AND NEW.dedupe_key IS NULL
        AND EXISTS (SELECT FROM orders WHERE id = OLD.order_id AND borrado_at IS NOT NULL)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END;
$$;
DROP TRIGGER order_events_append_only ON order_events;
CREATE TRIGGER order_events_append_only BEFORE UPDATE OR DELETE ON order_events
    FOR EACH ROW EXECUTE FUNCTION guard_order_event();

CREATE FUNCTION erase_order_events(wanted uuid, OUT erased bigint, OUT digest bytea)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- One digest over all: of a single short sentence the text could be guessed.
    SELECT count(*), sha256(convert_to(coalesce(string_agg(
        jsonb_build_array(seq, kind, agente, mensaje, metadata)::text, chr(10) ORDER BY seq
    ), ''), 'UTF8'))
    INTO erased, digest
    FROM order_events WHERE order_id = wanted;
    UPDATE order_events AS event SET
        mensaje = '[borrado]',
        agente = CASE WHEN actor = 'worker' THEN agente ELSE '[borrado]' END,
        metadata = coalesce((
            SELECT jsonb_object_agg(fact.key, fact.value) FROM jsonb_each(event.metadata) AS fact
            WHERE fact.key IN ('estado_anterior', 'estado_nuevo', 'intento', 'plan_version')
              AND event.kind <> 'agente.registro'
              AND jsonb_typeof(fact.value) IN ('string', 'number')
        ), '{}'),
        dedupe_key = NULL
    WHERE order_id = wanted AND mensaje <> '[borrado]';
END;
$$;
REVOKE EXECUTE ON FUNCTION erase_order_events(uuid) FROM PUBLIC;
"""

DOWN = """
DROP TRIGGER order_events_append_only ON order_events;
CREATE TRIGGER order_events_append_only BEFORE UPDATE OR DELETE ON order_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
DROP FUNCTION erase_order_events(uuid), guard_order_event();
DROP INDEX idempotency_keys_order_idx;
ALTER TABLE idempotency_keys DROP COLUMN order_id;
DROP INDEX orders_erasure_idx;
ALTER TABLE orders
    DROP CONSTRAINT orders_erasure_check,
    DROP COLUMN borrado_at, DROP COLUMN erasure_pending, DROP COLUMN product_erased;
DROP INDEX order_credentials_pending_idx;
ALTER TABLE order_credentials DROP COLUMN in_service_at;
"""


def upgrade() -> None:
    """Note which credentials are in service; let erased orders lose their texts."""
    op.get_bind().exec_driver_sql(UP.replace("%", "%%"))


def downgrade() -> None:
    """Forget it; what was erased stays erased."""
    op.get_bind().exec_driver_sql(DOWN)
