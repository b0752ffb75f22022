// failsafe-go reads Retry-After as seconds only. Reading the header is the fetch layer's; what a retry makes of the wait
// that a verdict asks for is here.
import { constant, retry, type Verdict } from "ninelives";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

it.each<[string, number | undefined, number]>([
  ["nothing", undefined, 100],
  ["less than the back-off", 10, 100],
  ["no time", 0, 100],
  ["negative time", -5_000, 100],
  ["more than the back-off", 5_000, 5_000],
  ["a huge time, which the cap bounds", 1e12, 30_000],
  ["for ever, which the cap bounds", Number.POSITIVE_INFINITY, 30_000],
])("T11: asked for %s (%s ms) a retry waits %d ms", async (_, retryAfter, delay) => {
  const policy = retry({ attempts: 2, backoff: constant(100), jitter: "none" });
  const classify = (outcome: object): Verdict =>
    "error" in outcome
      ? { kind: "failure", retryable: true, retryAfter }
      : { kind: "success", retryable: false };
  const { clock, origin, call } = stage(policy, { classify });
  call();
  origin.last.fail(new Error("busy"));
  await clock.advance(delay - 1);
  expect(origin.calls.length).toBe(1);
  await clock.advance(1);
  expect(origin.calls.length).toBe(2);
  origin.last.succeed("ok");
  await clock.advance(0);
  expect(clock.pending).toBe(0);
});
