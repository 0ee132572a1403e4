import { approvePlan, createOrder, getOrder, listOrders } from "./client/api.js";
import { address, drive, headersOf } from "./orders.js";

const by = (who: Parameters<typeof headersOf>[0]) => ({ headers: headersOf(who) });

// The client asks its own host, as in a browser.
const { fetch } = globalThis;
globalThis.fetch = (path, options) => fetch(`${address}${path}`, options);

await drive({
  async create(name, tag) {
    const answer = await createOrder(
      {
        tipo_producto: "autopilot_whatsapp",
        nombre_producto: name,
        datos_cliente: { nombre: "Empresa XYZ", email: "contacto@empresa.com" },
        tags: [tag],
      },
      by("key_escritura"),
    );
    if (answer.status !== 201) throw new Error(answer.data.codigo);
    return { id: answer.data.id, orderNumber: answer.data.order_number };
  },
  async list(tag) {
    const answer = await listOrders({ tag: [tag] }, by("key_lectura"));
    if (answer.status !== 200) throw new Error(String(answer.status));
    const { total, orders } = answer.data;
    return { total, orders: orders.map((one) => ({ id: one.id, orderNumber: one.order_number })) };
  },
  async read(id) {
    const answer = await getOrder(id, by("admin"));
    if (answer.status !== 200) throw new Error(String(answer.status));
    const order = answer.data;
    return {
      estado: order.estado,
      progreso: order.progreso,
      planVersion: order.plan_version,
      planHash: order.plan_hash,
      milestones: order.plan?.milestones.length ?? 0,
    };
  },
  async approve(id, version, hash) {
    const answer = await approvePlan(id, { plan_version: version, plan_hash: hash }, by("admin"));
    if (answer.status !== 200) throw new Error(answer.data.codigo);
    return answer.data.estado;
  },
});
