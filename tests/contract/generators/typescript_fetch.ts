import { Configuration, DecisionesApi, OrdenesApi } from "./client/index.js";
import { address, drive, headersOf } from "./orders.js";

const by = (who: Parameters<typeof headersOf>[0]) =>
  new Configuration({ basePath: address, headers: headersOf(who) });

await drive({
  async create(name, tag) {
    const newOrder = {
      tipoProducto: "autopilot_whatsapp",
      nombreProducto: name,
      datosCliente: { nombre: "Empresa XYZ", email: "contacto@empresa.com" },
      tags: [tag],
    };
    return await new OrdenesApi(by("key_escritura")).createOrder({ newOrder });
  },
  async list(tag) {
    const { total, orders } = await new OrdenesApi(by("key_lectura")).listOrders({ tag: [tag] });
    return { total, orders: orders.map(({ id, orderNumber }) => ({ id, orderNumber })) };
  },
  async read(id) {
    const order = await new OrdenesApi(by("admin")).getOrder({ id });
    return {
      estado: order.estado,
      progreso: order.progreso,
      planVersion: order.planVersion,
      planHash: order.planHash,
      milestones: order.plan?.milestones.length ?? 0,
    };
  },
  async approve(id, version, hash) {
    const planApproval = { planVersion: version, planHash: hash };
    return (await new DecisionesApi(by("admin")).approvePlan({ id, planApproval })).estado;
  },
});
