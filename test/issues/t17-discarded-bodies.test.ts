// A body that nobody reads holds its connection. What is true only of fetch (a stream as the request's body) is tested there.
import { compose, constant, fallback, type Outcome, orElse, retry, timeout, type Verdict } from "ninelives";
import { describe, expect, it } from "vitest";
import { type Stage, stage } from "../policies/stage.ts";

const classify = (outcome: Outcome): Verdict => {
  const failed = "error" in outcome || (outcome.value instanceof Response && !outcome.value.ok);
  return failed ? { kind: "failure", retryable: true } : { kind: "success", retryable: false };
};

/** A Response whose body notes that it was cancelled. */
function unavailable(cancelled: string[], name: string): Response {
  return new Response(new ReadableStream({ cancel: () => void cancelled.push(name) }), { status: 503 });
}

async function answerWith(staged: Stage, ...responses: Response[]): Promise<void> {
  for (const response of responses) {
    staged.origin.last.succeed(response);
    await staged.clock.advance(0);
  }
}

describe("T17: the body of a Response that a policy goes past is cancelled, and no other", () => {
  it("retry: each but the last", async () => {
    const cancelled: string[] = [];
    const staged = stage(retry({ attempts: 3, backoff: constant(0), jitter: "none" }), { classify });
    const seen = staged.call();
    const last = unavailable(cancelled, "third");
    await answerWith(staged, unavailable(cancelled, "first"), unavailable(cancelled, "second"), last);
    expect(seen.seen).toEqual({ value: last });
    expect(cancelled).toEqual(["first", "second"]);
    expect(staged.clock.pending).toBe(0);
  });

  it("retry: not one that a request must not be repeated for", async () => {
    const cancelled: string[] = [];
    const staged = stage(retry(3), { classify });
    const seen = staged.call({ repeatable: false });
    const only = unavailable(cancelled, "only");
    await answerWith(staged, only);
    expect(seen.seen).toEqual({ value: only });
    expect([cancelled, staged.origin.calls.length]).toEqual([[], 1]);
  });

  it("orElse and fallback: the one that was fallen back from", async () => {
    for (const policy of [fallback<unknown>("stale"), orElse(timeout("1s"), fallback<unknown>("stale"))]) {
      const cancelled: string[] = [];
      const staged = stage(policy as ReturnType<typeof timeout>, { classify });
      const seen = staged.call();
      await answerWith(staged, unavailable(cancelled, "first"));
      expect(cancelled).toEqual(["first"]);
      if (staged.origin.calls.length === 2) staged.origin.last.fail(new Error("down"));
      await staged.clock.advance(0);
      expect(seen.seen).toEqual({ value: "stale" });
    }
  });

  it("timeout: one that comes too late", async () => {
    const cancelled: string[] = [];
    const staged = stage(timeout("1s"), { classify });
    staged.call();
    await staged.clock.advance(1_000);
    await answerWith(staged, unavailable(cancelled, "late"));
    expect(cancelled).toEqual(["late"]);
  });

  it("retry > timeout: the winner's body is read to its end after the call, though the attempt's time is over", async () => {
    const staged = stage(compose(retry(2), timeout("1s")), { classify });
    const controller = new AbortController();
    const seen = staged.call({ signal: controller.signal });
    const { signal } = staged.origin.last.context;
    let body: ReadableStreamDefaultController<Uint8Array> | undefined;
    const stream = new ReadableStream<Uint8Array>({
      start(given) {
        body = given;
      },
    });
    const response = new Response(stream);
    await answerWith(staged, response);
    await staged.clock.advance(10_000);
    expect(signal.aborted).toBe(false);
    body?.enqueue(new TextEncoder().encode("slow"));
    body?.close();
    expect(seen.seen).toEqual({ value: response });
    expect(await response.text()).toBe("slow");
    controller.abort("read enough");
    expect(signal.reason).toBe("read enough");
  });
});
