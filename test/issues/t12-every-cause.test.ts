// Alfred's fallback throws the fallback's error and drops what it fell back from.
import { type AnyPolicy, answer, compose, constant, orElse, race, retry, timeout } from "ninelives";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const failing = (message: string): AnyPolicy =>
  answer<unknown>(() => Promise.reject(new Error(message))) as unknown as AnyPolicy;
const once = retry({ attempts: 1, backoff: constant(0) });

it.each<[string, AnyPolicy, string[]]>([
  ["orElse", orElse(failing("a"), failing("b")), ["a", "b"]],
  ["a fallback that fails", orElse(timeout("1s"), failing("fallback")), ["down", "fallback"]],
  ["race", race(failing("a"), failing("b"), failing("c")), ["a", "b", "c"]],
  [
    "orElse > retry > race > orElse",
    orElse(compose(once, race(failing("a"), orElse(failing("b"), failing("c")))), failing("d")),
    ["a", "b", "c", "d"],
  ],
])("T12: %s keeps every cause, in order", async (_, policy, messages) => {
  const { clock, origin, call } = stage(policy);
  origin.script(() => Promise.reject(new Error("down")));
  const seen = call();
  await clock.advance(0);
  const error = seen.error as AggregateError;
  expect(error).toBeInstanceOf(AggregateError);
  expect(error.errors.map(({ message }: Error) => message)).toEqual(messages);
  expect(clock.pending).toBe(0);
});
