import { describe, expect, it, onTestFinished, vi } from "vitest";
import { ingestKey, shop, testWorker, toldToOwner } from "./test-worker.ts";

const day = 86_400_000;
const event = (policy = "prices") => ({
  type: "request.succeeded",
  policy,
  at: 1_000,
  duration: 5,
  attempts: 2,
});
const failed = {
  type: "request.failed",
  policy: "prices",
  at: 1_000,
  duration: 7,
  attempts: 1,
  kind: "value",
};

async function collector(list: readonly object[], env: object = {}) {
  const worker = await testWorker({ env: { EXPORTS: JSON.stringify(list), ...env } });
  const send = (events: readonly object[], dropped = 0, sentAt = 1_000) =>
    worker.fetch("/v1/events", {
      method: "POST",
      body: JSON.stringify({
        version: 1,
        source: { id: "abcdef", kind: "page" },
        sentAt,
        dropped,
        events,
      }),
      headers: { authorization: `Bearer ${ingestKey}`, origin: shop },
    });
  return { ...worker, send };
}

/** Requests that leave the Worker, and what is answered to them. */
function outside(answer: () => Response = () => new Response("{}")) {
  const sent: { readonly url: string; readonly headers: Headers; readonly body: Record<string, never> }[] =
    [];
  const fetch = vi.spyOn(globalThis, "fetch").mockImplementation(async (url, init) => {
    sent.push({
      url: String(url),
      headers: new Headers(init?.headers),
      body: JSON.parse(String(init?.body)),
    });
    return answer();
  });
  onTestFinished(() => fetch.mockRestore());
  return sent;
}

describe("exports", () => {
  it("send batches on to an OpenTelemetry collector, with its headers", async () => {
    const out = outside();
    const { send } = await collector([
      {
        to: "otlp",
        url: "https://otel.test",
        headers: { "api-key": "secret" },
        resource: { "service.name": "shop" },
      },
    ]);
    expect((await send([event(), failed])).status).toBe(202);
    await vi.waitFor(() => expect(out).toHaveLength(2));
    expect(out.map(({ url }) => url).sort()).toEqual([
      "https://otel.test/v1/logs",
      "https://otel.test/v1/metrics",
    ]);
    for (const { headers } of out) expect(headers.get("api-key")).toBe("secret");
    expect(JSON.stringify(out)).toContain('{"key":"service.name","value":{"stringValue":"shop"}}');
  });

  it("send batches on to a webhook, whole, and again when it is not well", async () => {
    let answers = 0;
    const out = outside(() => new Response(null, { status: answers++ === 0 ? 503 : 204 }));
    const { send } = await collector([{ to: "webhook", url: "https://hook.test/in" }]);
    await send([event()], 3);
    await vi.waitFor(() => expect(out).toHaveLength(2), { timeout: 5_000 });
    expect(out.map(({ url }) => url)).toEqual(["https://hook.test/in", "https://hook.test/in"]);
    expect(out[1]?.body).toEqual({
      version: 1,
      source: { id: "abcdef", kind: "page" },
      sentAt: expect.any(Number),
      dropped: 3,
      events: [{ ...event(), at: out[1]?.body.sentAt }],
    });
  });

  it.each([
    ["a year ahead", 365 * day],
    ["a year behind", -365 * day],
  ])("get the collector's time when the sender's clock is %s", async (_, off) => {
    const out = outside();
    const messages: object[] = [];
    const EVENTS = { sendBatch: () => {}, send: async (body: never) => void messages.push(body) };
    const { send } = await collector(
      [
        { to: "webhook", url: "https://hook.test/in" },
        { to: "otlp", url: "https://otel.test" },
        { to: "queue", binding: "EVENTS" },
      ],
      { EVENTS },
    );
    const before = Date.now();
    const sentAt = before + off;
    const events = [300, -5_000, 2 * day].map((age) => ({ ...failed, at: sentAt - age }));
    expect((await send(events, 0, sentAt)).status).toBe(202);
    await vi.waitFor(() => expect([out.length, messages.length]).toEqual([3, 1]), { timeout: 5_000 });
    const after = Date.now();
    const to = (url: string) => out.find((each) => each.url === url)?.body as never;
    const hooked: { sentAt: number; events: { at: number }[] } = to("https://hook.test/in");
    expect(hooked.sentAt).toSatisfy((at: number) => before <= at && at <= after);
    expect(hooked.events.map(({ at }) => hooked.sentAt - at)).toEqual([300, 0, 60_000]);
    expect(messages).toEqual([hooked]);
    const times = (body: never) =>
      [...JSON.stringify(body).matchAll(/UnixNano":"(\d+)"/g)].map(([, nanos]) => Number(nanos) / 1e6);
    for (const signal of ["metrics", "logs"]) {
      const told = times(to(`https://otel.test/v1/${signal}`));
      expect(told.length).toBeGreaterThan(0);
      for (const time of told)
        expect(time).toSatisfy((at: number) => before - 60_001 <= at && at <= after + 1);
    }
  });

  it("put batches into a queue, in messages that are small enough", async () => {
    const messages: { readonly events: readonly object[]; readonly dropped: number }[] = [];
    const EVENTS = { sendBatch: () => {}, send: async (body: never) => void messages.push(body) };
    const { send } = await collector([{ to: "queue", binding: "EVENTS" }], { EVENTS });
    const events = Array.from({ length: 900 }, (_, number) => ({
      ...event(`policy ${"x".repeat(80)} ${number}`),
    }));
    expect((await send(events, 5)).status).toBe(202);
    await vi.waitFor(() => expect(messages.flatMap((message) => message.events)).toHaveLength(900));
    expect(messages.length).toBeGreaterThan(1);
    for (const message of messages) expect(JSON.stringify(message).length).toBeLessThan(128_000);
    const at = expect.any(Number);
    expect(messages.flatMap((message) => message.events)).toEqual(events.map((each) => ({ ...each, at })));
    expect(messages.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(5);
  });

  it("write a point a policy to Analytics Engine, and no more than one invocation may: the rest adds up", async () => {
    const points: { readonly indexes: readonly string[]; readonly doubles: readonly number[] }[] = [];
    const DATA = { writeDataPoint: (point: never) => void points.push(point) };
    const { send } = await collector([{ to: "analytics", binding: "DATA" }], { DATA });
    await send([event(), { ...event(), weight: 10 }, failed, event("reviews")]);
    await vi.waitFor(() => expect(points).toHaveLength(2));
    expect(points).toEqual([
      { indexes: ["prices"], blobs: ["prices", "page"], doubles: [12, 1, 23, 62, 7] },
      { indexes: ["reviews"], blobs: ["reviews", "page"], doubles: [1, 0, 2, 5, 5] },
    ]);
    await send([...Array.from({ length: 100 }, (_, number) => event(`p${number}`)), event("p99"), failed]);
    await vi.waitFor(() => expect(points).toHaveLength(27));
    const told = points.slice(2);
    expect(told[0]).toEqual({ indexes: ["p99"], blobs: ["p99", "page"], doubles: [2, 0, 4, 10, 5] });
    expect(told.at(-1)).toEqual({
      indexes: ["(other)"],
      blobs: ["(other)", "page"],
      doubles: [77, 1, 153, 387, 7],
    });
    expect(told.reduce((sum, { doubles: [calls = 0] }) => sum + calls, 0)).toBe(102);
  });

  it("cut the index of a point to the bytes that it may have, by whole characters", async () => {
    const points: { readonly indexes: readonly string[]; readonly blobs: readonly string[] }[] = [];
    const DATA = { writeDataPoint: (point: never) => void points.push(point) };
    const { send } = await collector([{ to: "analytics", binding: "DATA" }], { DATA });
    await send([event(`p${"\u{1f43e}".repeat(40)}`)]);
    await vi.waitFor(() => expect(points).toHaveLength(1));
    expect(points[0]?.indexes).toEqual([`p${"\u{1f43e}".repeat(23)}`]);
    expect(points[0]?.blobs[0]).toHaveLength(81);
  });

  it("are tried again when the other side may be asked again, when it said so, and no other time", async () => {
    toldToOwner("warn");
    let answers = 0;
    const out = outside(() => {
      answers++;
      if (answers === 1) return new Response(null, { status: 400 });
      return new Response(null, answers === 2 ? { status: 503, headers: { "retry-after": "1" } } : {});
    });
    const { send } = await collector([{ to: "webhook", url: "https://hook.test/in" }]);
    await send([event("first")]);
    await vi.waitFor(() => expect(out).toHaveLength(1));
    const before = performance.now();
    await send([event("second")]);
    await vi.waitFor(() => expect(out).toHaveLength(3), { timeout: 10_000 });
    expect(performance.now() - before).toBeGreaterThan(900);
    const policies = out.map(
      ({ body }) => (body as unknown as { events: [{ policy: string }] }).events[0].policy,
    );
    expect(policies).toEqual(["first", "second", "second"]);
  });

  it("do not stop the observer, nor the sender, when they fail", async () => {
    const told = toldToOwner("warn");
    outside(() => new Response(null, { status: 400 }));
    const { send, observer } = await collector([{ to: "webhook", url: "https://hook.test/in" }]);
    expect((await send([event()])).status).toBe(202);
    expect((await observer.state()).policies.map(({ policy }) => policy)).toContain("prices");
    await vi.waitFor(() => expect(told).toHaveLength(1), { timeout: 5_000 });
  });

  it("wait for their turn when many come, and what finds no room is counted", {
    timeout: 20_000,
  }, async () => {
    const told = toldToOwner("warn");
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    let out = 0;
    const fetch = vi.spyOn(globalThis, "fetch").mockImplementation(async () => {
      out++;
      await answered;
      return new Response();
    });
    onTestFinished(() => fetch.mockRestore());
    const { send, observer } = await collector([{ to: "webhook", url: "https://hook.test/in" }]);
    const sent = await Promise.all(Array.from({ length: 70 }, () => send([event()])));
    expect(new Set(sent.map(({ status }) => status))).toEqual(new Set([202]));
    await vi.waitFor(() => expect(told).toHaveLength(6), { timeout: 10_000 });
    expect(out).toBe(16);
    answer();
    await vi.waitFor(() => expect(out).toBe(64), { timeout: 10_000 });
    const exported = async () =>
      (await observer.state()).policies.find(({ policy }) => policy === "export webhook")?.windows["1m"];
    await vi.waitFor(
      async () => expect(await exported()).toMatchObject({ requests: 70, failures: 6, rejected: 6 }),
      { timeout: 10_000 },
    );
  });

  it("get what the gateway itself has to tell, too", async () => {
    const out = outside();
    const { fetch } = await collector([{ to: "webhook", url: "https://hook.test/in" }]);
    expect((await fetch("/gateway/prices/5")).status).toBe(200);
    await vi.waitFor(() => expect(out.length).toBeGreaterThan(0), { timeout: 5_000 });
    const batch = out[0]?.body as unknown as { source: { kind: string }; events: { type: string }[] };
    expect(batch.source.kind).toBe("worker");
    expect(batch.events.map(({ type }) => type)).toContain("request.succeeded");
  });

  it.each([
    ["{", "EXPORTS is no JSON"],
    ["{}", "EXPORTS must be a list"],
    ["[null]", "EXPORTS[0].to must be one of otlp, webhook, queue, analytics"],
    ['[{ "to": "constructor" }]', "EXPORTS[0].to must be one of"],
    ['[{ "to": "otlp" }]', "EXPORTS[0].url must be a text"],
    [
      '[{ "to": "otlp", "url": "https://a.test", "headers": { "key": 5 } }]',
      "EXPORTS[0].headers must be an object",
    ],
    [
      '[{ "to": "otlp", "url": "https://a.test", "header": {} }]',
      'EXPORTS[0] has no option "header"; it has to, url, headers, resource',
    ],
    ['[{ "to": "queue", "binding": "MISSING" }]', "EXPORTS[0].binding: there is no such binding as MISSING"],
  ])("are told to be wrong to their owner alone: %s", async (EXPORTS, message) => {
    const told = toldToOwner();
    const { fetch } = await testWorker({ env: { EXPORTS } });
    expect((await fetch("/healthz")).status).toBe(500);
    expect(String(told[0]?.[0])).toContain(message);
  });

  it.each(["0", "-5", "many"])("a rate of %j batches a second is refused", async (INGEST_RATE) => {
    const told = toldToOwner();
    const { fetch } = await testWorker({ env: { INGEST_RATE } });
    expect((await fetch("/healthz")).status).toBe(500);
    expect(String(told[0]?.[0])).toContain("INGEST_RATE must be a number of batches a second");
  });
});
