import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { bulkhead, circuitBreaker, compose, environment, retry, timeout } from "ninelives";
import { classifyHttp, resilientFetch, traceContext } from "ninelives/fetch";
import { type EventBatch, memorySink } from "ninelives/telemetry";
import { ManualClock, seededRandom } from "ninelives/testing";
import { expect, it } from "vitest";

const page = readFileSync(fileURLToPath(new URL("../../docs/telemetry.md", import.meta.url)), "utf8");

/** The events of three upstreams, one of them sick, as policies tell them: traced, with odd durations. */
async function mixed(): Promise<EventBatch> {
  const clock = new ManualClock();
  const random = seededRandom(6);
  const sink = memorySink(200);
  const send = (async (input: string) => {
    const ms = 5 + random() * 300;
    await new Promise((resolve) => clock.setTimer(() => resolve(undefined), ms));
    return new Response(null, { status: input.includes("stock") && random() < 0.6 ? 503 : 200 });
  }) as typeof fetch;
  const services = ["prices", "reviews", "stock"].map((name) =>
    resilientFetch({
      policy: compose(
        environment({ name, sink, clock, random, classify: classifyHttp }),
        retry(3),
        circuitBreaker({ name, failureRate: 0.5, minimumCalls: 10, window: 20, openFor: "5s" }),
        bulkhead(50),
        timeout("250ms"),
        traceContext(),
      ),
      fetch: send,
    }),
  );
  for (let round = 0; round < 60; round++) {
    for (const [index, service] of services.entries())
      service(`https://${["prices", "reviews", "stock"][index]}.example.com/`).catch(() => {});
    await clock.advance(400);
  }
  const { events } = sink;
  return { version: 1, source: { id: "k3f9c2ab", kind: "page" }, sentAt: clock.wall(), dropped: 0, events };
}

it("an event of a mixed batch takes as many bytes as docs/telemetry.md says, plain and packed", async () => {
  const batch = await mixed();
  const types = new Set(batch.events.map(({ type }) => type));
  expect(types.size).toBeGreaterThan(6);
  expect(batch.events).toHaveLength(200);
  const text = JSON.stringify(batch);
  const plain = text.length / 200;
  const packed = gzipSync(text).length / 200;
  const [, said, saidPacked] =
    /event takes (\d+) bytes in such a batch, and (\d+) when it is packed/.exec(page) ?? [];
  expect(Math.round(plain)).toBe(Number(said));
  // Another zlib finds a little more or less.
  expect(Math.abs(packed - Number(saidPacked))).toBeLessThan(2);
});
