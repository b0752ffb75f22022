import { describe, expect, inject, it, vi } from "vitest";
import { gatewayOf } from "../../workers/gateway.ts";
import { testWorker } from "./test-worker.ts";

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
    const { env, fetch, command, seen } = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "standard" } },
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
      const changed = await command("admin", "policy.set", args);
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
});
