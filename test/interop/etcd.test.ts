import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { documentStore } from "../../src/control/index.ts";
import type { Store } from "../../src/state/sync.ts";
import { etcdHome, etcdStore } from "../../src/stores/etcd.ts";
import { documentStoreContract } from "../contracts/document-store.ts";
import { deaf, report, storeContract } from "../contracts/store.ts";
import { freePort } from "../e2e/running-demo.ts";
import { type Contended, contendingStores } from "./contending-stores.ts";
import { debian } from "./debian.ts";
import { Server } from "./server.ts";

let server: Server;
let url: string;
let peer: string;

const start = () =>
  server.start(
    [
      ...["--data-dir", "data", "--listen-client-urls", url, "--advertise-client-urls", url],
      ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
      ...["--initial-cluster", `default=${peer}`],
    ],
    /serving (?:insecure )?client (?:requests|traffic)|ready to serve client requests/i,
  );

beforeAll(async () => {
  debian("etcd", "etcd-server");
  server = new Server("etcd");
  url = `http://127.0.0.1:${await freePort()}`;
  peer = `http://127.0.0.1:${await freePort()}`;
  await start();
}, 300_000);

afterAll(() => server?.remove());

/** A prefix of its own for each test: the server outlives them. */
let made = 0;
const prefix = () => `test-${++made}/`;
const vote = { seq: 2, open: true, fail: 9 };

/** Asks etcd beside the store. */
async function ask(path: string, body: object): Promise<Record<string, unknown>> {
  const response = await fetch(`${url}/v3/${path}`, { method: "POST", body: JSON.stringify(body) });
  return (await response.json()) as Record<string, unknown>;
}

async function opened(store: Store, name: string) {
  const { epoch } = await store.sync(name, report(), deaf);
  return store.sync(name, report({ ...vote, epoch }), deaf);
}

documentStoreContract("etcd", () => documentStore(etcdHome({ url, prefix: prefix() })));
storeContract("etcd", () => ({ store: etcdStore({ url, prefix: prefix() }), quorum: "majority" }));

describe("two stores in one etcd", () => {
  contendingStores((): Contended => {
    let refused = 0;
    const own = prefix();
    const counted: typeof fetch = async (...call) => {
      const response = await fetch(...call);
      if (String(call[0]).endsWith("/kv/txn") && response.ok) {
        const { succeeded } = (await response.clone().json()) as { succeeded?: boolean };
        if (succeeded !== true) refused++;
      }
      return response;
    };
    const store = () => etcdStore({ url, prefix: own, fetch: counted });
    return {
      stores: [store(), store()],
      async record(name) {
        const [kept] = (await ask("kv/range", { key: btoa(own + name) })).kvs as [{ value: string }];
        return JSON.parse(atob(kept.value));
      },
      refused() {
        const since = refused;
        refused = 0;
        return since;
      },
      async restart() {
        await server.stop("SIGKILL");
        await start();
      },
    };
  });
});

describe("etcdStore", () => {
  it("keeps what it knows through a restart of the server", async () => {
    const store = etcdStore({ url: `${url}/`, prefix: prefix() });
    const before = await opened(store, "prices");
    await server.stop();
    await expect(store.sync("prices", report({ seq: 3 }), deaf)).rejects.toThrow();
    await start();
    const after = await store.sync("prices", report({ replica: "two" }), deaf);
    expect(after).toMatchObject({ state: "open", epoch: before.epoch });
  });

  it("hangs what it writes on a lease of twice the time, and takes another when that is gone", async () => {
    const own = prefix();
    const store = etcdStore({ url, prefix: own, forgetAfter: "1h" });
    await store.sync("prices", report(), deaf);
    const [kept] = (await ask("kv/range", { key: btoa(`${own}prices`) })).kvs as [{ lease: string }];
    const { TTL } = await ask("lease/timetolive", { ID: kept.lease });
    expect(Number(TTL)).toBeGreaterThan(7_100);
    expect(Number(TTL)).toBeLessThanOrEqual(7_200);
    await ask("lease/revoke", { ID: kept.lease });
    await expect(store.sync("prices", report({ seq: 2, epoch: 1 }), deaf)).rejects.toThrow("lease not found");
    expect(await store.sync("prices", report({ seq: 2, epoch: 1 }), deaf)).toMatchObject({ state: "closed" });
  });

  it("goes by the server's clock", async () => {
    const own = prefix();
    const ahead: typeof fetch = async (...call) => {
      const response = await fetch(...call);
      return new Response(response.body, { headers: { date: "Sat, 01 Jan 2050 00:00:00 GMT" } });
    };
    const store = etcdStore({ url, prefix: own, fetch: ahead });
    await store.sync("prices", report(), deaf);
    const [kept] = (await ask("kv/range", { key: btoa(`${own}prices`) })).kvs as [{ value: string }];
    expect(JSON.parse(atob(kept.value))).toMatchObject({ clock: Date.UTC(2050, 0, 1) });
  });

  it("sends the headers that it is given, and throws what etcd says", async () => {
    const seen: (string | null)[] = [];
    const store = etcdStore({
      url,
      headers: { authorization: "of somebody" },
      fetch: async (_, init) => {
        seen.push(new Headers(init?.headers).get("authorization"));
        return new Response('{"error":"etcdserver: permission denied"}', { status: 403 });
      },
    });
    await expect(store.sync("prices", report(), deaf)).rejects.toThrow(/answered 403: .*permission denied/);
    expect(seen).toEqual(["of somebody"]);
  });
});
