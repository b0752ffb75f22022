import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documentStore } from "../../src/control/index.ts";
import type { Store } from "../../src/state/sync.ts";
import { redisHome, redisStore, upstash } from "../../src/stores/redis.ts";
import { documentStoreContract } from "../contracts/document-store.ts";
import { deaf, report, storeContract } from "../contracts/store.ts";
import { freePort } from "../e2e/running-demo.ts";
import { type Contended, contendingStores } from "./contending-stores.ts";
import { debian } from "./debian.ts";
import { Server } from "./server.ts";
import { UpstashRest } from "./upstash-rest.ts";

type Client = ReturnType<typeof createClient>;

let server: Server;
let port: number;
let client: Client;
let rest: UpstashRest;

const start = () =>
  server.start(
    ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"],
    /Ready to accept/,
  );

beforeAll(async () => {
  debian("redis-server", "redis-server");
  server = new Server("redis-server");
  port = await freePort();
  await start();
  client = createClient({ url: `redis://127.0.0.1:${port}` });
  client.on("error", () => {});
  await client.connect();
  rest = await UpstashRest.listen(client);
}, 300_000);

afterAll(async () => {
  await rest?.close();
  client?.destroy();
  await server?.remove();
});

/** A prefix of its own for each test: the server outlives them. */
let made = 0;
const prefix = () => `test-${++made}:`;
const vote = { seq: 2, open: true, fail: 9 };

storeContract("Redis, by node-redis", () => ({
  store: redisStore(client, { prefix: prefix() }),
  quorum: "majority",
}));

storeContract("Redis, by Upstash's REST", () => ({
  store: redisStore(upstash({ url: rest.url, token: rest.token }), { prefix: prefix() }),
  quorum: "majority",
}));

documentStoreContract("Redis, by node-redis", () => documentStore(redisHome(client, { prefix: prefix() })));
documentStoreContract("Redis, by Upstash's REST", () =>
  documentStore(redisHome(upstash({ url: rest.url, token: rest.token }), { prefix: prefix() })),
);

async function opened(store: Store, name: string) {
  const { epoch } = await store.sync(name, report(), deaf);
  return store.sync(name, report({ ...vote, epoch }), deaf);
}

describe("redisHome", () => {
  it("keeps documents for ever", async () => {
    const store = documentStore(redisHome(client, { prefix: "ever:" }));
    await store.change("prices", "retry", { text: "retry(4)", expected: 0, by: "ann" });
    expect(await client.pTTL("ever:documents")).toBe(-1);
  });
});

describe("redisStore", () => {
  it("two clients have one circuit, whichever wire they speak", async () => {
    const own = { prefix: prefix() };
    const open = await opened(redisStore(client, own), "prices");
    const seen = await redisStore(upstash({ url: rest.url, token: rest.token }), own).sync(
      "prices",
      report({ replica: "two" }),
      deaf,
    );
    expect(seen).toMatchObject({ state: "open", epoch: open.epoch });
  });

  it("goes by the server's clock, whatever this machine's says", async () => {
    const store = redisStore(client, { prefix: "clock:" });
    await opened(store, "prices");
    const record = JSON.parse((await client.hGet("clock:prices", "record")) ?? "{}");
    const time = Number((await client.sendCommand<string[]>(["TIME"]))[0]) * 1_000;
    expect(Math.abs(record.clock - time)).toBeLessThan(60_000);
    expect(record.until - record.time).toBe(30_000);
  });

  it("is forgotten after a while, which each report begins anew", async () => {
    const store = redisStore(client, { prefix: "ttl:", forgetAfter: "1h" });
    await store.sync("prices", report(), deaf);
    await client.pExpire("ttl:prices", 1_000);
    await store.sync("prices", report({ seq: 2 }), deaf);
    expect(await client.pTTL("ttl:prices")).toBeGreaterThan(3_000_000);
  });

  it("refuses a writer that read before a wipe: it reads again", async () => {
    const own = { prefix: prefix() };
    const plain = redisStore(client, own);
    await plain.sync("prices", report(), deaf);
    let meddled = false;
    const slow = redisStore(
      {
        async sendCommand(command, options) {
          const reply = await client.sendCommand(command, options);
          if (!meddled) {
            meddled = true;
            await client.del(`${own.prefix}prices`);
            await plain.sync("prices", report({ replica: "two" }), deaf);
          }
          return reply;
        },
      },
      own,
    );
    await slow.sync("prices", report({ replica: "three" }), deaf);
    const record = JSON.parse((await client.hGet(`${own.prefix}prices`, "record")) ?? "{}");
    expect(record.members.map(({ replica }: { replica: string }) => replica)).toEqual(["two", "three"]);
  });

  it("takes what is no record for a lost one", async () => {
    const own = { prefix: prefix() };
    await client.hSet(`${own.prefix}prices`, { version: "x", record: "{ no record" });
    const store = redisStore(client, own);
    expect(await store.sync("prices", report({ epoch: 5 }), deaf)).toMatchObject({
      state: "closed",
      epoch: 6,
    });
  });

  it("throws while the server is gone, and goes on when it is back, though it lost all", async () => {
    const store = redisStore(client, { prefix: prefix() });
    const before = await opened(store, "prices");
    await server.stop("SIGKILL");
    await expect(store.sync("prices", report({ seq: 3 }), deaf)).rejects.toThrow();
    await start();
    await expect
      .poll(
        () => store.sync("prices", report({ seq: 3, epoch: before.epoch }), deaf).catch(() => undefined),
        {
          timeout: 20_000,
        },
      )
      .toMatchObject({ state: "closed" });
    expect((await store.sync("prices", report({ seq: 4 }), deaf)).epoch).toBeGreaterThan(before.epoch);
  });
});

describe("two clients of one Redis that stores each write", () => {
  let lasting: Server;
  const clients: Client[] = [];

  afterAll(async () => {
    for (const each of clients) each.destroy();
    await lasting?.remove();
  });

  contendingStores(async (): Promise<Contended> => {
    lasting = new Server("redis-server");
    const port = String(await freePort());
    const begin = () =>
      lasting.start(
        ["--port", port, "--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always"],
        /Ready to accept/,
      );
    await begin();
    let refused = 0;
    const store = async () => {
      const own: Client = createClient({ url: `redis://127.0.0.1:${port}` });
      own.on("error", () => {});
      clients.push(own);
      await own.connect();
      return redisStore({
        async sendCommand(command, options) {
          const reply = await own.sendCommand(command, options);
          if (Number(reply) === 0) refused++;
          return reply;
        },
      });
    };
    return {
      stores: [await store(), await store()],
      record: async (name) => JSON.parse((await clients[0]?.hGet(`ninelives:${name}`, "record")) ?? "{}"),
      refused() {
        const since = refused;
        refused = 0;
        return since;
      },
      async restart() {
        await lasting.stop("SIGKILL");
        await begin();
      },
    };
  });
});

describe("upstash", () => {
  it("throws what the other side says, without the token", async () => {
    const store = redisStore(upstash({ url: rest.url, token: "wrong-token" }));
    const refused = store.sync("prices", report(), deaf);
    await expect(refused).rejects.toThrow(/answered 401: .*WRONGPASS/);
    await expect(refused).rejects.not.toThrow(/wrong-token/);
  });

  it("costs two commands a report", async () => {
    const before = rest.seen.length;
    await redisStore(upstash({ url: rest.url, token: rest.token }), { prefix: prefix() }).sync(
      "prices",
      report(),
      deaf,
    );
    expect(rest.seen.slice(before)).toEqual(["EVAL", "EVAL"]);
  });
});
