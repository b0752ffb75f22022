import { describe, expect, it, vi } from "vitest";
import { compose } from "../../src/core/policy.ts";
import { coalesceGets, idleTimeout, resilientFetch, staleIfError } from "../../src/fetch/index.ts";
import { constant } from "../../src/policies/backoff.ts";
import { retry } from "../../src/policies/retry.ts";
import { ManualClock } from "../../src/testing/index.ts";
import { realOrigin } from "../contracts/real-origin.ts";

const thrice = retry({ attempts: 3, backoff: constant(0), jitter: "none" });

describe("a real server > equal GETs at the same time", () => {
  it("are one to the server, and each caller reads all of it", async () => {
    const { url, until, release, seen } = await realOrigin([{ hold: "body", bytes: 100_000 }]);
    const fetch = resilientFetch({ policy: coalesceGets() });
    const calls = Array.from({ length: 5 }, () => fetch(url()));
    await until((all) => expect(all).toHaveLength(1));
    await release();
    const lengths = await Promise.all(calls.map(async (call) => (await (await call).bytes()).length));
    expect(lengths).toEqual(Array(5).fill(100_000));
    expect(await seen()).toHaveLength(1);
  });

  it("share a failure that is retried past, too", async () => {
    const { url, seen } = await realOrigin([{ status: 503 }, { cut: "before-headers" }]);
    const fetch = resilientFetch({ policy: compose(coalesceGets(), thrice) });
    const texts = await Promise.all([fetch(url()), fetch(url())].map(async (call) => (await call).text()));
    expect([texts, (await seen()).length]).toEqual([["3", "3"], 3]);
  });

  it("that differ in a header go their own ways", async () => {
    const { url, seen } = await realOrigin();
    const fetch = resilientFetch({ policy: coalesceGets() });
    const languages = ["en", "de"];
    await Promise.all(
      languages.map((language) => fetch(url(), { headers: { "accept-language": language } })),
    );
    expect((await seen()).map(({ headers }) => headers["accept-language"]).sort()).toEqual(["de", "en"]);
  });
});

describe("a real server > a body of which no more comes", () => {
  it("is given up after a time, and the server hears of it", async () => {
    const { url, until } = await realOrigin([{ hold: "body", bytes: 100_000 }]);
    const clock = new ManualClock();
    const fetch = resilientFetch({ environment: { clock }, policy: idleTimeout("10s") });
    const reader = ((await fetch(url())).body as ReadableStream<Uint8Array>).getReader();
    const read = (async () => {
      while (!(await reader.read()).done);
    })();
    const rejected = expect(read).rejects.toMatchObject({ kind: "timeout" });
    await vi.waitFor(async () => {
      expect(clock.pending).toBe(1);
      await clock.advance(10_000);
      await until(([seen]) => expect(seen?.end).toBe("gone"));
    });
    await rejected;
  });

  it("lives as long as something comes in time", async () => {
    const { url, release } = await realOrigin([{ hold: "body", bytes: 100_000 }]);
    const clock = new ManualClock();
    const fetch = resilientFetch({ environment: { clock }, policy: idleTimeout("10s") });
    const body = (await fetch(url())).bytes();
    await vi.waitFor(() => expect(clock.pending).toBe(1));
    await clock.advance(9_999);
    await release();
    expect((await body).length).toBe(100_000);
  });
});

describe.runIf("caches" in globalThis)("a real server > what it said before it failed", () => {
  it("stands in for it, marked as such", async () => {
    const good = { body: "5", headers: { "cache-control": "public, max-age=0" } };
    const { url, name, seen } = await realOrigin([good], { cut: "before-headers" });
    const kept: Promise<unknown>[] = [];
    const fetch = resilientFetch({
      policy: compose(staleIfError({ cache: name }), thrice),
      environment: { waitUntil: (work) => void kept.push(work) },
    });
    expect(await (await fetch(url())).text()).toBe("5");
    await Promise.all(kept);
    const response = await fetch(url());
    expect([response.status, await response.text()]).toEqual([200, "5"]);
    expect(response.headers.get("cache-status")).toMatch(/^ninelives/i);
    expect((await seen()).length).toBe(4);
  });
});
