import { describe, expect, it } from "vitest";
import { compose } from "../../src/core/policy.ts";
import {
  type FetchCall,
  idempotencyKey,
  type ResilientInit,
  replayBody,
  resilientFetch,
} from "../../src/fetch/index.ts";
import { constant } from "../../src/policies/backoff.ts";
import { retry } from "../../src/policies/retry.ts";
import { timeout } from "../../src/policies/timeout.ts";
import { ManualClock } from "../../src/testing/index.ts";

const url = "https://api.test/profile";
const twice = retry({ attempts: 2, backoff: constant("1s"), jitter: "none" });
const put = (body: BodyInit) => ({ method: "PUT", body, duplex: "half" }) as ResilientInit;

/** What a stream was asked for, and how it ended. */
interface Source {
  readonly stream: ReadableStream<Uint8Array>;
  pulls: number;
  cancelled: unknown;
}

function source(...texts: string[]): Source {
  const made: Source = {
    stream: new ReadableStream(
      {
        pull(controller) {
          const text = texts[made.pulls++];
          if (text === undefined) controller.close();
          else controller.enqueue(new TextEncoder().encode(text));
        },
        cancel(reason) {
          made.cancelled = reason;
        },
      },
      { highWaterMark: 0 },
    ),
    pulls: 0,
    cancelled: undefined,
  };
  return made;
}

/** A resilient fetch over an origin that reads what it is sent, as fetch would send it. */
function stage(upTo: number | undefined, ...statuses: number[]) {
  const clock = new ManualClock();
  const bodies: string[] = [];
  const types: (string | null)[] = [];
  const origin = async (input: FetchCall["input"], init?: RequestInit) => {
    const body = init?.body;
    // Not every runtime makes a Request of what its fetch can send.
    const sent = body instanceof ReadableStream ? new Response(body) : new Request(input, init);
    types.push(sent.headers.get("content-type"));
    const status = statuses[bodies.push(await sent.text()) - 1] ?? 200;
    return new Response(null, { status });
  };
  const fetch = resilientFetch({
    policy: compose(idempotencyKey(), replayBody(upTo === undefined ? {} : { upTo }), twice),
    environment: { clock },
    fetch: origin as typeof globalThis.fetch,
  });
  /** A call whose body is read meanwhile, by a runtime that takes its time. */
  const settled = async (call: Promise<Response>) => {
    let over = false;
    const end = () => {
      over = true;
    };
    call.then(end, end);
    while (!over) {
      await new Promise((resolve) => setTimeout(resolve));
      await clock.advance(1_000);
    }
    return (await call).status;
  };
  return { clock, bodies, types, fetch, settled };
}

describe("replayBody", () => {
  it("sends a stream again that is short enough", async () => {
    const { bodies, fetch, settled } = stage(8, 503, 200);
    expect(await settled(fetch(url, put(source("one", "two", "xx").stream)))).toBe(200);
    expect(bodies).toEqual(["onetwoxx", "onetwoxx"]);
  });

  it("sends a Request again with its body and its type", async () => {
    const { bodies, types, fetch, settled } = stage(undefined, 503, 200);
    const request = new Request(url, {
      method: "PUT",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(await settled(fetch(request))).toBe(200);
    expect(bodies).toEqual(["{}", "{}"]);
    expect(types).toEqual(["application/json", "application/json"]);
  });

  it("sends an empty body again", async () => {
    const { bodies, fetch, settled } = stage(undefined, 503, 200);
    expect(await settled(fetch(url, put(source().stream)))).toBe(200);
    expect(bodies).toEqual(["", ""]);
  });

  it("lets a POST with a key be sent again with a body that was a stream", async () => {
    const { bodies, fetch, settled } = stage(undefined, 503, 200);
    expect(await settled(fetch(url, { ...put(source("one").stream), method: "POST" }))).toBe(200);
    expect(bodies).toEqual(["one", "one"]);
  });

  it("sends a longer stream once, whole, and keeps no more of it than it may", async () => {
    const { bodies, fetch, settled } = stage(4, 503, 200);
    const long = source("one", "two", "three", "four");
    expect(await settled(fetch(url, put(long.stream)))).toBe(503);
    expect(bodies).toEqual(["onetwothreefour"]);
  });

  it("asks a longer stream for no more than fetch does", async () => {
    const long = source("one", "two", "three", "four");
    const pulled = new Promise<number>((resolve) => {
      const fetch = resilientFetch({
        policy: replayBody(4),
        fetch: (async () => {
          resolve(long.pulls);
          return new Response();
        }) as typeof globalThis.fetch,
      });
      fetch(url, put(long.stream));
    });
    expect(await pulled).toBe(2);
  });

  it("sends a longer Request once, as it is", async () => {
    const { bodies, fetch, settled } = stage(4, 503, 200);
    expect(await settled(fetch(new Request(url, { method: "PUT", body: "onetwothree" })))).toBe(503);
    expect(bodies).toEqual(["onetwothree"]);
  });

  it.each<[string, FetchCall["input"], ResilientInit]>([
    ["a text", url, put("5")],
    ["a POST that nothing lets be sent again", url, { ...put("5"), method: "POST" }],
    [
      "a stream that the caller will not have repeated",
      url,
      { ...put(new ReadableStream()), resilience: { repeatable: false } },
    ],
  ])("leaves %s as it is", async (_, input, init) => {
    let sent: RequestInit | undefined;
    const fetch = resilientFetch({
      policy: replayBody(),
      fetch: (async (_input: unknown, given?: RequestInit) => {
        sent = given;
        return new Response();
      }) as typeof globalThis.fetch,
    });
    await fetch(input, init);
    expect(sent?.body).toBe(init.body);
  });

  it("throws what a stream throws, and sends nothing", async () => {
    const { bodies, fetch } = stage(undefined);
    const broken = new Error("the disk is gone");
    const stream = new ReadableStream({ pull: (controller) => controller.error(broken) });
    await expect(fetch(url, put(stream))).rejects.toBe(broken);
    expect(bodies).toEqual([]);
  });

  it("stops reading when the caller aborts, with the reason, and sends nothing", async () => {
    const { bodies, fetch } = stage(undefined);
    let cancelled: unknown;
    const endless = new ReadableStream({
      cancel(reason) {
        cancelled = reason;
      },
    });
    const controller = new AbortController();
    const call = fetch(url, { ...put(endless), signal: controller.signal });
    controller.abort("left the page");
    await expect(call).rejects.toBe("left the page");
    expect([cancelled, bodies]).toEqual(["left the page", []]);
  });

  it.each([
    ["the caller's deadline", { deadline: "5s" } as const, replayBody()],
    ["a timeout around", {}, compose(timeout("5s"), replayBody())],
  ])("stops reading at %s", async (_, resilience, policy) => {
    const clock = new ManualClock();
    const fetch = resilientFetch({
      policy,
      environment: { clock },
      fetch: (() => Promise.reject(new Error("sent"))) as typeof globalThis.fetch,
    });
    let cancelled = false;
    const endless = new ReadableStream({
      cancel() {
        cancelled = true;
      },
    });
    const call = expect(fetch(url, { ...put(endless), resilience })).rejects.toMatchObject({
      kind: "timeout",
    });
    await clock.advance(5_000);
    await call;
    expect([cancelled, clock.pending]).toEqual([true, 0]);
  });

  it("cancels the rest of a stream that fetch cancels", async () => {
    const long = source("one", "two", "three");
    const fetch = resilientFetch({
      policy: replayBody(4),
      fetch: (async (_input: unknown, init?: RequestInit) => {
        await (init as { body: ReadableStream }).body.cancel("refused");
        return new Response(null, { status: 413 });
      }) as typeof globalThis.fetch,
    });
    expect((await fetch(url, put(long.stream))).status).toBe(413);
    expect(long.cancelled).toBe("refused");
  });

  it("leaves what is no bytes for fetch to refuse", async () => {
    const odd = new ReadableStream({
      start(controller) {
        controller.enqueue("text");
        controller.close();
      },
    });
    let first: unknown;
    const fetch = resilientFetch({
      policy: replayBody(),
      fetch: (async (_input: unknown, init?: RequestInit) => {
        first = (await (init as { body: ReadableStream }).body.getReader().read()).value;
        return new Response();
      }) as typeof globalThis.fetch,
    });
    await fetch(url, put(odd));
    expect(first).toBe("text");
  });

  it.skipIf(!("from" in ReadableStream))("sends what can be iterated but once again", async () => {
    const { bodies, fetch, settled } = stage(undefined, 503, 200);
    async function* chunks() {
      yield new TextEncoder().encode("one");
      yield new TextEncoder().encode("two");
    }
    expect(await settled(fetch(url, put(chunks() as unknown as BodyInit)))).toBe(200);
    expect(bodies).toEqual(["onetwo", "onetwo"]);
  });

  it("refuses a number of bytes that is none", () => {
    expect(() => replayBody(0)).toThrow("replayBody: upTo must be a whole number of at least 1, but is 0");
  });
});
