import type { Changeable } from "../core/adaptive.ts";
import { span, within } from "../core/check.ts";
import { judgeValue, pushesBack, type Verdict } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import type { DescribedCall } from "../core/description.ts";
import type { Duration } from "../core/duration.ts";
import { between, rulesOf, type Table } from "../core/options.ts";
import { AimdRate, type AimdRateRules, type AimdRateSnapshot } from "../state/aimd-rate.ts";
import type { Rate, RateLimiterSnapshot } from "../state/rate-limiter.ts";
import type { RateMeter } from "./rate-meter.ts";
import { judgeError } from "./verdict.ts";

/** How a rate follows what the service says; it makes a follower for each policy that uses it. */
export interface RateFeedback extends DescribedCall {
  /** @param apply puts a rate into force, for those too that wait */
  follower(apply: (rate: Rate, now: number) => void): RateFollower;
}

export interface AimdRateOptions {
  /** What the rate is multiplied by when the service asks for less. Default 0.5. */
  readonly decrease?: Changeable<number>;
  /** The share of the limit that comes back in each `per`. Default 0.1. */
  readonly increase?: Changeable<number>;
  /** The share of the limit that is always left. Default 0.05. */
  readonly minimum?: Changeable<number>;
  /** How long a `Retry-After` may stop all calls, at most. Default 1 m. */
  readonly maximumPause?: Changeable<Duration>;
}

const share = between(0.001, 1);
const table = {
  decrease: { check: between(0.001, 0.999), initial: 0.5, named: true },
  increase: { check: share, initial: 0.1 },
  minimum: { check: share, initial: 0.05 },
  maximumPause: { check: span, initial: "1m", duration: true },
} as const;

/** @internal The options of `aimdRate`, for tools. */
export const aimdRateTable: Table = table;

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
  const { rules, recipe } = rulesOf("aimdRate", options, table);
  return { recipe, follower: (apply) => new RateFollower(rules, apply) };
}

/** Listens to the answers that calls under a rate limit get. */
export class RateFollower {
  /** The share of the rate in force. */
  share = 1;
  readonly #machine: AimdRate;
  readonly #rules: { readonly maximumPause: number };
  readonly #apply: (rate: Rate, now: number) => void;
  /** The whole rate. */
  #rate!: Rate;
  /** What the next call begins with: before the first one nobody knows by which clock. */
  #restored: AimdRateSnapshot | undefined;

  constructor(
    rules: AimdRateRules & { readonly maximumPause: number },
    apply: (rate: Rate, now: number) => void,
  ) {
    this.#machine = new AimdRate(rules);
    this.#rules = rules;
    this.#apply = apply;
  }

  /** Until when nothing should go. */
  get pausedUntil(): number {
    return this.#machine.pausedUntil;
  }

  /** As much of a rate as the service bears now. */
  scaled(rate: Rate, context: Context, now: number): Rate {
    const { limit, per } = rate;
    if (this.#restored !== undefined) this.#machine.restore(this.#restored, now);
    this.#restored = undefined;
    const share = this.#machine.share(per, now);
    if (share !== this.share) {
      context.emit({ type: "rate-limit.changed", limit: limit * share, from: limit * this.share, per });
    }
    this.share = share;
    this.#rate = rate;
    return shareOf(rate, share);
  }

  /** What the limiter's meter keeps, and what has been found. */
  snapshot(meter: RateMeter): RateLimiterSnapshot & AimdRateSnapshot {
    const found = this.#restored ?? this.#machine.snapshot(meter.clock.now());
    return { ...meter.snapshot(), ...found };
  }

  /** @throws RangeError for what is no snapshot; all then stays as it was */
  restore(snapshot: RateLimiterSnapshot & Partial<AimdRateSnapshot>, meter: RateMeter): void {
    const { share: part = 1, pause = 0 } = Object(snapshot) as Partial<AimdRateSnapshot>;
    const found = {
      share: share(part, "restore: share"),
      pause: within(pause, "restore: pause", 0, 1e15),
    };
    meter.restore(snapshot);
    this.#restored = found;
    this.share = found.share;
  }

  /**
   * Takes note of what an answer says.
   *
   * @param began when its call went out
   */
  hear(answer: Promise<unknown>, context: Context, began: number): void {
    const { environment } = context;
    const note = (verdict: Verdict | undefined): void => {
      if (verdict === undefined || !pushesBack(verdict)) return;
      const now = environment.clock.now();
      this.#machine.pause(Math.min(verdict.retryAfter ?? 0, this.#rules.maximumPause), now);
      // An answer that succeeded and says when to come back gave a hint, and was no sign of too much.
      if (verdict.kind !== "success") this.#machine.lower(began, now);
      // What was asked for holds from now on, and not only from the next call.
      this.#apply(this.scaled(this.#rate, context, now), now);
    };
    answer.then(
      (value) => note(judgeValue(environment, value)),
      (error: unknown) => note(judgeError(error, context)),
    );
  }
}

/** A share of a rate: whole calls, in as much more time as makes up for the fraction. */
function shareOf({ limit, per, burst }: Rate, share: number): Rate {
  if (share === 1) return { limit, per, burst };
  const exact = limit * share;
  const whole = Math.max(1, Math.floor(exact));
  return { limit: whole, per: (per * whole) / exact, burst: Math.max(1, Math.floor(burst * share)) };
}
