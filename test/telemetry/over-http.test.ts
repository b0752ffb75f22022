import { describe, expect, it, vi } from "vitest";
import { identity } from "../../src/core/policy.ts";
import { DeliveryError, type EventBatch, overHttp } from "../../src/telemetry/index.ts";

const batch: EventBatch = {
  version: 1,
  source: { id: "abc", kind: "page" },
  sentAt: 1_000,
  dropped: 0,
  events: [{ type: "timeout.occurred", policy: "prices", at: 900, after: 5 }],
};

function collector(response: () => Response | Promise<Response>) {
  const calls: { readonly url: unknown; readonly init: RequestInit }[] = [];
  const rejected: unknown[] = [];
  const fetch = async (url: unknown, init: RequestInit) => {
    calls.push({ url, init });
    return response();
  };
  const deliver = (key?: string, compress?: boolean) =>
    identity.wrap(
      overHttp({
        url: "/v1/events",
        fetch: fetch as typeof globalThis.fetch,
        onRejected: (...told) => void rejected.push(told),
        ...(key !== undefined && { key }),
        ...(compress !== undefined && { compress }),
      }),
    );
  return { calls, deliver, rejected };
}

describe("overHttp", () => {
  it("posts the batch as JSON with its key, in a way that outlives the page", async () => {
    const { calls, deliver } = collector(() => new Response(null, { status: 202 }));
    const { signal } = new AbortController();
    await deliver("key")(batch, { signal });
    const { url, init } = calls[0] as (typeof calls)[number];
    expect(url).toBe("/v1/events");
    expect(init).toMatchObject({ method: "POST", keepalive: true, signal });
    expect(Object.fromEntries(new Headers(init.headers))).toEqual({
      authorization: "Bearer key",
      "content-type": "application/json",
    });
    expect(JSON.parse(new TextDecoder().decode(init.body as Uint8Array))).toEqual(batch);
  });

  it("sends no Authorization without a key", async () => {
    const { calls, deliver } = collector(() => new Response(null, { status: 202 }));
    await deliver()(batch);
    expect(new Headers(calls[0]?.init.headers).has("authorization")).toBe(false);
  });

  it("does not ask for more than a closing page may send", async () => {
    const { calls, deliver } = collector(() => new Response(null, { status: 202 }));
    const events = Array.from({ length: 1_000 }, () => ({ ...batch.events[0], policy: "ü".repeat(20) }));
    await deliver(undefined, false)({ ...batch, events } as EventBatch);
    expect(calls[0]?.init.keepalive).toBe(false);
  });

  it("asks for no more at a time than pages may send after they are gone, all requests together", async () => {
    const answers: (() => void)[] = [];
    const { calls, deliver } = collector(
      () => new Promise((resolve) => answers.push(() => resolve(new Response(null, { status: 202 })))),
    );
    const sending = deliver(undefined, false);
    const large = { ...batch, events: Array.from({ length: 120 }, () => batch.events[0]) } as EventBatch;
    const bytes = JSON.stringify(large).length;
    expect(bytes * 2).toBeGreaterThan(15_000);
    expect(bytes).toBeLessThan(15_000);
    const both = [sending(large), sending(large)];
    expect(calls.map(({ init }) => init.keepalive)).toEqual([true, false]);
    for (const answer of answers) answer();
    await Promise.all(both);
    const later = sending(large);
    expect(calls[2]?.init.keepalive).toBe(true);
    answers[2]?.();
    await later;
  });

  it("leaves room for what a page that hides has to say", async () => {
    const { calls, deliver } = collector(() => new Response(null, { status: 202 }));
    const large = { ...batch, events: Array.from({ length: 500 }, () => batch.events[0]) } as EventBatch;
    await deliver(undefined, false)(large);
    const document = (globalThis as { document?: object }).document ?? {};
    if (!("document" in globalThis)) vi.stubGlobal("document", document);
    Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
    await deliver(undefined, false)(large);
    Reflect.deleteProperty(document, "visibilityState");
    vi.unstubAllGlobals();
    expect(calls.map(({ init }) => init.keepalive)).toEqual([false, true]);
  });

  it("compresses what is large, to a tenth", async () => {
    const { calls, deliver } = collector(() => new Response(null, { status: 202 }));
    const large = { ...batch, events: Array.from({ length: 200 }, () => batch.events[0]) } as EventBatch;
    await deliver()(large);
    const { init } = calls[0] as (typeof calls)[number];
    expect(new Headers(init.headers).get("content-encoding")).toBe("gzip");
    const bytes = init.body as Uint8Array<ArrayBuffer>;
    const text = JSON.stringify(large);
    expect(bytes.byteLength).toBeLessThan(text.length / 10);
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    expect(await new Response(unpacked).text()).toBe(text);
  });

  it("sends as it is what is small, or where nothing can compress, or a page that goes has no time to", async () => {
    const { calls, deliver } = collector(() => new Response(null, { status: 202 }));
    const large = { ...batch, events: Array.from({ length: 200 }, () => batch.events[0]) } as EventBatch;
    await deliver()(batch);
    vi.stubGlobal("CompressionStream", undefined);
    await deliver()(large);
    vi.unstubAllGlobals();
    const hidden = Object.assign(new EventTarget(), { visibilityState: "hidden" });
    const { document } = globalThis as { document?: { readonly visibilityState: string } };
    if (document === undefined) vi.stubGlobal("document", hidden);
    else vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    await deliver()(large);
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
    expect(calls.map(({ init }) => new Headers(init.headers).has("content-encoding"))).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("gives the collector's receipt back, and says which events it did not take", async () => {
    const receipt = { accepted: 0, rejected: [{ index: 0, reason: "no" }] };
    const { deliver, rejected } = collector(() => Response.json(receipt, { status: 202 }));
    expect(await deliver()(batch)).toEqual(receipt);
    expect(rejected).toEqual([[receipt.rejected, batch]]);
  });

  it.each<[number, string, string | undefined]>([
    [
      401,
      '{"detail":"the ingest key is not known"}',
      "the collector answered 401: the ingest key is not known",
    ],
    [403, "{", "the collector answered 403"],
    [422, "null", "the collector answered 422"],
    [429, '{"detail":"rate-limited"}', undefined],
    [503, '{"detail":"slow"}', undefined],
  ])("says why a batch was refused for good as a whole: %i %s", async (status, text, reason) => {
    const headers = { "content-type": "application/problem+json" };
    const { deliver, rejected } = collector(() => new Response(text, { status, headers }));
    const error = await deliver("bad")(batch).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: "DeliveryError", status, retryable: reason === undefined });
    expect(rejected).toEqual(reason === undefined ? [] : [[[{ index: 0, reason }], batch]]);
  });

  it.each(["", "{", "null", "5", '{"rejected":3}'])("takes the answer %j for none", async (text) => {
    const headers = { "content-type": "application/json" };
    const { deliver, rejected } = collector(() => new Response(text, { status: 202, headers }));
    expect([await deliver()(batch), rejected]).toEqual([undefined, []]);
  });

  it.each([
    [{}, "overHttp: url must be the URL of a collector, but is undefined"],
    [{ url: "https://" }, 'overHttp: url must be the URL of a collector, but is "https://"'],
    [{ url: "/e", key: "a\nb" }, "overHttp: key must be a text that a header can hold"],
    [{ url: "/e", key: 5 }, "overHttp: key must be a text that a header can hold"],
    [{ url: "/e", compress: "yes" }, 'overHttp: compress must be true or false, but is "yes"'],
    [{ url: "/e", onRejected: [] }, "overHttp: onRejected must be a function, but is []"],
    [{ url: "/e", fetch: {} }, "overHttp: fetch must be a function, but is {}"],
  ])("refuses %j", (options, message) => {
    expect(() => overHttp(options as never)).toThrow(new TypeError(message));
  });

  it("refuses an option that it does not have", () => {
    expect(() => overHttp({ url: "/v1/events", keys: "k" } as never)).toThrow(
      'overHttp has no option "keys"',
    );
  });

  it("lets go of the answer's body", async () => {
    let cancelled = false;
    const body = new ReadableStream({
      cancel: () => {
        cancelled = true;
      },
    });
    await collector(() => new Response(body)).deliver()(batch);
    expect(cancelled).toBe(true);
  });

  it("counts a batch as delivered even when the answer's body breaks", async () => {
    const body = new ReadableStream({
      cancel: () => {
        throw new Error("reset");
      },
    });
    await expect(collector(() => new Response(body)).deliver()(batch)).resolves.toBeUndefined();
  });

  it.each([
    [400, false],
    [401, false],
    [413, false],
    [422, false],
    [429, true],
    [500, false],
    [501, false],
    [502, true],
    [503, true],
    [504, true],
  ])("takes %d for an error that may pass: %s", async (status, retryable) => {
    const delivering = collector(() => new Response("no", { status })).deliver()(batch);
    const error = await delivering.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DeliveryError);
    expect(error).toMatchObject({ status, retryable, message: `the collector answered ${status}` });
  });

  it.each([
    ["5", 5_000],
    ["0", 0],
    ["100000", 86_400_000],
    ["-5", undefined],
    ["1.5", undefined],
    ["", undefined],
    [undefined, undefined],
    ["Thu, 01 Jan 2026 00:00:30 GMT", 30_000],
    ["Thursday, 01-Jan-26 00:00:30 GMT", 30_000],
    ["soon", undefined],
  ])("reads a Retry-After of %j as %s ms", async (value, retryAfter) => {
    const headers = {
      date: "Thu, 01 Jan 2026 00:00:00 GMT",
      ...(value !== undefined && { "retry-after": value }),
    };
    const delivering = collector(() => new Response(null, { status: 503, headers })).deliver()(batch);
    const error = await delivering.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DeliveryError);
    expect((error as DeliveryError).retryAfter).toBe(retryAfter);
  });

  it("throws what fetch throws", async () => {
    const lost = new TypeError("Failed to fetch");
    await expect(collector(() => Promise.reject(lost)).deliver()(batch)).rejects.toBe(lost);
  });
});
