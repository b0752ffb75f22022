// cockatiel finishes the wait before it looks at the abort.
import { constant, retry } from "ninelives";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

it("T1: an abort during the back-off rejects at once with the caller's reason, and nothing is called again", async () => {
  const { clock, origin, call } = stage(retry({ attempts: 5, backoff: constant("10s"), jitter: "none" }));
  const controller = new AbortController();
  const reason = { why: "navigated" };
  const seen = call({ signal: controller.signal });
  origin.last.fail(new Error("down"));
  await clock.advance(1_000);
  controller.abort(reason);
  await clock.advance(0);
  expect(seen.error).toBe(reason);
  expect(clock.pending).toBe(0);
  await clock.advance(60_000);
  expect(origin.calls.length).toBe(1);
});
