import { describe, expect, it } from "vitest";
import { compose, race } from "../../src/core/policy.ts";
import {
  type FetchCall,
  type IdempotencyKeyOptions,
  idempotencyKey,
  idempotentOnly,
  type ResilientInit,
} from "../../src/fetch/index.ts";
import { constant } from "../../src/policies/backoff.ts";
import { hedge } from "../../src/policies/hedge.ts";
import { retry } from "../../src/policies/retry.ts";
import { seededRandom } from "../../src/testing/index.ts";
import { fetchStage, type Received } from "./fetch-stage.ts";

const url = "https://api.test/orders";
const thrice = retry({ attempts: 3, backoff: constant("100ms"), jitter: "none" });
const keysOf = (received: readonly Received[], header = "idempotency-key") =>
  received.map(({ headers }) => headers.get(header));
const post = { method: "POST", body: "5" };

const stage = (options?: IdempotencyKeyOptions) =>
  fetchStage(compose(idempotencyKey(options), thrice), { random: seededRandom(7) });

describe("idempotencyKey", () => {
  it.each<[string, FetchCall["input"], ResilientInit]>([
    ["POST", url, post],
    ["PATCH", url, { method: "PATCH", body: "5", headers: { "content-type": "text/plain" } }],
    ["a Request", new Request(url, { method: "POST" }), {}],
  ])("lets a %s be sent again, under one key", async (_, input, init) => {
    const { clock, received, fetch, script } = stage();
    script(503, 502, 200);
    const call = fetch(input, init);
    await clock.advance(200);
    expect((await call).status).toBe(200);
    const [key] = keysOf(received);
    expect(key).toMatch(/^"[0-9a-f]{32}"$/);
    expect(keysOf(received)).toEqual([key, key, key]);
  });

  it("keeps what the request says beside", async () => {
    const { received, fetch, script } = stage();
    script(200);
    await fetch(url, { ...post, headers: { "content-type": "application/json" } });
    expect(received[0]?.headers.get("content-type")).toBe("application/json");
  });

  it("makes another key for another call", async () => {
    const { received, fetch, script } = stage();
    script(200, 200);
    await fetch(url, post);
    await fetch(url, post);
    expect(new Set(keysOf(received)).size).toBe(2);
  });

  it("leaves a request without a key that needs none, or that the caller will not have repeated", async () => {
    const { received, fetch, script } = stage();
    script(200, 200, 503);
    await fetch(url);
    await fetch(url, { method: "PUT", body: "5" });
    await fetch(url, { ...post, resilience: { repeatable: false } });
    expect(keysOf(received)).toEqual([null, null, null]);
  });

  it("keeps a key that the caller gave", async () => {
    const { clock, received, fetch, script } = stage();
    script(503, 200);
    const call = fetch(url, { ...post, headers: { "Idempotency-Key": "mine" } });
    await clock.advance(100);
    await call;
    expect(keysOf(received)).toEqual(["mine", "mine"]);
  });

  it("does not send a body again that it cannot", async () => {
    const { clock, received, fetch, script } = stage();
    const body = new ReadableStream({ start: (controller) => controller.close() });
    script(503);
    const call = fetch(url, { method: "POST", body, duplex: "half" } as RequestInit);
    await clock.advance(60_000);
    expect([(await call).status, received.length]).toEqual([503, 1]);
  });

  it("inside a retry makes nothing repeatable: each attempt would be another order", async () => {
    const { clock, received, fetch, script } = fetchStage(compose(thrice, idempotencyKey()));
    script(503);
    const call = fetch(url, post);
    await clock.advance(60_000);
    expect([(await call).status, received.length]).toEqual([503, 1]);
  });

  it("lets nobody send the request twice at once", async () => {
    for (const policy of [hedge({ after: "10ms" }), race(thrice, thrice)]) {
      const { clock, received, fetch } = fetchStage(compose(idempotencyKey(), policy));
      const call = fetch(url, post);
      await clock.advance(1_000);
      expect(received).toHaveLength(1);
      received[0]?.succeed(new Response());
      await call;
    }
  });

  it("waits after a 409 to a later attempt, for the earlier one is still at work", async () => {
    const { clock, received, fetch, script } = stage();
    script(503, 409, 200);
    const call = fetch(url, post);
    await clock.advance(100);
    expect(received).toHaveLength(2);
    await clock.advance(999);
    expect(received).toHaveLength(2);
    await clock.advance(1);
    expect((await call).status).toBe(200);
  });

  it("waits as long as the 409 says", async () => {
    const { clock, received, fetch, script } = stage({ conflictWait: "5s" });
    script(503, () => new Response(null, { status: 409, headers: { "retry-after": "2" } }), 409);
    const call = fetch(url, post);
    await clock.advance(2_099);
    expect(received).toHaveLength(2);
    await clock.advance(1);
    expect([(await call).status, received.length]).toEqual([409, 3]);
  });

  it("takes a 409 to the first attempt for the application's own, unless the caller made the key", async () => {
    const { clock, received, fetch, script } = stage();
    script(409, 409, 200);
    expect((await fetch(url, post)).status).toBe(409);
    const call = fetch(url, { ...post, headers: { "idempotency-key": "mine" } });
    await clock.advance(1_000);
    expect([(await call).status, received.length]).toEqual([200, 3]);
  });

  it("does not repeat a 422, whatever the classifier makes of it", async () => {
    const { clock, received, fetch, script } = fetchStage(compose(idempotencyKey(), thrice), {
      classify: () => ({ kind: "failure", retryable: true }),
    });
    script(422);
    const call = fetch(url, post);
    await clock.advance(60_000);
    expect([(await call).status, received.length]).toEqual([422, 1]);
  });

  it("tells errors as the classifier does", async () => {
    const { clock, received, fetch } = stage();
    const call = fetch(url, post);
    received[0]?.fail(new TypeError("Failed to fetch"));
    await clock.advance(100);
    received[1]?.succeed(new Response("ok"));
    expect((await call).status).toBe(200);
  });

  it("goes by another header and another key where it is told to", async () => {
    let minted = 0;
    const { clock, received, fetch, script } = stage({
      header: "X-Request-Key",
      mint: () => `key-${++minted}`,
    });
    script(503, 200, 200);
    const call = fetch(url, post);
    await clock.advance(100);
    await call;
    await fetch(url, { ...post, headers: { "x-request-key": "mine" } });
    expect(keysOf(received, "x-request-key")).toEqual(["key-1", "key-1", "mine"]);
  });

  it("refuses options that do not exist", () => {
    expect(() => idempotencyKey({ name: "x" } as object)).toThrow('idempotencyKey has no option "name"');
    expect(() => idempotencyKey({ conflictWait: "soon" as "1s" })).toThrow("idempotencyKey: conflictWait");
  });
});

describe("idempotentOnly", () => {
  it.each<[string, ResilientInit, number]>([
    ["a GET", {}, 3],
    ["a PUT", { method: "PUT", body: "5" }, 3],
    ["a POST", post, 1],
    ["a POST with a key", { ...post, headers: { "idempotency-key": "5" } }, 1],
    ["a POST whose caller would have it repeated", { ...post, resilience: { repeatable: true } }, 1],
  ])("sends %s as often as a proxy may", async (_, init, sends) => {
    const policy = compose(idempotentOnly(), idempotencyKey(), thrice);
    const { clock, received, fetch, script } = fetchStage(policy);
    script(503, 503, 503);
    const call = fetch(url, init);
    await clock.advance(1_000);
    expect([(await call).status, received.length]).toEqual([503, sends]);
  });
});
