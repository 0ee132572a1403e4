import { approvePlan, createOrder, getOrder, listOrders } from "./client/index.js";
import { address, drive, headersOf } from "./orders.js";

const by = (who: Parameters<typeof headersOf>[0]) => ({
  baseUrl: address,
  headers: headersOf(who),
  throwOnError: true as const,
});

await drive({
  async create(name, tag) {
    const { data } = await createOrder({
      ...by("key_escritura"),
      body: {
        tipo_producto: "autopilot_whatsapp",
        nombre_producto: name,
        datos_cliente: { nombre: "Empresa XYZ", email: "contacto@empresa.com" },
        tags: [tag],
      },
    });
    return { id: data.id, orderNumber: data.order_number };
  },
  async list(tag) {
    const { data } = await listOrders({ ...by("key_lectura"), query: { tag: [tag] } });
    const orders = data.orders.map((one) => ({ id: one.id, orderNumber: one.order_number }));
    return { total: data.total, orders };
  },
  async read(id) {
    const { data: order } = await getOrder({ ...by("admin"), path: { id } });
    return {
      estado: order.estado,
      progreso: order.progreso,
      planVersion: order.plan_version,
      planHash: order.plan_hash,
      milestones: order.plan?.milestones.length ?? 0,
    };
  },
  async approve(id, version, hash) {
    const body = { plan_version: version, plan_hash: hash };
    return (await approvePlan({ ...by("admin"), path: { id }, body })).data.estado;
  },
});
