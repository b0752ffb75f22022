import { known, span } from "../core/check.ts";
import { judgeValue, pushesBack, type Verdict } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import type { DescribedCall } from "../core/description.ts";
import type { Duration } from "../core/duration.ts";
import { between } from "../core/options.ts";
import { AimdRate } from "../state/aimd-rate.ts";
import { judgeError } from "./verdict.ts";

/** How a rate follows what the service says; it makes a follower for each policy that uses it. */
export interface RateFeedback extends DescribedCall {
  follower(): RateFollower;
}

export interface AimdRateOptions {
  /** What the rate is multiplied by when the service asks for less. Default 0.5. */
  readonly decrease?: number;
  /** The share of the limit that comes back in each `per`. Default 0.1. */
  readonly increase?: number;
  /** The share of the limit that is always left. Default 0.05. */
  readonly minimum?: number;
  /** How long a `Retry-After` may stop all calls, at most. Default 1 m. */
  readonly maximumPause?: Duration;
}

/**
 * Lets a rate down at once when the service asks for less, and up again slowly.
 *
 * A sign is an answer with a 429, or one that says when to come back (`Retry-After`), as the environment's `classify` reads
 * it; nothing goes before that time. Answers to calls that were under way at the last decrease make no further one.
 *
 * @example
 * const policy = rateLimit({ limit: 100, feedback: aimdRate({ decrease: 0.7 }) });
 */
export function aimdRate(options: AimdRateOptions = {}): RateFeedback {
  known(options, "aimdRate", ["decrease", "increase", "minimum", "maximumPause"]);
  const share = between(0.001, 1);
  const decrease = between(0.001, 0.999)(options.decrease ?? 0.5, "aimdRate: decrease");
  const increase = share(options.increase ?? 0.1, "aimdRate: increase");
  const minimum = share(options.minimum ?? 0.05, "aimdRate: minimum");
  const maximumPause = span(options.maximumPause ?? "1m", "aimdRate: maximumPause");
  return {
    recipe: {
      call: "aimdRate",
      given: options,
      table: { decrease: { named: true }, increase: {}, minimum: {}, maximumPause: { duration: true } },
    },
    follower: () => new RateFollower(new AimdRate(decrease, increase, minimum), maximumPause),
  };
}

/** Listens to the answers that calls under a rate limit get. */
export class RateFollower {
  readonly rate: AimdRate;
  readonly #maximumPause: number;

  constructor(rate: AimdRate, maximumPause: number) {
    this.rate = rate;
    this.#maximumPause = maximumPause;
  }

  /**
   * Takes note of what an answer says.
   *
   * @param began when its call went out
   * @param changed is called when it asked for less
   */
  hear(
    answer: Promise<unknown>,
    context: Context,
    began: number,
    changed: (context: Context, now: number) => void,
  ): void {
    const { environment } = context;
    const note = (verdict: Verdict | undefined): void => {
      if (verdict === undefined || !pushesBack(verdict)) return;
      const now = environment.clock.now();
      this.rate.pause(Math.min(verdict.retryAfter ?? 0, this.#maximumPause), now);
      // An answer that succeeded and says when to come back gave a hint, and was no sign of too much.
      if (verdict.kind !== "success") this.rate.lower(began, now);
      changed(context, now);
    };
    answer.then(
      (value) => note(judgeValue(environment, value)),
      (error: unknown) => note(judgeError(error, context)),
    );
  }
}
