"""The feed of all events in commit order; destinations of API keys, and filters of destinations.

`order_events.position` is taken when a row is inserted, so a slow transaction publishes a small one
late and a reader of `position > after` never sees it. `feed_positions` numbers the same events as
their transactions commit: a deferred trigger takes one lock, then the number, and PostgreSQL
releases the lock after the transaction became visible to others. So every number that is visible
has all smaller ones visible too.

Revision ID: 0012
"""

from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None

UP = """
-- Nobody inserts between the copy of what there is and the trigger.
LOCK TABLE order_events IN SHARE ROW EXCLUSIVE MODE;

-- No foreign key: the trigger alone writes here, events are never deleted, and its check would run
-- while other commits wait.
CREATE TABLE feed_positions (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_position bigint NOT NULL UNIQUE
);
INSERT INTO feed_positions (event_position) SELECT position FROM order_events ORDER BY position;

CREATE FUNCTION feed_order_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(418581342581);
    INSERT INTO feed_positions (event_position) VALUES (NEW.position);
    RETURN NULL;
END;
$$;
REVOKE EXECUTE ON FUNCTION feed_order_event() FROM PUBLIC;
CREATE CONSTRAINT TRIGGER order_events_feed AFTER INSERT ON order_events
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION feed_order_event();
CREATE TRIGGER feed_positions_append_only BEFORE UPDATE OR DELETE ON feed_positions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER feed_positions_no_truncate BEFORE TRUNCATE ON feed_positions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE notification_destinations
    ADD COLUMN owner text CHECK (owner <> ''),
    ADD COLUMN client_ids text[] NOT NULL DEFAULT '{}',
    ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
    ADD CHECK (owner IS NULL OR kind = 'webhook');
DROP INDEX notification_destinations_name_idx;
CREATE UNIQUE INDEX notification_destinations_name_idx
    ON notification_destinations (coalesce(owner, ''), name) WHERE deleted_at IS NULL;

-- What listens to everything was told of these until now. A chat would else be told of each state.
UPDATE notification_destinations SET version = version + 1, events = ARRAY[
    'construccion.estancado', 'construccion.sin_respuesta', 'linea.detenida', 'linea.pausada',
    'linea.reanudada', 'orden.entregada', 'orden.fallida', 'orden.pregunta',
    'orden.pregunta_recordatorio', 'orden.presupuesto_agotado', 'orden.respuesta',
    'plan.escalado', 'plan.pendiente', 'plan.recordatorio', 'qa.decision_requerida'
] WHERE events = '{}' AND deleted_at IS NULL;
"""

DOWN = """
DROP INDEX notification_destinations_name_idx;
UPDATE notification_destinations
    SET active = false, sealed = '{}', deleted_at = coalesce(deleted_at, now())
    WHERE owner IS NOT NULL;
ALTER TABLE notification_destinations DROP COLUMN owner, DROP COLUMN client_ids, DROP COLUMN tags;
CREATE UNIQUE INDEX notification_destinations_name_idx ON notification_destinations (name)
    WHERE deleted_at IS NULL;
DROP TRIGGER order_events_feed ON order_events;
DROP FUNCTION feed_order_event();
DROP TABLE feed_positions;
"""


def upgrade() -> None:
    """Number what has happened, and from now on each event as it is committed."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Forget the numbers and what keys have registered."""
    op.get_bind().exec_driver_sql(DOWN)
