import { sha256 } from "ninelives/control";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ingestKey, problemIn, shop, testWorker, tokens, toldToOwner } from "./test-worker.ts";

const event = { type: "request.succeeded", policy: "prices", at: 1_000, duration: 5, attempts: 1 };
const batch = (more: object = {}) => ({
  version: 1,
  source: { id: "abcdef", kind: "page" },
  sentAt: 1_000,
  dropped: 0,
  events: [event],
  ...more,
});

async function collector(env: object = {}) {
  const worker = await testWorker({ env });
  const post = (body: BodyInit, headers: Record<string, string> = {}) =>
    worker.fetch("/v1/events", {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${ingestKey}`, origin: shop, ...headers },
    });
  return { ...worker, post, send: (more: object = {}) => post(JSON.stringify(batch(more))) };
}

describe("collector", () => {
  it("takes a batch and tells the observer", async () => {
    const { send, observer } = await collector();
    const response = await send({ dropped: 3 });
    expect(response.status).toBe(202);
    expect(response.headers.get("access-control-allow-origin")).toBe(shop);
    expect(response.headers.get("vary")).toContain("origin");
    expect(await response.json()).toEqual({ accepted: 1, rejected: [] });
    expect(await observer.state()).toMatchObject({ events: 1, dropped: 3, policies: [{ policy: "prices" }] });
  });

  it("takes a batch of a server, which has no origin", async () => {
    const { fetch } = await collector();
    const response = await fetch("/v1/events", {
      method: "POST",
      body: JSON.stringify(batch()),
      headers: { authorization: `Bearer ${ingestKey}` },
    });
    expect(response.status).toBe(202);
  });

  it("keeps good events and rejects bad ones one by one", async () => {
    const { send, observer } = await collector();
    const response = await send({ events: [event, { ...event, duration: -1 }, event, null] });
    expect(response.status).toBe(202);
    expect(await response.json()).toEqual({
      accepted: 2,
      rejected: [
        { index: 1, reason: "duration of request.succeeded is -1" },
        { index: 3, reason: "an event must be an object" },
      ],
    });
    expect((await observer.state()).events).toBe(2);
  });

  it.each<[string, string, number, string]>([
    ["no JSON", "{", 400, "bad-json"],
    ["nothing", "", 400, "bad-json"],
    ["no object", "5", 400, "bad-batch"],
    ["no source", JSON.stringify(batch({ source: null })), 400, "bad-batch"],
    ["an unknown version", JSON.stringify(batch({ version: 2 })), 422, "unknown-version"],
    ["too many events", JSON.stringify(batch({ events: Array(1_001).fill(null) })), 413, "batch-too-large"],
    ["too many bytes", JSON.stringify(batch({ more: "x".repeat(300_000) })), 413, "batch-too-large"],
  ])("refuses %s, and takes nothing of it", async (_, body, status, type) => {
    const { post, observer } = await collector();
    const response = await post(body);
    expect(response.status).toBe(status);
    expect((await problemIn(response)).type).toBe(`urn:ninelives:problem:${type}`);
    expect((await observer.state()).events).toBe(0);
  });

  it("refuses a body that grows too large on its way, without a length", async () => {
    const { fetch, observer } = await collector();
    const chunk = new TextEncoder().encode("x".repeat(10_000));
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (++sent > 100) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const response = await fetch("/v1/events", {
      method: "POST",
      body,
      headers: { authorization: `Bearer ${ingestKey}` },
    });
    expect(response.status).toBe(413);
    expect((await problemIn(response)).type).toBe("urn:ninelives:problem:batch-too-large");
    expect((await observer.state()).events).toBe(0);
  });

  it.each<[string, Record<string, string>]>([
    ["no key", { authorization: "" }],
    ["a wrong key", { authorization: "Bearer other" }],
    ["a key that every object has", { authorization: "Bearer constructor" }],
    ["the key in another scheme", { authorization: `Basic ${ingestKey}` }],
    ["a command token", { authorization: "Bearer admin-token" }],
  ])("refuses %s", async (_, headers) => {
    const { post, observer } = await collector();
    const response = await post(JSON.stringify(batch()), headers);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect((await problemIn(response)).type).toBe("urn:ninelives:problem:unauthenticated");
    expect((await observer.state()).events).toBe(0);
  });

  it.each([
    "https://evil.test",
    "https://shop.test.evil.test",
    "https://shop.tes",
    "http://shop.test",
    "null",
  ])("refuses a key that is not bound to the origin %s", async (origin) => {
    const { post, observer } = await collector();
    const response = await post(JSON.stringify(batch()), { origin });
    expect(response.status).toBe(403);
    expect((await problemIn(response)).type).toBe("urn:ninelives:problem:forbidden");
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
    expect((await observer.state()).events).toBe(0);
  });

  it("knows no key where none is configured", async () => {
    for (const INGEST_KEYS of [undefined, "", "{}"]) {
      const { send } = await collector({ INGEST_KEYS });
      expect((await send()).status).toBe(401);
    }
  });

  it("knows a key by its hash, which is no key, and says the same of all that are none", async () => {
    const hash = `sha256:${await sha256(ingestKey)}`;
    const { post, send } = await collector({ INGEST_KEYS: JSON.stringify({ [hash]: ["*"], other: [shop] }) });
    const by = async (key: string, headers = {}) => {
      const response = await post(JSON.stringify(batch()), { authorization: `Bearer ${key}`, ...headers });
      return [response.status, response.ok ? "" : (await problemIn(response)).detail];
    };
    expect((await send()).status).toBe(202);
    for (let time = 0; time < 2; time++) expect(await by(ingestKey)).toEqual([202, ""]);
    expect((await by("other", { origin: shop }))[0]).toBe(202);
    expect((await by("other", { origin: "https://evil.test" }))[0]).toBe(403);
    const none = [401, "this needs an ingest key that the collector knows"];
    for (const key of [hash, hash.slice(7), `${ingestKey}x`, "constructor", tokens.admin])
      expect(await by(key)).toEqual(none);
  });

  it("takes a key of any origin from any", async () => {
    const { post } = await collector({ INGEST_KEYS: JSON.stringify({ [ingestKey]: ["*"] }) });
    expect((await post(JSON.stringify(batch()), { origin: "https://any.test" })).status).toBe(202);
  });

  it.each(["{", "[]", JSON.stringify({ [ingestKey]: shop }), JSON.stringify({ [ingestKey]: [5] })])(
    "lets nobody in by the configuration %s, and says what is wrong with it to its owner alone",
    async (INGEST_KEYS) => {
      const told = toldToOwner();
      const { send, fetch, observer } = await collector({ INGEST_KEYS });
      const response = await send();
      expect(response.status).toBe(500);
      expect((await problemIn(response)).detail).not.toContain(ingestKey);
      expect((await fetch("/healthz")).status).toBe(500);
      expect(told[0]).toMatchObject([{ message: expect.stringMatching(/^INGEST_KEYS /) }]);
      expect((await observer.state()).events).toBe(0);
    },
  );

  it("tells a page what is wrong with its batch, so that it does not send it again", async () => {
    const { post } = await collector();
    for (const body of ["{", JSON.stringify(batch({ version: 2 })), "x".repeat(300_000)]) {
      const response = await post(body);
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.headers.get("access-control-allow-origin")).toBe(shop);
    }
  });
});

const packed = async (text: string) => {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
};

describe("collector > packed bodies", () => {
  it("unpacks a batch that was packed with gzip", async () => {
    const { post, observer } = await collector();
    const response = await post(await packed(JSON.stringify(batch())), { "content-encoding": "gzip" });
    expect(response.status).toBe(202);
    expect((await observer.state()).events).toBe(1);
  });

  it.each<[string, () => Promise<BodyInit>, string, number, string]>([
    ["one that unpacks to too much", () => packed(" ".repeat(50_000_000)), "gzip", 413, "batch-too-large"],
    ["one that is not packed", async () => JSON.stringify(batch()), "gzip", 400, "bad-encoding"],
    [
      "one that ends too soon",
      async () => (await packed(JSON.stringify(batch()))).slice(0, 30),
      "gzip",
      400,
      "bad-encoding",
    ],
    ["one that is packed otherwise", async () => "x", "br", 415, "unsupported-encoding"],
  ])("refuses %s, in words that a page may read", async (_, body, encoding, status, type) => {
    const { post, observer } = await collector();
    const response = await post(await body(), { "content-encoding": encoding });
    expect(response.status).toBe(status);
    expect(response.headers.get("access-control-allow-origin")).toBe(shop);
    expect((await problemIn(response)).type).toBe(`urn:ninelives:problem:${type}`);
    expect((await observer.state()).events).toBe(0);
  });
});

describe("collector > too many batches", () => {
  it("asks a key to come back later, and takes those of another", async () => {
    const other = "another-key-of-these-tests";
    const keys = { [other]: ["*"], [ingestKey]: [shop] };
    const { post } = await collector({ INGEST_KEYS: JSON.stringify(keys), INGEST_RATE: "0.01" });
    const body = JSON.stringify(batch());
    const [taken, refused] = [await post(body), await post(body)];
    expect([taken.status, refused.status]).toEqual([202, 429]);
    expect((await problemIn(refused)).type).toBe("urn:ninelives:problem:rate-limited");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(10);
    expect(refused.headers.get("access-control-allow-origin")).toBe(shop);
    expect(refused.headers.get("access-control-expose-headers")).toBe("retry-after");
    expect((await post(body, { authorization: `Bearer ${other}` })).status).toBe(202);
  });
});

describe("collector > back-pressure", () => {
  const observing = (tell: () => Promise<void>) =>
    collector({ OBSERVER: { getByName: () => ({ tell }) } as unknown as object });

  it("asks senders to come back later when the observer takes nothing, and soon without asking it", async () => {
    const told = toldToOwner();
    let asked = 0;
    const { send } = await observing(async () => {
      asked++;
      throw new Error("connection lost");
    });
    const failed = await send();
    expect([failed.status, failed.headers.get("retry-after"), asked]).toEqual([503, "2", 3]);
    expect(failed.headers.get("access-control-allow-origin")).toBe(shop);
    expect((await problemIn(failed)).type).toBe("urn:ninelives:problem:observer-unavailable");
    expect(told).toHaveLength(1);
    const refused = await send();
    expect([refused.status, asked]).toEqual([503, 3]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await problemIn(refused)).type).toBe("urn:ninelives:problem:circuit-open");
  });

  it("asks senders to come back later when the observer is slow", async () => {
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    const { send } = await observing(() => answered);
    vi.useFakeTimers({ toFake: ["Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const leading = send();
    expect((await send()).status).toBe(202);
    vi.setSystemTime(Date.now() + 1_001);
    const refused = await send();
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    expect((await problemIn(refused)).type).toBe("urn:ninelives:problem:bulkhead-full");
    answer();
    expect((await leading).status).toBe(202);
  });
});

describe("collector > preflight", () => {
  const preflight = async (headers: Record<string, string>, env: object = {}) =>
    (await collector(env)).fetch("/v1/events", {
      method: "OPTIONS",
      headers: { "access-control-request-method": "POST", ...headers },
    });

  it("allows the origins that some key is bound to", async () => {
    const response = await preflight({ origin: shop });
    expect(response.status).toBe(204);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": shop,
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "authorization, content-type, content-encoding",
      vary: "origin",
    });
  });

  it.each(["https://evil.test", "https://shop.tes"])("refuses %s", async (origin) => {
    const response = await preflight({ origin });
    expect(response.status).toBe(403);
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("refuses who names no origin", async () => {
    expect((await preflight({})).status).toBe(403);
  });

  it("allows any origin where a key is bound to any", async () => {
    const response = await preflight(
      { origin: "https://any.test" },
      { INGEST_KEYS: JSON.stringify({ [ingestKey]: ["*"] }) },
    );
    expect(response.status).toBe(204);
  });
});
