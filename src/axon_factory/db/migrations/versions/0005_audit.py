"""Audit trail: append-only, hash-chained (ADR 17).

`audit_heads` is written by the insert trigger alone, with its owner's rights: who may only INSERT
entries can neither fork a chain nor move its head. `audit_head` locks a chain until the transaction
ends. Both name their schemas, because a temporary table would else stand before the real one.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UP = """
CREATE SEQUENCE audit_positions AS bigint;

-- COLLATE "C": the order of chains must be the same in every database, a checkpoint hashes it.
CREATE TABLE audit_heads (
    chain text COLLATE "C" PRIMARY KEY,
    seq bigint NOT NULL CHECK (seq >= 0),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32)
);

CREATE TABLE audit_entries (
    position bigint PRIMARY KEY,
    chain text COLLATE "C" NOT NULL CHECK (chain <> ''),
    seq bigint NOT NULL CHECK (seq > 0),
    at timestamptz NOT NULL CHECK (at >= '2020-01-01Z' AND at < '9999-01-01Z'),
    actor text NOT NULL,
    actor_name text NOT NULL,
    actor_grant text,
    action text NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('ok', 'denied', 'failed')),
    subject text,
    address text,
    request_id text,
    details jsonb NOT NULL CHECK (jsonb_typeof(details) = 'object'),
    previous_hash bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    UNIQUE (chain, seq)
);
CREATE INDEX audit_entries_actor_idx ON audit_entries (actor, position);
CREATE INDEX audit_entries_at_idx ON audit_entries (at);

CREATE FUNCTION audit_head(
    wanted text, OUT next_position bigint, OUT last_seq bigint, OUT last_hash bytea
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    -- Who cuts a checkpoint takes it exclusively: then no position below the cut is still to come.
    PERFORM pg_advisory_xact_lock_shared(418581342580);
    INSERT INTO audit_heads (chain, seq, hash) VALUES (wanted, 0, decode(repeat('00', 32), 'hex'))
        ON CONFLICT (chain) DO NOTHING;
    SELECT seq, hash INTO last_seq, last_hash FROM audit_heads WHERE chain = wanted FOR UPDATE;
    next_position := nextval('audit_positions');
END;
$$;
REVOKE EXECUTE ON FUNCTION audit_head(text) FROM PUBLIC;

CREATE FUNCTION advance_audit_head() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    UPDATE audit_heads SET seq = NEW.seq, hash = NEW.hash
    WHERE chain = NEW.chain AND seq = NEW.seq - 1 AND hash = NEW.previous_hash;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the entry does not follow the head of its audit chain'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER audit_entries_advance_head BEFORE INSERT ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION advance_audit_head();
CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE ON audit_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_entries_no_truncate BEFORE TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_heads_kept BEFORE DELETE ON audit_heads
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_heads_no_truncate BEFORE TRUNCATE ON audit_heads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""

DOWN = """
DROP TABLE audit_entries, audit_heads;
DROP FUNCTION audit_head(text), advance_audit_head();
DROP SEQUENCE audit_positions;
"""


def upgrade() -> None:
    """Create tables, functions and triggers."""
    op.get_bind().exec_driver_sql(UP.replace("%", "%%"))


def downgrade() -> None:
    """Drop them, the trail with them."""
    op.get_bind().exec_driver_sql(DOWN.replace("%", "%%"))
