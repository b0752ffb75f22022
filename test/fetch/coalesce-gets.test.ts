import { type AnyPolicy, compose, constant, format, parse, retry, timeout } from "ninelives";
import { type CoalesceGetsOptions, coalesceGets, resilientFetch } from "ninelives/fetch";
import { describe, expect, it } from "vitest";
import { fetchStage } from "./fetch-stage.ts";

const url = "https://api.test/prices";

const coalesced = (options: CoalesceGetsOptions = {}, inner?: AnyPolicy) =>
  fetchStage(inner === undefined ? coalesceGets(options) : compose(coalesceGets(options), inner));
const textOf = (call: Promise<Response>) => call.then((response) => response.text());
const errorOf = (call: Promise<unknown>) => call.catch((error: unknown) => error);

/** A body of so many chunks of ten bytes, and what became of it. */
function longBody(chunks: number) {
  const seen = { cancelled: [] as unknown[], sent: 0 };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (seen.sent === chunks) controller.close();
        else {
          seen.sent++;
          controller.enqueue(new TextEncoder().encode("ten bytes\n"));
        }
      },
      cancel: (reason) => void seen.cancelled.push(reason),
    },
    { highWaterMark: 0 },
  );
  return { body, seen };
}

describe("coalesceGets", () => {
  it("sends once, and gives each caller a response of its own with the same status, headers and body", async () => {
    const { clock, received, fetch, sink } = coalesced();
    const calls = [fetch(url), fetch(new URL(url)), fetch(new Request(`${url}#part`))];
    await clock.advance(0);
    expect(received).toHaveLength(1);
    const origin = new Response("nine lives", {
      status: 203,
      statusText: "Told",
      headers: { "x-mine": "1" },
    });
    received[0]?.succeed(origin);
    const responses = await Promise.all(calls);
    expect(new Set(responses).size).toBe(3);
    for (const response of responses) {
      expect(response).not.toBe(origin);
      expect([response.status, response.statusText, response.headers.get("x-mine")]).toEqual([
        203,
        "Told",
        "1",
      ]);
      response.headers.set("x-mine", "changed");
      expect(await response.text()).toBe("nine lives");
    }
    expect(sink.of("call.coalesced").map(({ waiting }) => waiting)).toEqual([2, 3]);
    expect(clock.pending).toBe(0);
  });

  it("keeps nothing: who asks later sends again", async () => {
    const { received, fetch, script } = coalesced();
    script(200, 200);
    await fetch(url);
    await fetch(url);
    expect(received).toHaveLength(2);
  });

  it.each<[string, unknown, unknown, number]>([
    [
      "the same header in another case",
      [url, { headers: { Accept: "a" } }],
      [url, { headers: { accept: "a" } }],
      1,
    ],
    ["a header that makes no difference", [url, { headers: { traceparent: "1" } }], [url, {}], 1],
    ["other priorities", [url, { priority: "high", keepalive: true }], [url, {}], 1],
    ["another query", [url, {}], [`${url}?page=2`, {}], 2],
    [
      "another user",
      [url, { headers: { authorization: "a" } }],
      [url, { headers: { authorization: "b" } }],
      2,
    ],
    ["a user and none", [url, { headers: { authorization: "a" } }], [url, {}], 2],
    ["other cookies", [url, { headers: { cookie: "a=1" } }], [url, { headers: { cookie: "a=2" } }], 2],
    [
      "another form",
      [url, { headers: { accept: "text/html" } }],
      [url, { headers: { accept: "text/plain" } }],
      2,
    ],
    ["another part", [url, { headers: { range: "bytes=0-9" } }], [url, {}], 2],
    ["another redirect", [url, { redirect: "manual" }], [url, {}], 2],
    ["other cache modes", [url, { cache: "no-store" }], [url, {}], 2],
    ["an option that nobody knows", [url, { dispatcher: {} }], [url, { dispatcher: {} }], 2],
    ["HEAD", [url, { method: "HEAD" }], [url, { method: "HEAD" }], 2],
    ["PUT", [url, { method: "PUT" }], [url, { method: "PUT" }], 2],
    [
      "a POST that may be repeated",
      [url, { method: "POST", resilience: { repeatable: true } }],
      [url, { method: "POST", resilience: { repeatable: true } }],
      2,
    ],
    ["a GET that may not", [url, { resilience: { repeatable: false } }], [url, {}], 2],
    [
      "server-sent events",
      [url, { headers: { accept: "text/event-stream" } }],
      [url, { headers: { accept: "text/event-stream" } }],
      2,
    ],
    ["what is no URL", ["http://[broken", {}], ["http://[broken", {}], 2],
  ])("tells apart or not: %s", async (_, first, second, sends) => {
    const { clock, received, fetch } = coalesced();
    const calls = [first, second].map((each) => fetch(...(each as [string, object])));
    await clock.advance(0);
    expect(received).toHaveLength(sends);
    for (const each of received) each.succeed(new Response("ok"));
    expect(await Promise.all(calls.map(textOf))).toEqual(["ok", "ok"]);
  });

  it("ignores the headers that it is told to", async () => {
    const { clock, received, fetch } = coalesced({ ignore: ["X-Request-Id"] });
    for (const id of ["1", "2"]) fetch(url, { headers: { "x-request-id": id } });
    fetch(url, { headers: { traceparent: "1" } });
    await clock.advance(0);
    expect(received).toHaveLength(2);
  });

  it("coalesceGets > retry: all wait for the attempts of one, and get the failing response in the end", async () => {
    const { clock, received, fetch, script } = coalesced(
      {},
      retry({ attempts: 2, backoff: constant("1s"), jitter: "none" }),
    );
    script(503, 503);
    const calls = [fetch(url), fetch(url)];
    await clock.advance(1_000);
    expect((await Promise.all(calls)).map(({ status }) => status)).toEqual([503, 503]);
    expect(received).toHaveLength(2);
  });

  it("throws the same error to all, one that breaks the body off included", async () => {
    const { clock, received, fetch } = coalesced();
    const lost = new TypeError("terminated");
    const first = [fetch(url), fetch(url)].map(errorOf);
    received[0]?.fail(lost);
    expect(await Promise.all(first)).toEqual([lost, lost]);
    const second = [fetch(url), fetch(url)].map(errorOf);
    await clock.advance(0);
    received[1]?.succeed(new Response(new ReadableStream({ pull: () => Promise.reject(lost) })));
    expect(await Promise.all(second)).toEqual([lost, lost]);
    expect(received).toHaveLength(2);
  });

  it.each([0, 1])("leaves the others alone when caller %d aborts", async (index) => {
    const { clock, received, fetch } = coalesced();
    const controller = new AbortController();
    const calls = [0, 1].map((each) => fetch(url, each === index ? { signal: controller.signal } : {}));
    const aborted = errorOf(calls[index] as Promise<Response>);
    controller.abort("gone");
    expect(await aborted).toBe("gone");
    received[0]?.succeed(new Response("ok"));
    expect(await textOf(calls[1 - index] as Promise<Response>)).toBe("ok");
    expect([received.length, clock.pending]).toEqual([1, 0]);
  });

  it("aborts the request when the last of them has aborted", async () => {
    const { received, fetch } = coalesced();
    const controllers = [new AbortController(), new AbortController()];
    const calls = controllers.map(({ signal }) => errorOf(fetch(url, { signal })));
    controllers[0]?.abort("one");
    expect(received[0]?.signal?.aborted).toBe(false);
    controllers[1]?.abort("two");
    expect(await Promise.all(calls)).toEqual(["one", "two"]);
    expect(received[0]?.signal?.aborted).toBe(true);
  });

  it("timeout > coalesceGets: each caller has its own patience", async () => {
    const { clock, received, fetch } = fetchStage(compose(timeout("1s"), coalesceGets()));
    const early = errorOf(fetch(url));
    await clock.advance(600);
    const later = textOf(fetch(url));
    await clock.advance(400);
    expect(await early).toMatchObject({ kind: "timeout" });
    received[0]?.succeed(new Response("ok"));
    expect(await later).toBe("ok");
    expect([received.length, clock.pending]).toEqual([1, 0]);
  });

  it("shares a body as large as its bound, and no larger: the first caller has that one as a stream", async () => {
    const { clock, received, fetch } = coalesced({ maximumBytes: 20 });
    const small = [fetch(url), fetch(url)].map(textOf);
    await clock.advance(0);
    received[0]?.succeed(new Response(longBody(2).body));
    expect(await Promise.all(small)).toEqual(["ten bytes\n".repeat(2), "ten bytes\n".repeat(2)]);
    const [first, second] = [fetch(url), fetch(url)];
    await clock.advance(0);
    const { body, seen } = longBody(1_000);
    received[1]?.succeed(new Response(body, { status: 201 }));
    const response = await (first as Promise<Response>);
    expect(response.status).toBe(201);
    // Not one chunk more than it takes to know.
    expect(seen.sent).toBe(3);
    await clock.advance(0);
    expect(received).toHaveLength(3);
    received[2]?.succeed(new Response("mine"));
    expect(await textOf(second as Promise<Response>)).toBe("mine");
    expect(await response.text()).toBe("ten bytes\n".repeat(1_000));
    expect(clock.pending).toBe(0);
  });

  it("ends the stream of the first caller at its abort, and cancels it when it does", async () => {
    const { clock, received, fetch } = coalesced({ maximumBytes: 5 });
    const controller = new AbortController();
    const call = fetch(url, { signal: controller.signal });
    await clock.advance(0);
    const aborted = longBody(1_000);
    received[0]?.succeed(new Response(aborted.body));
    const reader = ((await call).body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    controller.abort("gone");
    expect(await errorOf(reader.read())).toBe("gone");
    expect(aborted.seen.cancelled).toEqual(["gone"]);
    const other = fetch(url);
    await clock.advance(0);
    const cancelled = longBody(1_000);
    received[1]?.succeed(new Response(cancelled.body));
    await (await other).body?.cancel("enough");
    expect(cancelled.seen.cancelled).toEqual(["enough"]);
  });

  it("cancels a stream whose caller has gone, and lets the others send for themselves", async () => {
    const { clock, received, fetch } = coalesced({ maximumBytes: 5 });
    const controller = new AbortController();
    const first = errorOf(fetch(url, { signal: controller.signal }));
    const second = textOf(fetch(url));
    controller.abort("gone");
    expect(await first).toBe("gone");
    const { body, seen } = longBody(1_000);
    received[0]?.succeed(new Response(body));
    await clock.advance(0);
    expect(seen.cancelled).toHaveLength(1);
    received[1]?.succeed(new Response("mine"));
    expect(await second).toBe("mine");
  });

  it("passes server-sent events on as they come", async () => {
    const { clock, received, fetch } = coalesced();
    const call = fetch(url);
    await clock.advance(0);
    const { body, seen } = longBody(1_000);
    received[0]?.succeed(new Response(body, { headers: { "content-type": "text/event-stream" } }));
    await call;
    expect(seen.sent).toBe(0);
  });

  it.each([
    [204, new Response(null, { status: 204 })],
    [304, new Response(null, { status: 304 })],
  ])("shares a response without a body: %d", async (status, response) => {
    const { clock, received, fetch } = coalesced();
    const calls = [fetch(url), fetch(url)];
    await clock.advance(0);
    received[0]?.succeed(response);
    expect((await Promise.all(calls)).map((each) => each.status)).toEqual([status, status]);
    expect(received).toHaveLength(1);
  });

  it("gives the first caller what cannot be made anew", async () => {
    const { clock, received, fetch } = coalesced();
    const calls = [fetch(url), fetch(url)];
    const opaque = Response.error();
    received[0]?.succeed(opaque);
    await clock.advance(0);
    received[1]?.succeed(new Response("mine"));
    expect(await calls[0]).toBe(opaque);
    expect(await textOf(calls[1] as Promise<Response>)).toBe("mine");
  });

  it("has a text, and refuses wrong options", () => {
    expect(format(parse("coalesceGets(maximumBytes: 100) + retry(3)", { coalesceGets }))).toBe(
      "coalesceGets(maximumBytes: 100) + retry(3)",
    );
    expect(format(parse("coalesceGets + retry(3)", { coalesceGets }))).toBe("coalesceGets + retry(3)");
    expect(() => coalesceGets({ maximumBytes: -1 })).toThrow("coalesceGets: maximumBytes");
    expect(() => coalesceGets({ bytes: 1 } as never)).toThrow('coalesceGets has no option "bytes"');
  });

  it("leaves no promise rejected that nobody handles", async () => {
    const fetch = resilientFetch({
      policy: coalesceGets(),
      fetch: (() => Promise.reject(new TypeError("down"))) as typeof globalThis.fetch,
    });
    expect(await errorOf(fetch(url))).toBeInstanceOf(TypeError);
  });
});
