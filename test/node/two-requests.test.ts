// Storyblok's throttle waits for ever when the request whose timer should have freed it has ended. Whatever two requests of
// one Worker share must bear that a timer, a signal and a call belong to one of them: in a real workerd, at the oldest
// compatibility date that is supported and at the newest.
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { newestDate, startWorkerd, type Workerd } from "./workerd.ts";

const oldest = "2024-10-14";
const newest = await newestDate();

interface Answer {
  readonly value?: string;
  readonly error?: string;
  /** How often the request's own call went out. */
  readonly calls: number;
}

describe.each([oldest, newest])("T10: at compatibility date %s", (date) => {
  let workerd: Workerd;
  beforeAll(async () => {
    workerd = await startWorkerd("test/node/two-requests-worker.ts", date);
  }, 30_000);
  afterAll(() => workerd.stop());

  const ask = async (path: string): Promise<Answer> => {
    const response = await fetch(`${workerd.url}/${path}`);
    expect([response.status, workerd.complaints]).toEqual([200, []]);
    return (await response.json()) as Answer;
  };
  const begun = async (): Promise<number> => (await fetch(workerd.url)).json() as Promise<number>;
  /** A request whose call has reached the service, so that others come second; its answer is still to come. */
  const askFirst = async (path: string): Promise<{ readonly answer: Promise<Answer> }> => {
    const before = await begun();
    const answer = ask(path);
    await vi.waitFor(async () => expect(await begun()).toBeGreaterThan(before), {
      timeout: 10_000,
      interval: 10,
    });
    return { answer };
  };

  const done: Answer = { value: "done", calls: 1 };

  it.each(["bulkhead", "adaptiveLimit"])(
    "%s: a waiter is let in by the end of another request, and runs in its own",
    async (policy) => {
      const holds = await askFirst(`${policy}?until=queued`);
      expect(await Promise.all([holds.answer, ask(policy), ask(policy)])).toEqual([done, done, done]);
      expect(await ask(policy)).toEqual(done);
    },
  );

  it("bulkhead: a waiter gives up by its own timer while another request holds the slot", async () => {
    const holds = await askFirst("impatient?until=rejected");
    expect(await ask("impatient")).toEqual({ error: "bulkhead-full", calls: 0 });
    expect(await holds.answer).toEqual(done);
    expect(await ask("impatient")).toEqual(done);
  });

  it("timeout > bulkhead: a call that was cut off gives its slot back, though its request ended before it did", async () => {
    const policy = encodeURIComponent("timeout > bulkhead");
    const cutOff: Answer = { error: "timeout", calls: 1 };
    for (let made = 0; made < 3; made++) expect(await ask(`${policy}?until=never`)).toEqual(cutOff);
    expect(await ask(policy)).toEqual(done);
  });

  it("timeout > coalesce: an answer reaches those who wait for it in other requests", async () => {
    const policy = encodeURIComponent("timeout > coalesce");
    const first = await askFirst(`${policy}?until=coalesced`);
    const others = await Promise.all([ask(policy), ask(policy)]);
    expect(await first.answer).toEqual(done);
    expect(others).toEqual([1, 2].map(() => ({ value: "done", calls: 0 })));
  });

  it("coalesceGets: a body reaches those who wait for it in other requests, each in a Response of its own", async () => {
    const first = await askFirst("coalesceGets?until=coalesced");
    const others = await Promise.all([ask("coalesceGets"), ask("coalesceGets")]);
    expect(await first.answer).toEqual(done);
    expect(others).toEqual([1, 2].map(() => ({ value: "done", calls: 0 })));
    expect(await ask("coalesceGets")).toEqual(done);
  });

  it("timeout > coalesce: a call whose request has ended holds nobody for longer than its timeout", async () => {
    const policy = encodeURIComponent("short timeout > coalesce");
    const first = await askFirst(`${policy}?until=never`);
    expect((await ask(policy)).error).toBe("timeout");
    expect((await first.answer).error).toBe("timeout");
    expect(await ask(policy)).toEqual(done);
  });

  it.each<[string, string, Answer]>([
    ["rateLimit", "rateLimit", done],
    ["timeout", "timeout?until=never", { error: "timeout", calls: 1 }],
    ["retry", "retry?fails", { error: "Error: down", calls: 2 }],
    ["hedge", "hedge?until=hedged", done],
  ])("%s: each request has its own timer", async (_, path, expected) => {
    const answers = [ask(path), ask(path), ask(path)];
    for (const answer of await Promise.all(answers))
      expect(answer).toEqual({ ...expected, calls: Math.max(expected.calls, answer.calls) });
  });
});
