import type { Trace } from "./call.ts";
import { type Classify, classifyThrown } from "./classify.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { EventSink } from "./events.ts";
import { type Random, systemRandom } from "./random.ts";

/** What a chain of policies takes from the outside world. */
export interface Environment {
  /** Stands in every event as `policy`. */
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Where events go; when there is none, no event is made. */
  readonly sink: EventSink | undefined;
  /** The one judge of the chain. */
  readonly classify: Classify;
  /** Frees a value that nobody will get: it lost a race, or a retry went past it. */
  readonly discard: (value: unknown) => void;
  /** Keeps the platform running until background work has settled (Workers, service workers). */
  readonly waitUntil: (work: Promise<unknown>) => void;
  /** @internal The span of the policy around, where policies have spans. */
  readonly span?: Trace;
}

/** Cancels the body of a Response, which would else hold its connection; lets any other value go. */
export function cancelBody(value: unknown): void {
  const { body } = Object(value);
  if (body instanceof ReadableStream && !body.locked) body.cancel().catch(() => {});
}

/** The platform's own: its clock and random numbers, no events, nothing kept running. */
export const platform: Environment = {
  name: "default",
  clock: systemClock,
  random: systemRandom,
  sink: undefined,
  classify: classifyThrown,
  discard: cancelBody,
  waitUntil: () => {},
};
