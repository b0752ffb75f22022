import { describe, expect, it } from "vitest";
import { etcdStore } from "../../src/stores/etcd.ts";
import { deaf, report, storeContract } from "../contracts/store.ts";

// The contract, against a real server, is in test/interop/etcd.test.ts.

interface Put {
  readonly key: string;
  readonly value: string;
  readonly lease: string;
}

/** As much of etcd's JSON gateway as the store speaks: everything is base64, and every number a text. */
function gateway({ date = true } = {}) {
  const kept = new Map<string, { value: string; mod_revision: string }>();
  const asked: string[] = [];
  let revision = 1;
  let leases = 0;
  const answers: Record<string, (body: never) => object> = {
    "/v3/kv/range": ({ key }: { key: string }) => {
      const found = kept.get(key);
      return found === undefined ? {} : { kvs: [{ key, ...found }], count: "1" };
    },
    "/v3/kv/txn": ({ compare, success }: { compare: never[]; success: { request_put: Put }[] }) => {
      const [{ key, mod_revision }] = compare as unknown as [{ key: string; mod_revision: string }];
      // What is false is left out.
      if ((kept.get(key)?.mod_revision ?? "0") !== mod_revision) return {};
      kept.set(key, { value: success[0]?.request_put.value ?? "", mod_revision: String(++revision) });
      return { succeeded: true };
    },
    "/v3/lease/grant": ({ TTL }: { TTL: string }) => ({ ID: String(++leases), TTL }),
  };
  const fetch = async (url: string | URL | Request, init?: RequestInit) => {
    const { pathname } = new URL(String(url));
    asked.push(pathname);
    const body = answers[pathname]?.(JSON.parse(String(init?.body)) as never) ?? {};
    return Response.json(body, date ? { headers: { date: "Thu, 01 Jan 2026 00:00:00 GMT" } } : {});
  };
  return { fetch, kept, asked };
}

const url = "http://etcd.test:2379";

storeContract("etcd's JSON gateway", () => ({
  store: etcdStore({ url, fetch: gateway().fetch }),
  quorum: "majority",
}));

describe("etcdStore", () => {
  it("keeps each name under a key of its own, with the prefix, whatever its letters", async () => {
    const { fetch, kept } = gateway();
    await etcdStore({ url: `${url}/`, fetch }).sync("ü/€", report(), deaf);
    const [key = ""] = kept.keys();
    const bytes = Uint8Array.from(atob(key), (character) => character.charCodeAt(0));
    expect(new TextDecoder().decode(bytes)).toBe("ninelives/ü/€");
  });

  it("costs two requests a report, and a lease once", async () => {
    const { fetch, asked } = gateway();
    const store = etcdStore({ url, fetch });
    await store.sync("prices", report(), deaf);
    await store.sync("prices", report({ seq: 2 }), deaf);
    expect(asked).toEqual(["/v3/kv/range", "/v3/lease/grant", "/v3/kv/txn", "/v3/kv/range", "/v3/kv/txn"]);
  });

  it("goes by this machine's clock where the server's is hidden", async () => {
    const { fetch, kept } = gateway({ date: false });
    const before = Date.now();
    await etcdStore({ url, fetch }).sync("prices", report(), deaf);
    const [{ value = "" } = {}] = kept.values();
    expect(JSON.parse(atob(value)).clock).toBeGreaterThanOrEqual(before);
  });

  it("refuses an address or a time that is none, with the option's name", () => {
    expect(() => etcdStore({ url: "localhost:2379" })).toThrow("etcdStore: url must be an address");
    expect(() => etcdStore({ url, forgetAfter: -1 })).toThrow(
      /etcdStore: forgetAfter must be a duration.*-1/,
    );
  });
});
