// The four operations of the comparison on Fastify and pg: prepared statements, no authentication.
const { randomUUID } = require("node:crypto");
const fastify = require("fastify")();
const { Pool } = require("pg");

const [port, database] = process.argv.slice(2);
const pool = new Pool({ connectionString: database, max: 8 });

const COLUMNS = `id, order_number, tipo_producto, nombre_producto, cliente_id, datos_cliente, estado,
  plan, repo_url, deploy_url, resultado, progreso, asignado_a, session_id, created_at, updated_at,
  planificado_at, construccion_iniciada_at, qa_iniciada_at, entregado_at, prioridad, tags,
  notas_internas`;
const ONE = `SELECT ${COLUMNS}, (
    SELECT json_agg(json_build_object('timestamp', at, 'agente', agente, 'mensaje', mensaje,
                                      'tipo', tipo, 'metadata', metadata) ORDER BY seq)
    FROM (SELECT * FROM order_events WHERE order_id = orders.id ORDER BY seq DESC LIMIT 200) newest
  ) AS logs FROM orders WHERE id = $1`;
const PAGE = `SELECT id, order_number, tipo_producto, nombre_producto, estado, progreso, asignado_a,
    prioridad, created_at, updated_at
  FROM orders WHERE estado = $1 ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3`;
const COUNT = "SELECT count(*)::int AS total FROM orders WHERE estado = $1";
const NUMBER = `INSERT INTO counters (year, last) VALUES ($1, 1)
  ON CONFLICT (year) DO UPDATE SET last = counters.last + 1 RETURNING last`;
const PLACE = `INSERT INTO orders (id, order_number, tipo_producto, nombre_producto, cliente_id,
    datos_cliente, prioridad, tags, notas_internas)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING estado, progreso, created_at`;
const REPORT = `UPDATE orders SET progreso = $2, updated_at = now(), last_event = last_event + 1
  WHERE id = $1 RETURNING id, order_number, estado, progreso, asignado_a, updated_at, last_event`;
const EVENT = `INSERT INTO order_events (order_id, seq, at, agente, mensaje, tipo, metadata)
  VALUES ($1, $2, now(), $3, $4, $5, $6)`;
const NOTIFY = "SELECT pg_notify('peer_events', $1)";
const KEPT = "SELECT body FROM kept_answers WHERE key = $1";
const KEEP = "INSERT INTO kept_answers (key, body) VALUES ($1, $2)";

const ask = (client, name, text, values) => client.query({ name, text, values });

async function inTransaction(work) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const result = await work(client);
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

fastify.get("/api/orders/:id", async (request, reply) => {
  const { rows } = await ask(pool, "one", ONE, [request.params.id]);
  if (rows.length === 0) return reply.code(404).send({ error: "Order not found" });
  return rows[0];
});

fastify.get("/api/orders", async (request) => {
  const { estado, limit = 50, offset = 0 } = request.query;
  const [counted, page] = await Promise.all([
    ask(pool, "count", COUNT, [estado]),
    ask(pool, "page", PAGE, [estado, +limit, +offset]),
  ]);
  const orders = page.rows;
  return { total: counted.rows[0].total, limit: +limit, offset: +offset, count: orders.length, orders };
});

fastify.post("/api/orders", async (request, reply) => {
  const order = request.body;
  const client = order.datos_cliente;
  if (!order.tipo_producto || !order.nombre_producto || !client?.nombre || !client?.email) {
    return reply.code(400).send({ error: "Validation error" });
  }
  const key = request.headers["idempotency-key"];
  const answer = await inTransaction(async (tx) => {
    if (key) {
      const kept = await ask(tx, "kept", KEPT, [key]);
      if (kept.rows.length) return kept.rows[0].body;
    }
    const year = new Date().getUTCFullYear();
    const { last } = (await ask(tx, "number", NUMBER, [year])).rows[0];
    const id = randomUUID();
    const number = `ORD-${year}-${String(last).padStart(3, "0")}`;
    const placed = await ask(tx, "place", PLACE, [
      id, number, order.tipo_producto, order.nombre_producto, order.cliente_id ?? null, client,
      order.prioridad ?? "normal", order.tags ?? [], order.notas_internas ?? "",
    ]);
    const body = {
      id, order_number: number, tipo_producto: order.tipo_producto,
      nombre_producto: order.nombre_producto, ...placed.rows[0],
      message: "Orden creada exitosamente. Super Axon Agent la procesará pronto.",
    };
    if (key) await ask(tx, "keep", KEEP, [key, body]);
    return body;
  });
  return reply.code(201).send(answer);
});

fastify.patch("/api/orders/:id", async (request, reply) => {
  const { progreso, logs } = request.body;
  const updated = await inTransaction(async (tx) => {
    const row = (await ask(tx, "report", REPORT, [request.params.id, progreso])).rows[0];
    if (!row) return null;
    const { last_event, ...order } = row;
    for (const [place, entry] of logs.entries()) {
      await ask(tx, "event", EVENT, [
        order.id, last_event + place, entry.agente, entry.mensaje, entry.tipo, entry.metadata ?? {},
      ]);
    }
    await ask(tx, "notify", NOTIFY, [order.id]);
    return { ...order, message: "Orden actualizada exitosamente" };
  });
  return updated ?? reply.code(404).send({ error: "Order not found" });
});

fastify.listen({ host: "127.0.0.1", port: +port });
