import { type Tunable, tunable } from "../core/adaptive.ts";
import { known, whole } from "../core/check.ts";
import type { TimerHandle } from "../core/clock.ts";
import type { Context } from "../core/context.ts";
import { argument, durationArgument, given } from "../core/description.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import { RejectedError } from "../core/errors.ts";
import type { AbortListener } from "../core/leg.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";

export interface BulkheadOptions {
  /** Calls that run at a time. */
  readonly limit: Tunable<number>;
  /** Calls that may wait for a slot. Default 0: a call without a slot is rejected. */
  readonly queue?: Tunable<number>;
  /** How long a call may wait. Required with a queue. */
  readonly maximumWait?: Tunable<Duration>;
}

/** A bulkhead is also a window on its own load. */
export interface Bulkhead extends Policy {
  /** Calls running now. */
  readonly active: number;
  /** Calls waiting now. */
  readonly queued: number;
}

const checkLimit = (value: number): number => whole(value, "bulkhead: limit");
const checkQueue = (value: number): number => whole(value, "bulkhead: queue", 0);
const checkMaximumWait = (value: Duration): number => milliseconds(value, "bulkhead: maximumWait");

/** A call in the queue, with its own timer: on Workers nobody else's would wake it. */
class Waiter implements AbortListener {
  readonly #queue: Set<Waiter>;
  readonly #context: Context;
  readonly #admit: () => void;
  readonly #refuse: (reason: unknown) => void;
  readonly #timer: TimerHandle;

  constructor(
    queue: Set<Waiter>,
    context: Context,
    wait: number,
    admit: () => void,
    refuse: (reason: unknown) => void,
    late: () => unknown,
  ) {
    this.#queue = queue;
    this.#context = context;
    this.#admit = admit;
    this.#refuse = refuse;
    this.#timer = context.environment.clock.setTimer(() => {
      this.#leave();
      refuse(late());
    }, wait);
    queue.add(this);
    context.leg.add(this);
  }

  admit(): void {
    this.#leave();
    this.#admit();
  }

  onAbort(reason: unknown): void {
    this.#leave();
    this.#refuse(reason);
  }

  #leave(): void {
    this.#queue.delete(this);
    this.#context.environment.clock.clearTimer(this.#timer);
    this.#context.leg.remove(this);
  }
}

/**
 * Lets so many calls run at a time, so that one slow dependency cannot take all there is.
 *
 * A call that finds no slot waits in turn, if there is a queue, for `maximumWait` or until its own deadline or abort;
 * else it is rejected with `bulkhead-full`. A slot comes back when the service has settled, not when its caller gave up.
 *
 * @example
 * const policy = bulkhead({ limit: 10, queue: 50, maximumWait: "1s" });
 */
export function bulkhead(limitOrOptions: number | BulkheadOptions): Bulkhead {
  const chosen: BulkheadOptions =
    typeof limitOrOptions === "number" ? { limit: limitOrOptions } : limitOrOptions;
  known(chosen, "bulkhead", ["limit", "queue", "maximumWait"]);
  if (chosen.queue !== undefined && chosen.queue !== 0 && chosen.maximumWait === undefined) {
    throw new TypeError("bulkhead: maximumWait is required with a queue: nothing may wait for ever");
  }
  const limit = tunable(chosen.limit, checkLimit);
  const places = tunable(chosen.queue ?? 0, checkQueue);
  const patience = tunable(chosen.maximumWait ?? 0, checkMaximumWait);
  const queue = new Set<Waiter>();
  let active = 0;

  const description = {
    policy: "bulkhead",
    arguments: given(
      argument(chosen.limit),
      argument(chosen.queue, "queue"),
      durationArgument(chosen.maximumWait, "maximumWait"),
    ),
  };

  function full(context: Context, why: string): RejectedError {
    context.emit({ type: "bulkhead.rejected", active, limit: limit(context), queued: queue.size });
    return new RejectedError("bulkhead-full", "bulkhead", why);
  }

  /** A limit that has shrunk takes its slots back as they come free; one that has grown lets more in. */
  function admit(context: Context): void {
    for (const waiter of queue) {
      if (active >= limit(context)) return;
      waiter.admit();
    }
  }

  const policy = definePolicy(description, <Q, S>(next: Service<Q, S>) => {
    function run(request: Q, context: Context, waited: number): Promise<S> {
      active++;
      if (context.observed) {
        context.emit({ type: "bulkhead.acquired", active, limit: limit(context), waited });
      }
      const release = (): void => {
        active--;
        admit(context);
      };
      let answer: Promise<S>;
      try {
        answer = next(request, context);
      } catch (error) {
        release();
        return Promise.reject(error);
      }
      answer.then(release, release);
      return answer;
    }

    return function bulkhead(request: Q, context: Context): Promise<S> {
      if (queue.size > 0) admit(context);
      if (active < limit(context)) return run(request, context, 0);
      if (context.leg.aborted) return Promise.reject(context.leg.reason);
      if (queue.size >= places(context)) {
        return Promise.reject(
          full(context, `all ${limit(context)} slots and ${queue.size} places are taken`),
        );
      }
      const { clock } = context.environment;
      const since = clock.now();
      const wait = Math.min(patience(context), context.remaining());
      return new Promise<S>((resolve, reject) => {
        new Waiter(
          queue,
          context,
          wait,
          () => resolve(run(request, context, clock.now() - since)),
          reject,
          () => full(context, `no slot within ${wait} ms`),
        );
      });
    };
  });

  return Object.defineProperties(policy, {
    active: { get: () => active, enumerable: true },
    queued: { get: () => queue.size, enumerable: true },
  }) as Bulkhead;
}
