import { describe, expect, it } from "vitest";
import { type Origin, testWorker, toldToOwner } from "./test-worker.ts";

const fine: Origin = () => new Response("fine");
const broken: Origin = () => new Response("broken", { status: 500 });
const silent: Origin = () => new Promise<Response>(() => {});
const cut: Origin = () => {
  throw Object.assign(new Error("Network connection lost."), { retryable: true });
};
const open = "circuitBreaker(consecutiveFailures: 1, openFor: 60s)";
const again = "retry(3, backoff: constant(1ms))";

/** How an upstream answers, its policy, how many requests come before, and what the last one is told. */
const answers: readonly (readonly [
  origin: Origin,
  policy: string,
  before: number,
  status: number,
  attempts: number,
])[] = [
  [fine, "identity", 0, 200, 1],
  [broken, again, 0, 500, 3],
  [broken, open, 1, 503, 0],
  [silent, "timeout(5ms)", 0, 504, 1],
  [silent, `${again} + timeout(5ms)`, 0, 504, 3],
  [cut, again, 0, 502, 3],
  [fine, "rateLimit(limit: 1, per: 60s)", 1, 429, 0],
  [broken, `${again} | ${again}`, 0, 500, 6],
];

describe("gateway", () => {
  it.each(answers)(
    "tells of each answer what was done for it: %#",
    async (origin, policy, before, status, attempts) => {
      toldToOwner("warn");
      const { fetch, seen } = await testWorker({
        upstreams: { prices: { service: "ORIGIN", policy } },
        origin,
      });
      for (let call = 0; call < before; call++) await fetch("/gateway/prices/");
      const seenBefore = seen.length;
      const response = await fetch("/gateway/prices/");
      const { headers } = response;
      expect([response.status, headers.get("x-ninelives-attempts")]).toEqual([status, String(attempts)]);
      expect(seen.length - seenBefore).toBe(attempts);
      expect(headers.get("server-timing")).toMatch(
        attempts === 0
          ? /^ninelives;dur=\d+\.\d$/
          : new RegExp(`^ninelives;dur=\\d+\\.\\d(, upstream;dur=\\d+\\.\\d;desc="attempt ${attempts}")?$`),
      );
    },
  );

  it.each([
    ["/gateway/other/", {}, 404],
    ["/gateway/prices/..%5cadmin", {}, 400],
    ["/gateway/prices/", { headers: { via: Array(8).fill("1.1 ninelives").join(", ") } }, 508],
    ["/gateway/prices/", { method: "OPTIONS", headers: { "max-forwards": "0" } }, 204],
  ])("tells so of what it answers itself: %s %j", async (path, init, status) => {
    const { fetch, seen } = await testWorker();
    const { headers, ...response } = await fetch(path, init).then(({ status, headers }) => ({
      status,
      headers,
    }));
    expect([response.status, headers.get("x-ninelives-attempts"), seen.length]).toEqual([status, "0", 0]);
    expect(headers.get("server-timing")).toMatch(/^ninelives;dur=\d+\.\d$/);
  });

  it("names the member that answered, and none where its last attempt was not answered", async () => {
    toldToOwner("warn");
    const members = [{ name: "eu", service: "ORIGIN" }];
    const ask = async (origin: Origin) => {
      const { fetch } = await testWorker({ upstreams: { prices: { members, policy: "identity" } }, origin });
      return (await fetch("/gateway/prices/")).headers.get("x-ninelives-member");
    };
    expect([await ask(broken), await ask(cut)]).toEqual(["eu", null]);
  });
});
