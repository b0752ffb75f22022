import { type AnyPolicy, format } from "ninelives";
import { describe, expect, it } from "vitest";
import { type FetchCall, perOrigin, type ResilientInit } from "../../src/fetch/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { fetchStage } from "./fetch-stage.ts";

const url = "https://api.test/prices";
const none = new ReadableStream({ start: (controller) => controller.close() });

describe("perOrigin", () => {
  it.each<[string, FetchCall["input"], ResilientInit | undefined]>([
    ["a GET", url, undefined],
    ["a GET as a Request", new Request(url), undefined],
    ["a PUT of a text", url, { method: "PUT", body: "5", headers: { accept: "application/json" } }],
    ["a PUT of a form's fields", url, { method: "PUT", body: new URLSearchParams("a=b") }],
  ])("%s is given up after 10 s, and after 30 s for good", async (_, input, init) => {
    const { clock, received, fetch } = fetchStage(perOrigin());
    const call = fetch(input, init);
    const rejected = expect(call).rejects.toMatchObject({ kind: "timeout" });
    await clock.advance(9_999);
    expect(received[0]?.signal?.aborted).toBe(false);
    await clock.advance(1);
    expect(received[0]?.signal?.aborted).toBe(true);
    await clock.advance(20_000);
    await rejected;
    expect(received).toHaveLength(3);
    expect(clock.pending).toBe(0);
  });

  it.each<[string, FetchCall["input"], ResilientInit | undefined]>([
    ["a POST", url, { method: "POST", body: "5" }],
    ["a stream", url, { method: "PUT", body: none, duplex: "half" } as RequestInit],
    ["a Request with a body", new Request(url, { method: "PUT", body: "5" }), undefined],
    ["an upload of bytes", url, { method: "PUT", body: new Uint8Array(1) }],
    ["an upload of a file", url, { method: "PUT", body: new Blob(["5"]) }],
    ["an upload by a form", url, { method: "PUT", body: new FormData() }],
    ["a long text", url, { method: "PUT", body: "5".repeat(65_537) }],
    ["what waits for events", url, { headers: { Accept: "text/event-stream" } }],
    ["a Request that does", new Request(url, { headers: { accept: "text/event-stream" } }), undefined],
    ["what must not be repeated", url, { resilience: { repeatable: false } }],
  ])("%s takes its time", async (_, input, init) => {
    const { clock, received, fetch } = fetchStage(perOrigin());
    const call = fetch(input, init);
    await clock.advance(600_000);
    expect(received).toHaveLength(1);
    const response = new Response("at last");
    received[0]?.succeed(response);
    expect(await call).toBe(response);
  });

  it("an upload is still sent again when it failed, and ends at the caller's deadline", async () => {
    const { clock, received, fetch, script } = fetchStage(perOrigin());
    script(503);
    const call = fetch(url, { method: "PUT", body: new Uint8Array(1), resilience: { deadline: "1m" } });
    const rejected = expect(call).rejects.toMatchObject({ kind: "timeout" });
    await clock.advance(60_000);
    await rejected;
    expect(received).toHaveLength(2);
  });

  it("has a circuit for each origin, named by it", async () => {
    const { received, fetch, script } = fetchStage(perOrigin({ consecutiveFailures: 2 }));
    script(500, 500);
    const once = { resilience: { repeatable: false } };
    await fetch(url, once);
    await fetch(url, once);
    await expect(fetch(url)).rejects.toMatchObject({ kind: "circuit-open", policy: "https://api.test" });
    script(200);
    expect((await fetch("https://other.test/")).status).toBe(200);
    expect(received).toHaveLength(3);
  });

  it("shares its circuits where it is told to", async () => {
    const shared = memoryStore();
    const [one, other] = [0, 1].map(() => fetchStage(perOrigin({ consecutiveFailures: 1, shared })));
    one?.script(500);
    await one?.fetch(url, { resilience: { repeatable: false } });
    await expect(one?.fetch(url)).rejects.toMatchObject({ kind: "circuit-open" });
    expect(other?.received).toHaveLength(0);
  });

  it("has a retry budget for each origin: a storm is not made worse", async () => {
    const { clock, received, fetch, script } = fetchStage(perOrigin({ failureRate: 1 }));
    const storm = (origin: string) => Array.from({ length: 15 }, () => fetch(origin));
    script(...Array.from({ length: 15 }, () => 200));
    await Promise.all(storm(url));
    script(...Array.from({ length: 200 }, () => 429));
    const calls = storm(url);
    await clock.advance(1_000);
    await Promise.all(calls);
    // A fifth of the 30 calls of the last seconds, and not two for each of the 15 that failed.
    expect(received).toHaveLength(30 + 6);
    const others = storm("https://other.test/");
    await clock.advance(1_000);
    await Promise.all(others);
    expect(received).toHaveLength(36 + 15 + 3);
  });

  it("refuses options of its circuits when it is made, and prints those that will do", () => {
    expect(() => perOrigin({ openFor: "soon" as "1s" })).toThrow("circuitBreaker: openFor");
    expect(format(perOrigin({ openFor: "5s" }) as AnyPolicy)).toBe("perOrigin(openFor: 5s)");
  });

  it("remembers 1,000 origins, and forgets the one that was used longest ago", async () => {
    const policy = perOrigin();
    const { fetch, script } = fetchStage(policy);
    for (let host = 0; host <= 1000; host++) {
      script(200);
      await fetch(`https://h${host}.test/`);
    }
    expect(policy.keys()).toHaveLength(1000);
    expect(policy.keys()[0]).toBe("https://h1.test");
  });
});
