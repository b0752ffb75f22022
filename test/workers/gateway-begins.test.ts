import { evictDurableObject } from "cloudflare:test";
import type { AuditDraft } from "ninelives/control";
import { describe, expect, it, vi } from "vitest";
import { Gateway, gatewayOf } from "../../workers/gateway.ts";
import { type TestWorkerOptions, testWorker, toldToOwner } from "./test-worker.ts";

/** Two isolates of one Worker: each with its own configuration's text, so that its gateway is its own. */
async function isolates(options: TestWorkerOptions = {}) {
  const first = await testWorker(options);
  const done = async (name: string, args: object) => {
    const response = await first.command("admin", name, args);
    expect([response.status, name]).toEqual([200, name]);
    return ((await response.json()) as { readonly value: unknown }).value;
  };
  /** What a new isolate knows. */
  const renew = () => {
    (first.env as { UPSTREAMS: string }).UPSTREAMS += "\n";
    return gatewayOf(first.env);
  };
  return { ...first, done, renew };
}

describe("a gateway that begins", () => {
  it("goes by the documents that hold from its first request on", async () => {
    const members = [
      { name: "a", service: "ORIGIN", path: "/a" },
      { name: "b", service: "ORIGIN", path: "/b" },
    ];
    const { done, renew, fetch, seen } = await isolates({
      upstreams: {
        prices: { members, policy: "identity" },
        stock: { service: "ORIGIN", policy: "standard" },
      },
    });
    await done("weight.set", { upstream: "prices", weights: { a: 0 } });
    await done("policy.set", { name: "stock", version: 0, text: "circuitBreaker" });
    await done("circuit.open", { circuit: "stock" });
    renew();
    seen.splice(0);
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async () => (await fetch("/gateway/prices/")).status),
    );
    expect(statuses).toEqual(Array(10).fill(200));
    expect(seen.map(({ url }) => new URL(url).pathname)).toEqual(Array(10).fill("/b"));
    expect((await fetch("/gateway/stock/")).status).toBe(503);
    expect(seen).toHaveLength(10);
  });

  it("does not wait for a control plane that is silent, nor ask it at each request", async () => {
    let asked = 0;
    const silent = () => {
      asked++;
      return new Promise(() => {});
    };
    const { fetch, env } = await testWorker({
      env: { CONTROL: { getByName: () => ({ poll: silent }) } },
    });
    expect(gatewayOf(env).begun).toBe(false);
    for (let call = 0; call < 5; call++) expect((await fetch("/gateway/prices/")).status).toBe(200);
    expect(gatewayOf(env).begun).toBe(true);
    expect(asked).toBe(1);
  });

  it("goes by its configuration where the control plane is down, and says so", async () => {
    const told = toldToOwner("warn");
    const down = { poll: () => Promise.reject(new Error("down")) };
    const { fetch } = await testWorker({ env: { CONTROL: { getByName: () => down } } });
    expect((await fetch("/gateway/prices/")).status).toBe(200);
    expect(told.some(([text]) => text === "policy documents could not be followed")).toBe(true);
  });
});

describe("an isolate that has had no request", () => {
  it("knows the circuits, limits and routes that documents brought", async () => {
    const { done, renew } = await isolates();
    await done("policy.set", { name: "prices", version: 0, text: "rateLimit(5) + circuitBreaker" });
    await done("circuit.open", { circuit: "prices" });
    renew();
    expect(await done("state", {})).toMatchObject([{ circuit: "prices", state: "forced-open" }]);
    renew();
    expect(await done("limiter.reset", { limiter: "prices" })).toEqual({ limiter: "prices" });
    renew();
    expect(await done("control.snapshot", {})).toMatchObject({ circuits: ["prices"] });
    renew();
    expect(await done("circuit.close", { circuit: "prices" })).toMatchObject({ state: "closed" });
    const routes = [{ name: "search", path: "/search", policy: "retry(2)" }];
    await done("upstream.set", { upstream: "prices", settings: { routes } });
    renew();
    expect(await done("policy.get", { name: "prices.search" })).toMatchObject({ text: "retry(2)" });
  });

  it("reads them over HTTP, too", async () => {
    const { done, renew, as } = await isolates();
    const routes = [{ name: "search", path: "/search", policy: "retry(2)" }];
    await done("upstream.set", { upstream: "prices", settings: { routes } });
    const named = async (path: string) => {
      renew();
      return await (await as("admin", path)).text();
    };
    expect(await named("/v1/policies")).toContain('"name":"prices.search"');
    expect(await named("/v1/parameters")).toContain('"path":"prices.search/retry.attempts"');
  });

  it("catches up by itself", async () => {
    const { done, env } = await isolates();
    await done("policy.set", { name: "prices", version: 0, text: "retry(7)" });
    const gateway = new Gateway(env);
    await gateway.catchUp();
    expect([gateway.begun, gateway.routes.get("prices")?.policy.text]).toEqual([true, "retry(7)"]);
  });
});

describe("an isolate that follows the documents", () => {
  it("gets them only when one has changed, and is told when to ask again", async () => {
    const { control } = await testWorker();
    expect(await control.poll()).toEqual({ revision: 0, documents: [], nextIn: 2_000 });
    expect(await control.poll(0)).not.toHaveProperty("documents");
    await control.setDocument("prices", "retry(2)", 0, "ann");
    const { revision, documents } = await control.poll(0);
    expect([revision, documents?.map(({ text }) => text)]).toEqual([1, ["retry(2)"]]);
    // By which one was not changed that was expected to be another.
    await control.setDocument("prices", "retry(3)", 7, "bob");
    expect(await control.poll(1)).not.toHaveProperty("documents");
  });

  it("hears of an override that ends by itself", async () => {
    const { control } = await testWorker();
    await control.setDocument("prices", "retry(2)", 0, "ann", { holds: 150, original: "retry(1)" });
    let seen: number | undefined;
    let text: string | undefined;
    await vi.waitFor(
      async () => {
        const { revision, documents } = await control.poll(seen);
        seen = revision;
        text = documents?.[0]?.text ?? text;
        expect(text).toBe("retry(1)");
      },
      { timeout: 10_000 },
    );
  });

  it("is not told to wait for longer because commands and readers ask, too", async () => {
    const { control } = await testWorker();
    const { revision } = await control.poll(undefined, true);
    await Promise.all(Array.from({ length: 300 }, () => control.poll(revision, true)));
    expect((await control.poll(revision)).nextIn).toBe(2_000);
    const asked: unknown[][] = [];
    const poll = async (...args: unknown[]) => {
      asked.push(args);
      return { revision: 1, nextIn: 0 };
    };
    const { env, command } = await testWorker({ env: { CONTROL: { getByName: () => ({ poll }) } } });
    await gatewayOf(env).catchUp();
    expect(asked).toEqual([[undefined, true]]);
    toldToOwner("error");
    await command("admin", "policy.list");
    expect(asked).toHaveLength(2);
  });

  it("does not ask for strangers, who are denied all the same", async () => {
    const { env, fetch, control } = await testWorker();
    let asked = 0;
    const poll = async () => asked++;
    const append = (draft: AuditDraft) => control.append(draft);
    (env as { CONTROL: unknown }).CONTROL = { getByName: () => ({ append, poll }) };
    const init = { method: "POST", body: JSON.stringify({ id: "1", name: "policy.list", args: {} }) };
    expect((await fetch("/v1/commands", init)).status).toBe(401);
    expect(asked).toBe(0);
  });

  it("still counts where its home was when that begins anew", async () => {
    const { control } = await testWorker();
    await control.setDocument("prices", "retry(2)", 0, "ann");
    await evictDurableObject(control as never);
    expect(await control.poll(1)).not.toHaveProperty("documents");
    expect(await control.poll(0)).toHaveProperty("documents");
  });

  it("asks when it is told to, and not before", async () => {
    const polls: (number | undefined)[] = [];
    const answers = [
      { revision: 3, nextIn: 30_000, documents: [] },
      { revision: 3, nextIn: 5_000 },
    ];
    const poll = async (seen?: number) => {
      polls.push(seen);
      return answers[polls.length - 1] ?? { revision: 3, nextIn: 5_000 };
    };
    const { fetch } = await testWorker({ env: { CONTROL: { getByName: () => ({ poll }) } } });
    const now = vi.spyOn(Date, "now");
    const from = Date.now();
    try {
      for (const [after, expected] of [
        [0, [undefined]],
        [29_000, [undefined]],
        [30_500, [undefined, 3]],
        [34_000, [undefined, 3]],
        [36_000, [undefined, 3, 3]],
      ] as const) {
        now.mockReturnValue(from + after);
        expect((await fetch("/gateway/prices/")).status).toBe(200);
        expect(polls).toEqual(expected);
      }
    } finally {
      now.mockRestore();
    }
  });

  it("asks a home that fails no more often than that wished", async () => {
    toldToOwner("warn");
    let polls = 0;
    const poll = async () => {
      if (++polls > 1) throw new Error("overloaded");
      return { revision: 3, nextIn: 30_000, documents: [] };
    };
    const { fetch } = await testWorker({ env: { CONTROL: { getByName: () => ({ poll }) } } });
    const now = vi.spyOn(Date, "now");
    const from = Date.now();
    try {
      for (const [after, expected] of [
        [0, 1],
        [31_000, 2],
        [34_000, 2],
        [60_000, 2],
        [62_000, 3],
      ] as const) {
        now.mockReturnValue(from + after);
        expect((await fetch("/gateway/prices/")).status).toBe(200);
        expect([after, polls]).toEqual([after, expected]);
      }
    } finally {
      now.mockRestore();
    }
  });
});

describe("a request that ends while it puts documents in force", () => {
  it.each(["prices", "prices/settings"])("leaves it to the next one: %s", async (name) => {
    let holds = false;
    let held = 0;
    const sync = () => {
      if (!holds) return Promise.reject(new Error("no home"));
      held++;
      return new Promise(() => {});
    };
    const { env, control } = await testWorker({ env: { CIRCUITS: { getByName: () => ({ sync }) } } });
    const gateway = gatewayOf(env);
    const route = name === "prices" ? "prices" : "prices.search";
    const document = (policy: string) =>
      name === "prices" ? policy : JSON.stringify({ routes: [{ name: "search", path: "/search", policy }] });
    const inForce = () => gateway.routes.get(route)?.policy.text;
    await control.setDocument(name, document("retry(2)"), 0, "ann");
    await gateway.catchUp();
    expect(inForce()).toBe("retry(2)");
    await control.setDocument(name, document("circuitBreaker"), 1, "ann");
    // Whose time stands still from here on, as that of a request that is over does.
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    holds = true;
    void gateway.catchUp();
    for (let turn = 0; held === 0 && turn < 10_000; turn++) await control.documents();
    vi.useRealTimers();
    expect([held, inForce()]).toEqual([1, "retry(2)"]);
    holds = false;
    await gateway.catchUp();
    expect(inForce()).toBe("circuitBreaker");
  });

  it("has the next one ask soon, however seldom that is wished", async () => {
    let polls = 0;
    let holds = true;
    const sync = () => (holds ? new Promise(() => {}) : Promise.reject(new Error("no home")));
    const written = { updatedAt: null, updatedBy: null };
    const documents = [{ name: "prices", text: "circuitBreaker", version: 1, ...written }];
    const poll = async () => {
      polls++;
      return { revision: 1, nextIn: 60_000, documents };
    };
    const { env, fetch } = await testWorker({
      env: { CONTROL: { getByName: () => ({ poll }) }, CIRCUITS: { getByName: () => ({ sync }) } },
      upstreams: { prices: { service: "ORIGIN", policy: "identity" } },
    });
    const inForce = () => gatewayOf(env).routes.get("prices")?.policy.text;
    const now = vi.spyOn(Date, "now");
    const from = Date.now();
    try {
      now.mockReturnValue(from);
      expect((await fetch("/gateway/prices/")).status).toBe(200);
      expect([polls, inForce()]).toEqual([1, "identity"]);
      holds = false;
      now.mockReturnValue(from + 3_000);
      expect((await fetch("/gateway/prices/")).status).toBe(200);
      await vi.waitFor(() => expect([polls, inForce()]).toEqual([2, "circuitBreaker"]));
    } finally {
      now.mockRestore();
    }
  });
});
