// Alfred's race lets losers run on, reports their errors as unhandled and never frees their bodies.
import { race, timeout } from "ninelives";
import { expect, it } from "vitest";
import { stage } from "../policies/stage.ts";

const down = new Error("down");

it("T4: a race's loser is aborted, its late error is nobody's, and its late body is cancelled", async () => {
  const cancelled: string[] = [];
  const body = () => new ReadableStream({ cancel: (reason) => void cancelled.push(String(reason)) });
  const { clock, origin, call } = stage(race(timeout("1s"), timeout("1s"), timeout("1s")));
  const seen = call();
  const signals = origin.calls.map(({ context }) => context.signal);
  const won = new Response("won");
  origin.calls[0]?.succeed(won);
  await clock.advance(0);
  expect(seen.seen).toEqual({ value: won });
  expect(signals.map(({ aborted }) => aborted)).toEqual([false, true, true]);
  origin.calls[1]?.fail(down);
  origin.calls[2]?.succeed(new Response(body()));
  await clock.advance(0);
  expect(cancelled.length).toBe(1);
  expect(await won.text()).toBe("won");
  expect(clock.pending).toBe(0);
});
