import { sha256 } from "ninelives/control";
import { describe, expect, inject, it, vi } from "vitest";
import { gatewayOf } from "../../workers/gateway.ts";
import { testWorker, toldToOwner } from "./test-worker.ts";

/** Policies that let every good answer through, one after the other: circuits come, go, and come back. */
const texts = (change: number) =>
  [
    "standard",
    `retry(${2 + (change % 3)}) + circuitBreaker(consecutiveFailures: ${2 + (change % 5)}) + timeout(10s)`,
    `bulkhead(limit: ${50 + (change % 50)}, queue: 1000, maximumWait: 10s) + timeout(20s)`,
    "circuitBreaker + circuitBreaker(consecutiveFailures: 3)",
    "identity",
    `(timeout(${5 + (change % 5)}s) | retry(2)) + hedge(5s)`,
  ][change % 6] as string;

describe("gateway whose policy changes under load", () => {
  // `CASES=40000 vitest run --project workers test/workers/gateway-changes.test.ts` makes 1,000 changes over 20,000 requests.
  const changes = Math.ceil(inject("cases") / 4);
  const each = 20;

  it("fails no request that would have succeeded, and sends none twice", { timeout: 300_000 }, async () => {
    // Each sender may send 300 commands a minute.
    const senders = await Promise.all(
      Array.from({ length: Math.ceil(changes / 250) }, async (_, number) => {
        const token = `sender-${number}`;
        return { token, record: { name: token, sha256: await sha256(token), scopes: ["*"] } };
      }),
    );
    const { env, fetch, seen } = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "standard" } },
      env: { TOKENS: JSON.stringify(senders.map(({ record }) => record)) },
      origin: async () => {
        // Changes come while calls are under way.
        await new Promise((resolve) => setTimeout(resolve, 2));
        return new Response("fine");
      },
    });
    const statuses: Record<number, number> = {};
    const ask = async () => {
      const { status } = await fetch("/gateway/prices/");
      statuses[status] = (statuses[status] ?? 0) + 1;
    };
    let under: Promise<unknown> = Promise.resolve();
    for (let version = 0; version < changes; version++) {
      const asked = Array.from({ length: each }, ask);
      const args = { name: "prices", text: texts(version), version };
      const changed = await fetch("/v1/commands/policy.set", {
        method: "POST",
        headers: { authorization: `Bearer ${senders[version % senders.length]?.token}` },
        body: JSON.stringify(args),
      });
      expect(changed.status).toBe(200);
      // The calls that the change found under way end after it, some of them after the next one.
      await under;
      under = Promise.all(asked);
    }
    await under;
    expect(statuses).toEqual({ 200: changes * each });
    expect(seen).toHaveLength(changes * each);
    // What was set last is in force.
    const inForce = gatewayOf(env).routes.get("prices")?.policy;
    expect(inForce?.text).toBe(texts(changes - 1));
  });

  it("keeps those that wait in a bulkhead, and lets more of them in at once when its limit is raised", async () => {
    const open: (() => void)[] = [];
    const { fetch, command, seen } = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "bulkhead(2, queue: 10, maximumWait: 20s)" } },
      origin: async () => {
        await new Promise<void>((resolve) => {
          open.push(resolve);
          // Calls that wait have their own timers; an answer needs one too, since it crosses requests.
          const check = setInterval(() => {
            if (!open.includes(resolve)) clearInterval(check);
          }, 5);
        });
        return new Response("fine");
      },
    });
    const answers = Array.from({ length: 6 }, () => fetch("/gateway/prices/"));
    await vi.waitFor(() => expect(seen).toHaveLength(2));
    const write = (value: number) =>
      command("admin", "parameter.write", { path: "prices/bulkhead.limit", value });
    expect((await write(4)).status).toBe(200);
    await vi.waitFor(() => expect(seen).toHaveLength(4));
    expect((await write(6)).status).toBe(200);
    await vi.waitFor(() => expect(seen).toHaveLength(6));
    for (const resolve of open.splice(0)) resolve();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(6).fill(200));
    expect(seen).toHaveLength(6);
  });

  it("keeps what went through a rate limit, and an open circuit open", async () => {
    const { fetch, command, seen } = await testWorker({
      upstreams: {
        prices: { service: "ORIGIN", policy: "circuitBreaker(consecutiveFailures: 2, openFor: 1h)" },
      },
      origin: () => new Response("broken", { status: 500 }),
    });
    for (let call = 0; call < 2; call++) expect((await fetch("/gateway/prices/")).status).toBe(500);
    expect((await fetch("/gateway/prices/")).status).toBe(503);
    const write = (path: string, value: unknown) => command("admin", "parameter.write", { path, value });
    expect((await write("prices/circuitBreaker.consecutiveFailures", 50)).status).toBe(200);
    expect((await write("prices/circuitBreaker.window", "30s")).status).toBe(200);
    expect((await fetch("/gateway/prices/")).status).toBe(503);
    expect(seen).toHaveLength(2);
  });

  it.each([
    { done: "first", order: [0, 1] },
    { done: "last", order: [1, 0] },
  ])(
    "goes by the newest of two documents that wait for their circuits, where the older one is done $done",
    async ({ order }) => {
      const held: (() => void)[] = [];
      let holds = true;
      const sync = () =>
        holds
          ? new Promise((_, reject) => held.push(() => reject(new Error("no home"))))
          : Promise.reject(new Error("no home"));
      const retried = (attempts: number) => `retry(${attempts}, backoff: constant(1ms))`;
      const { env, fetch, seen } = await testWorker({
        upstreams: { prices: { service: "ORIGIN", policy: retried(3) } },
        env: { CIRCUITS: { getByName: () => ({ sync }) } },
        origin: () => new Response("broken", { status: 500 }),
      });
      const gateway = gatewayOf(env);
      const applied = [5, 3].map((attempts, index) => {
        const text = `${retried(attempts)} + circuitBreaker(consecutiveFailures: 100)`;
        return gateway.apply({ name: "prices", text, version: index + 1, updatedAt: null, updatedBy: null });
      });
      await vi.waitFor(() => expect(held).toHaveLength(2));
      holds = false;
      for (const index of order) {
        held[index]?.();
        await applied[index];
      }
      expect((await fetch("/gateway/prices/")).status).toBe(500);
      expect(seen).toHaveLength(3);
      expect(gateway.routes.get("prices")?.policy.text).toContain("retry(3,");
    },
  );

  it.each([
    ["open", [{ type: "circuit.opened", circuit: "prices", from: "closed", reason: "forced" }]],
    ["close", []],
  ] as const)(
    "tells that a circuit which comes with a document is not closed in the fleet: %s",
    async (what, expected) => {
      const { env, fetch, circuit, seen } = await testWorker({
        upstreams: { prices: { service: "ORIGIN", policy: "identity" } },
      });
      await circuit("prices").command(what);
      const gateway = gatewayOf(env);
      const told = vi.spyOn(gateway.sink, "emit");
      const document = {
        name: "prices",
        text: "circuitBreaker",
        version: 1,
        updatedAt: null,
        updatedBy: null,
      };
      await gateway.apply(document);
      const events = told.mock.calls
        .map(([event]) => event)
        .filter(({ type }) => type.startsWith("circuit."));
      expect(events).toMatchObject(expected);
      const { status } = await fetch("/gateway/prices/");
      expect([status, seen.length]).toEqual(what === "open" ? [503, 0] : [200, 1]);
    },
  );

  it("keeps what is in force where a document is refused, and tells its owner why, once", async () => {
    const told = toldToOwner("warn");
    const { env, fetch, control, observer } = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "retry(2)" } },
    });
    const now = vi.spyOn(Date, "now");
    let at = Date.now();
    /** A request that comes along when it is time to ask again, and what its isolate then goes by. */
    const followed = async () => {
      at += 3_000;
      now.mockReturnValue(at);
      expect((await fetch("/gateway/prices/")).status).toBe(200);
      return gatewayOf(env).routes.get("prices")?.policy.text;
    };
    try {
      // As by a Worker that is newer and knows more.
      await control.setDocument("prices", "retry(3) + unheardOf(5)", 0, "ann", { original: "retry(2)" });
      await followed();
      await vi.waitFor(() => expect(told).toHaveLength(1));
      for (let time = 0; time < 3; time++) expect(await followed()).toBe("retry(2)");
      // Operators see it, too.
      await vi.waitFor(async () => {
        const { policies } = await observer.state();
        expect(policies.find(({ policy }) => policy === "prices")?.document).toMatchObject({
          version: null,
          refused: [{ version: 1, reason: expect.stringContaining("line 1, column 12") }],
        });
      });
      expect(told).toMatchObject([
        ["version 1 of policy prices is refused", { message: expect.stringContaining("line 1, column 12") }],
      ]);
      await control.setDocument("prices", "retry(4)", 1, "ann");
      await followed();
      await vi.waitFor(() => expect(gatewayOf(env).routes.get("prices")?.policy.text).toBe("retry(4)"));
      expect(told).toHaveLength(1);
      await vi.waitFor(async () => {
        const { policies } = await observer.state();
        expect(policies.find(({ policy }) => policy === "prices")?.document).toEqual({
          version: 2,
          followers: 1,
          current: 1,
          refused: [],
        });
      });
    } finally {
      now.mockRestore();
    }
  });
});
