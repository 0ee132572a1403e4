// What each client does: create, list, read, approve. One file per generator gives the four calls.
import assert from "node:assert/strict";
import { createInterface } from "node:readline";

export interface Listed {
  id?: string | undefined;
  orderNumber?: string | undefined;
}
export interface Read {
  estado: string;
  progreso: number;
  planVersion: number | null | undefined;
  planHash: string | null | undefined;
  milestones: number;
}
export interface Calls {
  create(name: string, tag: string): Promise<{ id: string; orderNumber: string }>;
  list(tag: string): Promise<{ total: number; orders: Listed[] }>;
  read(id: string): Promise<Read>;
  approve(id: string, version: number, hash: string): Promise<string>;
}

export const address = process.env["AXON_ADDRESS"] ?? "";
export const headersOf = (who: "key_escritura" | "key_lectura" | "admin"): Record<string, string> =>
  JSON.parse(process.env["AXON_HEADERS"] ?? "{}")[who];

export async function drive(calls: Calls): Promise<void> {
  const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  const advance = async (id: string) => {
    console.log(`advance ${id}`);
    assert.equal((await answers.next()).value, "advanced");
  };
  const tag = `cliente-${crypto.randomUUID()}`;
  const { id, orderNumber } = await calls.create("Avisos", tag);
  assert.match(orderNumber, /^ORD-\d{4}-\d{3,}$/);
  const page = await calls.list(tag);
  assert.equal(page.total, 1);
  assert.deepEqual(page.orders, [{ id, orderNumber }]);
  await advance(id);
  const order = await calls.read(id);
  assert.equal(order.estado, "planificacion");
  assert.ok(order.milestones > 0);
  assert.ok(order.planVersion && order.planHash);
  assert.equal(await calls.approve(id, order.planVersion, order.planHash), "construccion");
  const approved = await calls.read(id);
  assert.equal(approved.estado, "construccion");
  console.log("done");
  process.exit(0);
}
