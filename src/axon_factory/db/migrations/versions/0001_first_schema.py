"""First schema: Procrastinate's queue, orders, events, accounts.

Revision ID: 0001
"""

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ORDERS = """
CREATE TABLE order_number_counters (
    year smallint PRIMARY KEY,
    last integer NOT NULL CHECK (last > 0)
);

CREATE TABLE orders (
    id uuid PRIMARY KEY,
    order_number text NOT NULL UNIQUE,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    tipo_producto text NOT NULL
        CHECK (tipo_producto IN ('autopilot_whatsapp', 'autopilot_ventas', 'webhook_service')),
    nombre_producto text NOT NULL CHECK (char_length(nombre_producto) BETWEEN 1 AND 200),
    cliente_id text,
    datos_cliente jsonb NOT NULL CHECK (
        jsonb_typeof(datos_cliente) = 'object'
        AND datos_cliente ? 'nombre' AND datos_cliente ? 'email'
        AND coalesce(jsonb_typeof(datos_cliente -> 'configuracion'), '') = 'object'
    ),
    estado text NOT NULL DEFAULT 'nuevo' CHECK (estado IN (
        'nuevo', 'planificacion', 'construccion', 'qa', 'listo', 'entregado', 'fallido', 'cancelado'
    )),
    plan_estado text CHECK (plan_estado IN (
        'generando', 'pendiente_aprobacion', 'aprobado', 'rechazado'
    )),
    plan jsonb CHECK (jsonb_typeof(plan) = 'object'),
    plan_version integer NOT NULL DEFAULT 0 CHECK (plan_version >= 0),
    plan_hash text CHECK (plan_hash ~ '^[0-9a-f]{64}$'),
    repo_url text,
    deploy_url text,
    resultado jsonb CHECK (jsonb_typeof(resultado) = 'object'),
    progreso smallint NOT NULL DEFAULT 0 CHECK (progreso BETWEEN 0 AND 100),
    asignado_a text,
    session_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    planificado_at timestamptz,
    aprobado_at timestamptz,
    construccion_iniciada_at timestamptz,
    qa_iniciada_at timestamptz,
    listo_at timestamptz,
    entregado_at timestamptz,
    fallido_at timestamptz,
    cancelado_at timestamptz,
    prioridad text NOT NULL DEFAULT 'normal'
        CHECK (prioridad IN ('baja', 'normal', 'alta', 'urgente')),
    prioridad_rank smallint NOT NULL GENERATED ALWAYS AS (
        CASE prioridad WHEN 'urgente' THEN 3 WHEN 'alta' THEN 2 WHEN 'normal' THEN 1 ELSE 0 END
    ) STORED,
    tags text[] NOT NULL DEFAULT '{}',
    notas_internas text NOT NULL DEFAULT '',
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    fence integer NOT NULL DEFAULT 0 CHECK (fence >= 0),
    intento integer NOT NULL DEFAULT 1 CHECK (intento > 0),
    retrabajos integer NOT NULL DEFAULT 0 CHECK (retrabajos >= 0),
    espera text CHECK (espera IN ('persona')),
    fallo jsonb CHECK (jsonb_typeof(fallo) = 'object'),
    session_open boolean NOT NULL DEFAULT false,
    deployment_open boolean NOT NULL DEFAULT false,
    precio numeric(12, 2) NOT NULL CHECK (precio >= 0),
    moneda text NOT NULL CHECK (moneda ~ '^[A-Z]{3}$'),
    catalogo jsonb NOT NULL CHECK (jsonb_typeof(catalogo) = 'object'),
    tenant text NOT NULL CHECK (tenant <> ''),
    event_seq integer NOT NULL DEFAULT 0 CHECK (event_seq >= 0),
    created_by text NOT NULL,
    CHECK ((estado = 'fallido') = (fallo IS NOT NULL)),
    CHECK (estado <> 'entregado' OR entregado_at IS NOT NULL),
    CHECK (estado <> 'cancelado' OR cancelado_at IS NOT NULL),
    CHECK (estado NOT IN ('listo', 'entregado') OR progreso = 100)
);
CREATE INDEX orders_estado_idx ON orders (estado, created_at);
CREATE INDEX orders_created_idx ON orders (created_at, id);
CREATE INDEX orders_updated_idx ON orders (updated_at, id);
CREATE INDEX orders_priority_idx ON orders (prioridad_rank, created_at, id);
CREATE INDEX orders_client_idx ON orders (cliente_id, created_at) WHERE cliente_id IS NOT NULL;
CREATE INDEX orders_tags_idx ON orders USING gin (tags);

CREATE TABLE order_events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id uuid NOT NULL REFERENCES orders (id),
    seq integer NOT NULL CHECK (seq > 0),
    kind text NOT NULL,
    tipo text NOT NULL CHECK (tipo IN ('info', 'warning', 'error', 'success')),
    agente text NOT NULL,
    mensaje text NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    visibilidad text NOT NULL CHECK (visibilidad IN ('cliente', 'interno')),
    intento integer NOT NULL CHECK (intento > 0),
    actor text NOT NULL,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    dedupe_key text,
    UNIQUE (order_id, seq)
);
CREATE UNIQUE INDEX order_events_dedupe_idx ON order_events (order_id, dedupe_key)
    WHERE dedupe_key IS NOT NULL;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END;
$$;
CREATE TRIGGER order_events_append_only BEFORE UPDATE OR DELETE ON order_events
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER order_events_no_truncate BEFORE TRUNCATE ON order_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE order_stages (
    order_id uuid NOT NULL REFERENCES orders (id),
    ordinal integer NOT NULL CHECK (ordinal > 0),
    intento integer NOT NULL,
    estado text NOT NULL,
    actor text NOT NULL,
    entered_at timestamptz NOT NULL,
    left_at timestamptz,
    PRIMARY KEY (order_id, ordinal)
);

CREATE TABLE order_plans (
    order_id uuid NOT NULL REFERENCES orders (id),
    version integer NOT NULL CHECK (version > 0),
    plan jsonb NOT NULL,
    hash text NOT NULL,
    planner text NOT NULL,
    estado text NOT NULL CHECK (estado IN ('pendiente_aprobacion', 'aprobado', 'rechazado')),
    created_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_by text,
    motivo text,
    PRIMARY KEY (order_id, version),
    CHECK ((estado = 'pendiente_aprobacion') = (decided_at IS NULL))
);

CREATE TABLE order_milestones (
    order_id uuid NOT NULL REFERENCES orders (id),
    intento integer NOT NULL,
    milestone_id text NOT NULL,
    agente text NOT NULL,
    commit_id text NOT NULL,
    completed_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, intento, milestone_id)
);

CREATE TABLE order_checks (
    order_id uuid NOT NULL REFERENCES orders (id),
    intento integer NOT NULL,
    check_name text NOT NULL,
    passed boolean NOT NULL,
    command text[] NOT NULL,
    exit_code integer NOT NULL,
    duration_seconds double precision NOT NULL,
    output_digest text NOT NULL CHECK (output_digest ~ '^[0-9a-f]{64}$'),
    output_tail text NOT NULL,
    findings text[] NOT NULL,
    isolation text NOT NULL,
    timed_out boolean NOT NULL,
    truncated boolean NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, intento, check_name)
);

CREATE TABLE order_steps (
    order_id uuid NOT NULL REFERENCES orders (id),
    intento integer NOT NULL,
    step text NOT NULL,
    idempotency_key text NOT NULL UNIQUE,
    attempts integer NOT NULL CHECK (attempts > 0),
    failures integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    fence integer NOT NULL,
    worker text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    error text,
    PRIMARY KEY (order_id, intento, step)
);

CREATE TABLE order_credentials (
    order_id uuid NOT NULL REFERENCES orders (id),
    name text NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    secret boolean NOT NULL,
    masked text NOT NULL,
    ciphertext bytea NOT NULL,
    wrapped_key bytea NOT NULL,
    key_id text NOT NULL,
    created_at timestamptz NOT NULL,
    revealed_at timestamptz,
    revealed_by text,
    PRIMARY KEY (order_id, name, version)
);

CREATE TABLE outbox_messages (
    id uuid PRIMARY KEY,
    dedupe_key text NOT NULL UNIQUE,
    order_id uuid REFERENCES orders (id),
    recipient text NOT NULL,
    subject text NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    sent_at timestamptz,
    last_error text
);
CREATE INDEX outbox_messages_pending_idx ON outbox_messages (created_at) WHERE sent_at IS NULL;
"""

ACCOUNTS = """
CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email = lower(email)),
    nombre text NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'operator', 'client', 'system')),
    cliente_id text,
    password_hash text NOT NULL,
    must_change_password boolean NOT NULL DEFAULT false,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL,
    last_login_at timestamptz,
    CHECK ((role = 'client') = (cliente_id IS NOT NULL))
);

CREATE TABLE api_keys (
    id text PRIMARY KEY,
    name text NOT NULL,
    scope text NOT NULL CHECK (scope IN ('lectura', 'escritura', 'admin')),
    secret_mac bytea NOT NULL,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);

CREATE TABLE system_tokens (
    id text PRIMARY KEY,
    agent text NOT NULL,
    secret_mac bytea NOT NULL,
    order_id uuid REFERENCES orders (id),
    intento integer,
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    CHECK ((order_id IS NULL) = (intento IS NULL)),
    CHECK (order_id IS NULL OR expires_at IS NOT NULL)
);
"""

# Procrastinate notifies when a job is inserted. A job whose predecessor of the same lock is still
# running is then not fetchable, and nothing would wake a worker when the predecessor ends; without
# this the line would wait for the polling interval between any two steps of an order.
WAKE_SUCCESSOR = """
CREATE FUNCTION wake_successor_job() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.lock IS NOT NULL AND EXISTS (
        SELECT 1 FROM procrastinate_jobs
        WHERE lock = OLD.lock AND status = 'todo'
          AND (scheduled_at IS NULL OR scheduled_at <= now())
    ) THEN
        PERFORM pg_notify(
            'procrastinate_any_queue_v1',
            json_build_object('type', 'job_inserted', 'job_id', OLD.id)::text
        );
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER procrastinate_jobs_wake_successor AFTER DELETE ON procrastinate_jobs
    FOR EACH ROW EXECUTE FUNCTION wake_successor_job();
CREATE INDEX procrastinate_jobs_todo_lock_idx ON procrastinate_jobs (lock) WHERE status = 'todo';
"""


def upgrade() -> None:
    """Create everything."""
    # The driver reads % as a placeholder; Procrastinate's own installer doubles it in the same way.
    op.get_bind().exec_driver_sql(SchemaManager.get_schema().replace("%", "%%"))
    for block in (ORDERS, ACCOUNTS, WAKE_SUCCESSOR):
        op.get_bind().exec_driver_sql(block.replace("%", "%%"))


def downgrade() -> None:
    """There is nothing before the first schema; drop the database instead."""
    raise NotImplementedError("the first schema has no predecessor: drop the database instead")
