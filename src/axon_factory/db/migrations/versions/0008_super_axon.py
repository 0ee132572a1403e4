"""Questions, model calls, notification destinations, sessions of agents, control of the line.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE orders
    DROP CONSTRAINT orders_espera_check,
    ADD CONSTRAINT orders_espera_check CHECK (
        espera IN ('persona', 'cliente', 'operador', 'presupuesto')
    ),
    ADD COLUMN builder text CHECK (builder ~ '^[a-z][a-z0-9_-]{0,62}$'),
    ADD COLUMN session_cursor text CHECK (char_length(session_cursor) <= 1000),
    ADD COLUMN heartbeat_at timestamptz,
    ADD COLUMN silence text CHECK (silence IN ('sin_respuesta', 'estancado')),
    ADD COLUMN reported jsonb CHECK (jsonb_typeof(reported) = 'object'),
    ADD COLUMN stop_requested_at timestamptz,
    ADD COLUMN queued_at timestamptz,
    ADD COLUMN promised_from timestamptz,
    ADD COLUMN promised_until timestamptz,
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN budget_usd numeric(12, 4) CHECK (budget_usd >= 0),
    ADD CONSTRAINT orders_promise_check CHECK (promised_from <= promised_until);
CREATE INDEX orders_open_sessions_idx ON orders (heartbeat_at) WHERE session_open;
CREATE INDEX orders_queued_idx ON orders (prioridad_rank DESC, queued_at)
    WHERE queued_at IS NOT NULL;

ALTER TABLE order_plans
    DROP CONSTRAINT order_plans_estado_check,
    ADD CONSTRAINT order_plans_estado_check CHECK (
        estado IN ('pendiente_aprobacion', 'aprobado', 'rechazado', 'reemplazado')
    ),
    ADD COLUMN author text,
    ADD COLUMN base_version integer CHECK (base_version > 0),
    ADD COLUMN flags jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(flags) = 'array'),
    ADD COLUMN model text,
    ADD COLUMN prompt_version text,
    ADD COLUMN reminders integer NOT NULL DEFAULT 0 CHECK (reminders >= 0),
    ADD COLUMN reminded_at timestamptz,
    ADD COLUMN escalated_at timestamptz;
CREATE INDEX order_plans_waiting_idx ON order_plans (created_at)
    WHERE estado = 'pendiente_aprobacion';

CREATE TABLE order_questions (
    order_id uuid NOT NULL REFERENCES orders (id),
    number integer NOT NULL CHECK (number > 0),
    intento integer NOT NULL CHECK (intento > 0),
    audience text NOT NULL CHECK (audience IN ('cliente', 'operador', 'planificador')),
    question text NOT NULL CHECK (char_length(question) BETWEEN 1 AND 4000),
    options text[] NOT NULL DEFAULT '{}' CHECK (cardinality(options) <= 20),
    blocking boolean NOT NULL DEFAULT true,
    dedupe_key text,
    asked_by text NOT NULL,
    asked_by_name text NOT NULL,
    asked_at timestamptz NOT NULL,
    answer text CHECK (char_length(answer) BETWEEN 1 AND 8000),
    answered_by text,
    answered_by_name text,
    answered_at timestamptz,
    closed_at timestamptz,
    delivered_at timestamptz,
    reminders integer NOT NULL DEFAULT 0 CHECK (reminders >= 0),
    reminded_at timestamptz,
    PRIMARY KEY (order_id, number),
    UNIQUE (order_id, dedupe_key),
    CHECK ((answer IS NULL) = (answered_at IS NULL)),
    CHECK ((answer IS NULL) = (answered_by IS NULL))
);
CREATE INDEX order_questions_open_idx ON order_questions (asked_at)
    WHERE answered_at IS NULL AND closed_at IS NULL;
CREATE INDEX order_questions_undelivered_idx ON order_questions (answered_at)
    WHERE answered_at IS NOT NULL AND delivered_at IS NULL;

CREATE TABLE model_calls (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid REFERENCES orders (id),
    intento integer CHECK (intento > 0),
    purpose text NOT NULL CHECK (purpose IN ('plan', 'respuesta', 'construccion')),
    provider text NOT NULL,
    model text NOT NULL,
    prompt_version text,
    input_tokens integer NOT NULL CHECK (input_tokens >= 0),
    output_tokens integer NOT NULL CHECK (output_tokens >= 0),
    cost_usd numeric(12, 6) CHECK (cost_usd >= 0),
    latency_ms integer NOT NULL CHECK (latency_ms >= 0),
    outcome text NOT NULL,
    error text CHECK (char_length(error) <= 2000),
    started_at timestamptz NOT NULL
);
CREATE INDEX model_calls_order_idx ON model_calls (order_id);
CREATE INDEX model_calls_started_idx ON model_calls (started_at);

CREATE TABLE notification_destinations (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('webhook', 'slack')),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    host text NOT NULL,
    events text[] NOT NULL DEFAULT '{}',
    sealed jsonb NOT NULL CHECK (jsonb_typeof(sealed) = 'object'),
    previous_secret_until timestamptz,
    active boolean NOT NULL DEFAULT true,
    disabled_reason text,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    deleted_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    CHECK (deleted_at IS NULL OR (NOT active AND sealed = '{}'))
);
CREATE UNIQUE INDEX notification_destinations_name_idx ON notification_destinations (name)
    WHERE deleted_at IS NULL;

ALTER TABLE outbox_messages
    ADD COLUMN channel text NOT NULL DEFAULT 'mail'
        CHECK (channel IN ('mail', 'webhook', 'slack')),
    ADD COLUMN destination_id uuid REFERENCES notification_destinations (id),
    ADD COLUMN event text,
    ADD COLUMN payload jsonb CHECK (jsonb_typeof(payload) = 'object'),
    ADD COLUMN given_up_at timestamptz,
    ADD CHECK ((channel = 'mail') = (destination_id IS NULL));
CREATE INDEX outbox_messages_newest_idx ON outbox_messages (created_at DESC, id);

CREATE TABLE outbox_attempts (
    message_id uuid NOT NULL REFERENCES outbox_messages (id),
    number integer NOT NULL CHECK (number > 0),
    started_at timestamptz NOT NULL,
    duration_ms integer NOT NULL CHECK (duration_ms >= 0),
    delivered boolean NOT NULL,
    status smallint,
    error text CHECK (char_length(error) <= 2000),
    PRIMARY KEY (message_id, number)
);

CREATE TABLE line_controls (
    id boolean PRIMARY KEY DEFAULT true CHECK (id),
    mode text NOT NULL DEFAULT 'activa'
        CHECK (mode IN ('activa', 'drenando', 'pausada', 'detenida')),
    reason text NOT NULL DEFAULT '' CHECK (char_length(reason) <= 2000),
    changed_by text,
    changed_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version > 0)
);
INSERT INTO line_controls DEFAULT VALUES;
"""

DOWN = """
DROP TABLE line_controls;
DROP TABLE outbox_attempts;
DELETE FROM outbox_messages WHERE channel <> 'mail';
DROP INDEX outbox_messages_newest_idx;
ALTER TABLE outbox_messages
    DROP COLUMN channel, DROP COLUMN destination_id, DROP COLUMN event, DROP COLUMN payload,
    DROP COLUMN given_up_at;
DROP TABLE notification_destinations;
DROP TABLE model_calls;
DROP TABLE order_questions;
UPDATE order_plans SET estado = 'rechazado' WHERE estado = 'reemplazado';
DROP INDEX order_plans_waiting_idx;
ALTER TABLE order_plans
    DROP CONSTRAINT order_plans_estado_check,
    ADD CONSTRAINT order_plans_estado_check CHECK (
        estado IN ('pendiente_aprobacion', 'aprobado', 'rechazado')
    ),
    DROP COLUMN author, DROP COLUMN base_version, DROP COLUMN flags, DROP COLUMN model,
    DROP COLUMN prompt_version, DROP COLUMN reminders, DROP COLUMN reminded_at,
    DROP COLUMN escalated_at;
DROP INDEX orders_queued_idx;
DROP INDEX orders_open_sessions_idx;
ALTER TABLE orders
    DROP CONSTRAINT orders_promise_check,
    DROP COLUMN builder, DROP COLUMN session_cursor, DROP COLUMN heartbeat_at,
    DROP COLUMN silence, DROP COLUMN reported, DROP COLUMN stop_requested_at,
    DROP COLUMN queued_at, DROP COLUMN promised_from, DROP COLUMN promised_until,
    DROP COLUMN paused_at, DROP COLUMN budget_usd,
    DROP CONSTRAINT orders_espera_check,
    ADD CONSTRAINT orders_espera_check CHECK (espera IN ('persona')) NOT VALID;
"""


def upgrade() -> None:
    """Make room for what planning, approving, delegating and asking need to remember."""
    op.get_bind().exec_driver_sql(UP)


def downgrade() -> None:
    """Forget it."""
    op.get_bind().exec_driver_sql(DOWN)
