import createClient from "openapi-fetch";
import type { paths } from "./client/schema.js";
import { address, drive, headersOf } from "./orders.js";

const client = (who: Parameters<typeof headersOf>[0]) =>
  createClient<paths>({ baseUrl: address, headers: headersOf(who) });
const given = <T>({ data, error }: { data?: T; error?: unknown }): T => {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
};

await drive({
  async create(name, tag) {
    const order = given(
      await client("key_escritura").POST("/api/orders", {
        body: {
          tipo_producto: "autopilot_whatsapp",
          nombre_producto: name,
          datos_cliente: { nombre: "Empresa XYZ", email: "contacto@empresa.com" },
          tags: [tag],
        },
      }),
    );
    return { id: order.id, orderNumber: order.order_number };
  },
  async list(tag) {
    const page = given(
      await client("key_lectura").GET("/api/orders", { params: { query: { tag: [tag] } } }),
    );
    const orders = page.orders.map((one) => ({ id: one.id, orderNumber: one.order_number }));
    return { total: page.total, orders };
  },
  async read(id) {
    const order = given(
      await client("admin").GET("/api/orders/{id}", { params: { path: { id } } }),
    );
    return {
      estado: order.estado,
      progreso: order.progreso,
      planVersion: order.plan_version,
      planHash: order.plan_hash,
      milestones: order.plan?.milestones.length ?? 0,
    };
  },
  async approve(id, version, hash) {
    const decision = given(
      await client("admin").POST("/api/orders/{id}/approve", {
        params: { path: { id } },
        body: { plan_version: version, plan_hash: hash },
      }),
    );
    return decision.estado;
  },
});
