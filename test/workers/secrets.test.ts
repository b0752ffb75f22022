import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ingestKey, testWorker, tokens } from "./test-worker.ts";

/** What the Worker says on the console, whoever reads that. */
function spokenToOwner() {
  const said: unknown[] = [];
  for (const method of ["debug", "log", "info", "warn", "error"] as const) {
    const spy = vi.spyOn(console, method).mockImplementation((...args) => {
      said.push(
        ...args.map((each) => (each instanceof Error ? [each.message, each.stack, each.cause] : each)),
      );
    });
    onTestFinished(() => spy.mockRestore());
  }
  return said;
}

const wrong = "eyJub25lIjoxfQ.eyJzdWIiOiJtYWxsb3J5In0.c2VjcmV0";
const bodies = [
  "{}",
  "{",
  '{"id":"1","name":"policy.list"}',
  '{"id":"2","name":"circuit.open","args":{"circuit":"prices"}}',
  '{"id":"3","name":"policy.set","args":{"name":"prices","text":"retry(","version":0}}',
  '{"circuit":"nobody"}',
];
const posts = [
  "/v1/commands",
  "/v1/commands/circuit.open",
  "/v1/commands/none",
  "/v1/events",
  "/v1/shared/prices",
];
const gets = [
  "/v1/policies",
  "/v1/parameters",
  "/v1/audit",
  "/v1/state",
  "/v1/whoami",
  "/v1/registry/prices",
  "/v1/live",
  "/metrics",
  "/gateway/prices/",
  "/gateway/none/",
  "/healthz",
  "/nothing",
];

describe("tokens and keys", () => {
  it("are in no answer, no log, no event and no entry of the audit log, whether they are good or not", async () => {
    const said = spokenToOwner();
    const worker = await testWorker({
      upstreams: { prices: { service: "ORIGIN", policy: "retry(2, backoff: constant(1ms)) + timeout(1s)" } },
      origin: () => {
        throw new Error("the origin is down");
      },
      env: { JWT: '{"alg":"ES256","issuer":"https://id.test","audience":"a","jwks":"https://id.test/none"}' },
    });
    const fetched = vi.spyOn(globalThis, "fetch").mockRejectedValue(new TypeError("fetch failed"));
    onTestFinished(() => fetched.mockRestore());
    const answers: string[] = [];
    const secrets = [...Object.values(tokens), ingestKey, wrong, "wr0ng-token"];
    for (const secret of secrets) {
      const headers = { authorization: `Bearer ${secret}` };
      const asked = [
        ...posts.flatMap((path) =>
          bodies.map((body) => worker.fetch(path, { method: "POST", headers, body })),
        ),
        ...gets.map((path) => worker.fetch(path, { headers })),
        ...["/v1/live", "/v1/policies", "/v1/shared/prices"].map((path) =>
          worker.fetch(path, {
            headers: { upgrade: "websocket", "sec-websocket-protocol": `ninelives.live.v1, token.${secret}` },
          }),
        ),
      ];
      for (const response of await Promise.all(asked)) {
        answers.push(JSON.stringify([...response.headers]));
        if (response.webSocket === null) answers.push(await response.text());
        else {
          response.webSocket.accept();
          response.webSocket.close();
        }
      }
    }
    const { entries } = await worker.control.audit(500);
    expect(entries.map(({ outcome }) => outcome)).toEqual(
      expect.arrayContaining(["done", "denied", "failed"]),
    );
    const state = await worker.observer.state();
    const all = JSON.stringify([answers, said, entries, state]);
    expect(said.length).toBeGreaterThan(0);
    for (const secret of secrets) expect(all).not.toContain(secret);
    // Nor does the gateway take the upstream's own for ours, or keep it from the upstream.
    expect(worker.seen[0]?.headers.get("authorization")).toBe(`Bearer ${tokens.admin}`);
  });
});

describe("every kind of answer", () => {
  it.each<[string, string, RequestInit, number]>([
    ["a command", "/v1/commands/policy.list", { method: "POST", body: "{}" }, 200],
    ["a command that is refused", "/v1/commands/none", { method: "POST", body: "{}" }, 404],
    ["a method that is not known", "/v1/commands", {}, 405],
    ["the policies", "/v1/policies", {}, 200],
    ["the audit log", "/v1/audit", {}, 200],
    ["what one may", "/v1/whoami", {}, 200],
    ["the OpenAPI document", "/v1/openapi.json", {}, 200],
    ["the state", "/v1/state", {}, 200],
    ["a stream that wants an upgrade", "/v1/live", {}, 426],
    ["a report", "/v1/shared/prices", { method: "POST", body: "{}" }, 422],
    ["the registry", "/v1/registry/prices", {}, 200],
    ["the collector", "/v1/events", { method: "POST", body: "{}" }, 401],
    ["metrics", "/metrics", {}, 200],
    ["health", "/healthz", {}, 200],
    ["the docs", "/docs", {}, 200],
    ["an upstream that is not known", "/gateway/none/", {}, 404],
    ["an upstream that is refused", "/gateway/closed/", {}, 503],
    ["nothing", "/nothing", {}, 404],
  ])("may not be sniffed: %s", async (_, path, init, status) => {
    const worker = await testWorker({
      upstreams: {
        prices: { service: "ORIGIN" },
        closed: { service: "ORIGIN", policy: "circuitBreaker(consecutiveFailures: 1)" },
      },
      origin: () => new Response("broken", { status: 500 }),
    });
    if (status === 503) await worker.fetch(path);
    const response = await worker.as("admin", path, init);
    expect(response.status).toBe(status);
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.has("x-powered-by")).toBe(false);
    if (path.startsWith("/v1/") && path !== "/v1/events")
      expect(response.headers.get("x-frame-options")).toBe("SAMEORIGIN");
    if (path === "/docs")
      expect(response.headers.get("content-security-policy")).toMatch(
        /^default-src 'none'; style-src 'nonce-[^' ]{16,}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
      );
    await response.body?.cancel();
  });
});
