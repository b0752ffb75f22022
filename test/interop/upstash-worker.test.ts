import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CircuitReport, CircuitView } from "../../src/state/sync.ts";
import { redisStore } from "../../src/stores/redis.ts";
import { deaf, report } from "../contracts/store.ts";
import { BareWorkerd } from "../e2e/bare-workerd.ts";
import { freePort } from "../e2e/running-demo.ts";
import { debian } from "./debian.ts";
import { Server } from "./server.ts";
import { UpstashRest } from "./upstash-rest.ts";

let server: Server;
let client: ReturnType<typeof createClient>;
let rest: UpstashRest;
let edge: BareWorkerd;

beforeAll(async () => {
  debian("redis-server", "redis-server");
  server = new Server("redis-server");
  const port = await freePort();
  await server.start(
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    /Ready to accept/,
  );
  client = createClient({ url: `redis://127.0.0.1:${port}` });
  client.on("error", () => {});
  await client.connect();
  rest = await UpstashRest.listen(client);
  edge = await BareWorkerd.start({
    entry: "test/workers/upstash-worker.ts",
    port: await freePort(),
    vars: { UPSTASH_REDIS_REST_URL: rest.url, UPSTASH_REDIS_REST_TOKEN: rest.token },
    reachesThisMachine: true,
  });
}, 300_000);

afterAll(async () => {
  await edge?.remove();
  await rest?.close();
  client?.destroy();
  await server?.remove();
});

const call = async (path: string) => (await fetch(`${edge.origin}${path}`)).status;
const eventually = <T>(fact: () => T | Promise<T>) => expect.poll(fact, { timeout: 30_000, interval: 50 });

/** A process beside Redis, which speaks to it by TCP. */
const process = (name: string, more: Partial<CircuitReport> = {}) =>
  redisStore(client).sync(name, report({ replica: "process", ...more }), deaf) as Promise<CircuitView>;

describe("a Worker in workerd whose circuits live in a real Redis, by Upstash's REST", () => {
  it("tells a process at the same Redis that its circuit has opened", async () => {
    for (let each = 0; each < 2; each++) expect(await call("/prices?down")).toBe(502);
    expect(await call("/prices")).toBe(503);
    // The next call that comes along carries what the first report could not.
    await eventually(async () => {
      await call("/prices");
      return JSON.parse((await client.hGet("ninelives:prices", "record")) ?? "{}").state;
    }).toBe("open");
    expect(await process("prices")).toMatchObject({ state: "open" });
  });

  it("hears from a process that the circuit is open, and lets no call wait to be told", async () => {
    const { epoch } = await process("reviews");
    expect(await process("reviews", { seq: 2, epoch, open: true, fail: 9 })).toMatchObject({ state: "open" });
    // Its first call goes by what it knows: nothing. The report rides along.
    expect(await call("/reviews")).toBe(200);
    await eventually(() => call("/reviews")).toBe(503);
    expect(rest.seen).toContain("EVAL");
  });

  it("decides alone while nothing answers there", async () => {
    await rest.close();
    expect(await call("/prices")).toBe(503);
    expect(await (await fetch(`${edge.origin}/states`)).json()).toEqual({ prices: "open", reviews: "open" });
  });
});
