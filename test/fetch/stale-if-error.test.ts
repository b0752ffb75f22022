import {
  type AnyPolicy,
  circuitBreaker,
  compose,
  constant,
  format,
  identity,
  parse,
  retry,
  timeout,
} from "ninelives";
import { type HttpCache, type StaleIfErrorOptions, staleIfError } from "ninelives/fetch";
import { describe, expect, it } from "vitest";
import { fetchStage } from "./fetch-stage.ts";

const url = "https://api.test/prices";
const platform = (globalThis as { caches?: { default?: HttpCache; open(name: string): Promise<HttpCache> } })
  .caches;

const showsCookies = new Response(null, { headers: { "set-cookie": "a=1" } }).headers.has("set-cookie");

/** A cache that keeps what it is given, until the test says otherwise. */
function memoryCache() {
  const entries = new Map<string, Response>();
  const cache: HttpCache & { entries: typeof entries; fails: boolean; hangs: boolean } = {
    entries,
    fails: false,
    hangs: false,
    async match(key) {
      if (cache.fails) throw new Error("the disk is full");
      if (cache.hangs) await new Promise(() => {});
      return entries.get(key)?.clone();
    },
    async put(key, response) {
      if (cache.fails) throw new Error("the disk is full");
      entries.set(key, response);
    },
    async delete(key) {
      if (cache.fails) throw new Error("the disk is full");
      return entries.delete(key);
    },
  };
  return cache;
}

function staged(options: StaleIfErrorOptions = {}, inner: AnyPolicy = identity) {
  const cache = memoryCache();
  const work: Promise<unknown>[] = [];
  const policy = compose(staleIfError({ cache: () => cache, shared: false, ...options }), inner);
  const stage = fetchStage(policy, {
    waitUntil: (promise) => void work.push(promise),
  });
  return {
    ...stage,
    cache,
    work,
    settled: () => Promise.all(work),
    /** Lets a good answer come and be kept. */
    async keep(headers: HeadersInit = {}, init: RequestInit = {}, body = "good", target = url) {
      stage.script(() => new Response(body, { headers }));
      const response = await stage.fetch(target, init);
      const text = await response.text();
      await Promise.all(work);
      return text;
    },
  };
}

describe("staleIfError", () => {
  it.each<[string, (fail: (error: unknown) => void, succeed: (response: Response) => void) => void]>([
    ["a network error", (fail) => fail(new TypeError("Failed to fetch"))],
    ["a 500", (_, succeed) => succeed(new Response("broken", { status: 500 }))],
    ["a 503", (_, succeed) => succeed(new Response("broken", { status: 503 }))],
  ])("answers with what was kept after %s, and says so", async (_, end) => {
    const { clock, received, fetch, keep, sink } = staged();
    expect(await keep({ "x-mine": "1", "cache-control": "max-age=60" })).toBe("good");
    await clock.advance(100_000);
    const call = fetch(url);
    const { fail, succeed } = received[1] ?? expect.fail("nothing was sent");
    end(fail, succeed);
    const response = await call;
    expect(await response.text()).toBe("good");
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "x-mine": "1",
      "cache-control": "max-age=60",
      age: "100",
      "cache-status": "ninelives; hit; ttl=-40; detail=stale-if-error",
    });
    expect([...response.headers.keys()].join()).not.toContain("kept");
    expect(sink.of("cache.hit")).toMatchObject([{ freshness: "stale-if-error", key: "https://api.test" }]);
    expect(sink.of("request.succeeded").at(-1)?.degraded).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it("hands the good answer on as it is, at once", async () => {
    const { fetch, script, settled, cache } = staged();
    const origin = new Response("good");
    script(() => origin);
    const response = await fetch(url);
    expect(response).toBe(origin);
    expect(await response.text()).toBe("good");
    await settled();
    expect([...cache.entries.keys()]).toEqual([url]);
  });

  it("goes on failing where nothing was kept, as the call failed", async () => {
    const { received, fetch } = staged();
    const lost = new TypeError("Failed to fetch");
    const call = fetch(url);
    received[0]?.fail(lost);
    await expect(call).rejects.toBe(lost);
    const broken = new Response("broken", { status: 500 });
    const other = fetch(url);
    received[1]?.succeed(broken);
    expect(await other).toBe(broken);
    expect(await broken.text()).toBe("broken");
  });

  it("cancels the body of the failing answer that it takes the place of", async () => {
    const { received, fetch, keep } = staged();
    await keep();
    const cancelled: unknown[] = [];
    const call = fetch(url);
    received[1]?.succeed(
      new Response(new ReadableStream({ cancel: () => void cancelled.push(1) }), { status: 503 }),
    );
    await call;
    expect(cancelled).toEqual([1]);
  });

  it.each([
    [400, 0],
    [404, 0],
    [429, 0],
  ])("is no answer to a %d, which is no failure", async (status) => {
    const { fetch, keep, script } = staged();
    await keep();
    script(status);
    expect((await fetch(url)).status).toBe(status);
  });

  it("staleIfError > retry > circuitBreaker: stands in for refusals and timeouts, too", async () => {
    const inner = compose(
      retry({ attempts: 2, backoff: constant("1s"), jitter: "none" }),
      circuitBreaker({ consecutiveFailures: 1 }),
      timeout("1s"),
    );
    const { clock, received, fetch, keep } = staged({}, inner);
    await keep();
    const late = fetch(url);
    await clock.advance(3_000);
    expect(await (await late).text()).toBe("good");
    const refused = await fetch(url);
    expect([refused.status, received.length, clock.pending]).toEqual([200, 2, 0]);
  });

  it.each<[string, HeadersInit, number, boolean]>([
    ["within a day, where nothing is said", {}, 86_400, true],
    ["no longer", {}, 86_401, false],
    ["past its freshness", { "cache-control": "max-age=100" }, 86_500, true],
    ["and no longer", { "cache-control": "max-age=100" }, 86_501, false],
    ["as its own stale-if-error allows", { "cache-control": "max-age=100, stale-if-error=50" }, 150, true],
    ["and not longer than that", { "cache-control": "max-age=100, stale-if-error=50" }, 151, false],
    [
      "never longer than is configured",
      { "cache-control": 'max-age=0, stale-if-error="999999"' },
      86_401,
      false,
    ],
    [
      "while fresh, though it must be revalidated then",
      { "cache-control": "max-age=100, must-revalidate" },
      100,
      true,
    ],
    ["and then not", { "cache-control": "max-age=100, must-revalidate" }, 101, false],
    ["by its own age", { "cache-control": "max-age=100, stale-if-error=0", age: "60" }, 40, true],
    ["and not past it", { "cache-control": "max-age=100, stale-if-error=0", age: "60" }, 41, false],
    [
      "by Expires",
      { date: "Sun, 06 Nov 1994 08:49:00 GMT", expires: "Sun, 06 Nov 1994 08:50:00 GMT" },
      86_460,
      true,
    ],
    [
      "and not past that",
      { date: "Sun, 06 Nov 1994 08:49:00 GMT", expires: "Sun, 06 Nov 1994 08:50:00 GMT" },
      86_461,
      false,
    ],
    ["whatever Expires says that is no date", { expires: "0" }, 86_400, true],
  ])("stands in %s", async (_, headers, seconds, stands) => {
    const { clock, fetch, keep, script } = staged();
    await keep(headers);
    await clock.advance(seconds * 1_000);
    script(500);
    expect((await fetch(url)).status).toBe(stands ? 200 : 500);
  });

  const basic = { authorization: "Basic YTpi" };
  it.each<[string, HeadersInit, RequestInit, boolean, boolean]>([
    ["a plain answer", {}, {}, true, true],
    ["no-store", { "cache-control": "no-store" }, {}, false, false],
    ["No-Store among others", { "cache-control": "max-age=5, No-Store" }, {}, false, false],
    ["no-cache", { "cache-control": "no-cache" }, {}, false, false],
    ["private, in a cache of one's own", { "cache-control": "private" }, {}, false, true],
    ["private, in a shared one", { "cache-control": "private" }, {}, true, false],
    // In a page no script sees it, and a cache that is the page's own need not mind.
    ["a cookie that is set", { "set-cookie": "a=1" }, {}, false, !showsCookies],
    ["an answer to somebody", {}, { headers: basic }, false, false],
    ["a public one", { "cache-control": "public" }, { headers: basic }, false, true],
    ["an answer by cookies", {}, { headers: { cookie: "a=1" } }, false, false],
    ["a request that forbids it", {}, { headers: { "cache-control": "no-store" } }, false, false],
    ["a request whose init forbids it", {}, { cache: "no-store" }, false, false],
    ["what varies by everything", { vary: "*" }, {}, false, false],
    ["what varies by cookies", { vary: "Accept, Cookie" }, {}, false, false],
    ["what varies by encoding", { vary: "Accept-Encoding" }, {}, false, true],
    ["must-revalidate at once", { "cache-control": "max-age=0, must-revalidate" }, {}, false, false],
    ["s-maxage in a shared cache", { "cache-control": "s-maxage=0" }, {}, true, false],
    ["s-maxage in one's own", { "cache-control": "s-maxage=0" }, {}, false, true],
    ["events", { "content-type": "text/event-stream" }, {}, false, false],
  ])("keeps or keeps not: %s", async (_, headers, init, shared, keeps) => {
    const { cache, keep } = staged({ shared });
    await keep(headers, init);
    expect(cache.entries.size).toBe(keeps ? 1 : 0);
  });

  it.each<[number]>([[201], [203], [206], [301], [404]])("keeps no %d", async (status) => {
    const { cache, fetch, settled, script } = staged();
    script(status);
    await fetch(url);
    await settled();
    expect(cache.entries.size).toBe(0);
  });

  it("keeps an answer for those who ask alike in what it varies by", async () => {
    const { fetch, keep, script } = staged();
    await keep({ vary: "Accept-Language" }, { headers: { "accept-language": "de" } });
    script(500, 500, 500);
    const ask = async (headers: Record<string, string>) => (await fetch(url, { headers })).status;
    expect(await ask({ "accept-language": "de", "x-other": "1" })).toBe(200);
    expect(await ask({ "accept-language": "en" })).toBe(500);
    expect(await ask({})).toBe(500);
  });

  it("keeps by URL, without the fragment", async () => {
    const { fetch, keep, script } = staged();
    await keep({}, {}, "good", `${url}?a#part`);
    script(500, 500);
    expect((await fetch(`${url}?a#other`)).status).toBe(200);
    expect((await fetch(url)).status).toBe(500);
  });

  it.each([
    ["PUT", 204],
    ["POST", 201],
    ["DELETE", 200],
    ["GET", 404],
    ["GET", 410],
  ])("forgets what a %s with %d makes void", async (method, status) => {
    const { cache, fetch, keep, script, settled } = staged();
    await keep();
    script(() => new Response(null, { status }));
    await fetch(url, { method });
    await settled();
    expect(cache.entries.size).toBe(0);
  });

  it.each([
    ["PUT", 500],
    ["HEAD", 200],
    ["GET", 403],
  ])("does not for a %s with %d", async (method, status) => {
    const { cache, fetch, keep, script, settled } = staged();
    await keep();
    script(
      () => new Response(null, { status }),
      () => new Response(null, { status }),
    );
    await fetch(url, { method });
    await settled();
    expect(cache.entries.size).toBe(1);
  });

  it("answers no write from what was kept", async () => {
    const { fetch, keep, received } = staged();
    await keep();
    const lost = new TypeError("Failed to fetch");
    const call = fetch(url, { method: "POST" });
    received[1]?.fail(lost);
    await expect(call).rejects.toBe(lost);
  });

  it("copies no more of a body than it may keep, and leaves the caller all of it", async () => {
    const { cache, fetch, script, settled } = staged({ maximumBytes: 25 });
    let sent = 0;
    const stream = () =>
      new ReadableStream<Uint8Array>(
        {
          pull: (controller) => {
            if (sent++ === 50) controller.close();
            else controller.enqueue(new TextEncoder().encode("ten bytes\n"));
          },
        },
        { highWaterMark: 0 },
      );
    script(() => new Response(stream()));
    const response = await fetch(url);
    await settled();
    expect(sent).toBeLessThanOrEqual(5);
    expect(await response.text()).toBe("ten bytes\n".repeat(50));
    script(() => new Response("x".repeat(26), { headers: { "content-length": "26" } }));
    const declared = await fetch(url);
    expect(declared.body?.locked).toBe(false);
    await settled();
    expect(cache.entries.size).toBe(0);
  });

  it("keeps nothing of a body that breaks off", async () => {
    const { cache, fetch, script, settled } = staged();
    const lost = new TypeError("terminated");
    script(() => new Response(new ReadableStream({ pull: () => Promise.reject(lost) })));
    const response = await fetch(url);
    await response.text().catch(() => {});
    await settled();
    expect(cache.entries.size).toBe(0);
  });

  it("does without a cache that fails", async () => {
    const { cache, fetch, keep, script, settled } = staged();
    cache.fails = true;
    expect(await keep()).toBe("good");
    script(500, 404);
    expect((await fetch(url)).status).toBe(500);
    expect((await fetch(url)).status).toBe(404);
    await settled();
  });

  it("waits a second at most for a cache that hangs", async () => {
    const { cache, clock, fetch, script, sink } = staged();
    cache.hangs = true;
    script(500);
    const call = fetch(url);
    await clock.advance(1_000);
    expect((await call).status).toBe(500);
    expect(sink.of("timeout.occurred")).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it("takes no notice of what others put into the cache", async () => {
    const { cache, fetch, script } = staged();
    cache.entries.set(url, new Response("theirs"));
    script(500, 500);
    expect((await fetch(url)).status).toBe(500);
    cache.entries.set(url, new Response("theirs", { headers: { "x-ninelives-kept": "%" } }));
    expect((await fetch(url)).status).toBe(500);
  });

  it("gives the caller's own abort no answer", async () => {
    const { fetch, keep } = staged();
    await keep();
    const controller = new AbortController();
    const call = fetch(url, { signal: controller.signal });
    controller.abort("gone");
    await expect(call).rejects.toBe("gone");
  });

  it("leaves to fetch what is no URL", async () => {
    const { fetch, script } = staged();
    script(200);
    expect((await fetch("http://[broken")).status).toBe(200);
  });

  it("has a text, and refuses wrong options", () => {
    const text = 'staleIfError(cache: "prices", within: 1h) + retry(3)';
    expect(format(parse(text, { staleIfError }))).toBe(text);
    expect(() => staleIfError({ cache: 5 as never })).toThrow(
      "staleIfError: cache must be the name of a cache",
    );
    expect(() => staleIfError({ within: "soon" as never })).toThrow("staleIfError: within");
    expect(() => staleIfError({ maximumBytes: 0 })).toThrow("staleIfError: maximumBytes");
    expect(() => staleIfError({ shared: 1 as never })).toThrow("staleIfError: shared must be true or false");
    expect(() => staleIfError({ ttl: 1 } as never)).toThrow('staleIfError has no option "ttl"');
  });

  it.runIf(platform === undefined)("does nothing where there is no Cache API", async () => {
    const { fetch, script, received } = fetchStage(staleIfError());
    script(200, 500);
    await fetch(url);
    expect((await fetch(url)).status).toBe(500);
    expect(received).toHaveLength(2);
  });

  it.runIf(platform !== undefined).each([undefined, "ninelives-test"])(
    "keeps answers in the platform's own cache: %s",
    async (name) => {
      const target = `${url}?cache=${name}`;
      const work: Promise<unknown>[] = [];
      const { clock, fetch, script } = fetchStage(staleIfError(name === undefined ? {} : { cache: name }), {
        waitUntil: (promise) => void work.push(promise),
      });
      script(
        () =>
          new Response("good", { headers: { "cache-control": "max-age=0", vary: "Accept", "x-mine": "1" } }),
        500,
        500,
      );
      await (await fetch(target)).text();
      await Promise.all(work);
      await clock.advance(5_000);
      const response = await fetch(target);
      expect([response.status, await response.text()]).toEqual([200, "good"]);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        age: "5",
        "cache-control": "max-age=0",
        vary: "Accept",
        "x-mine": "1",
      });
      expect((await fetch(target, { headers: { accept: "text/html" } })).status).toBe(500);
      await (platform?.default ?? (await platform?.open(name ?? "ninelives")))?.delete(target);
      await (await platform?.open(name ?? "ninelives"))?.delete(target);
    },
  );
});
