import type { Rate, RateLimiter, RateLimiterSnapshot } from "./rate-limiter.ts";
import { type Loss, leaseFor, Reporting } from "./reporting.ts";
import type { LimiterReport, LimiterView } from "./sync.ts";
import { TokenBucket } from "./token-bucket.ts";

/** How many replicas one that has never heard from the home takes itself to be among. */
const supposedFleet = 10;
/** Milliseconds between reports at least, however much is refused. */
const shortestPause = 500;

/**
 * One replica's part of a fleet's rate limit: a token bucket at the rate that the home has leased to it.
 *
 * Without a lease it keeps to its part of the fleet that it heard of last, or to a tenth when it never did. No promise, no
 * timer: the policy asks `due` at each call and does the talking.
 */
export class LeasedLimiter implements RateLimiter {
  readonly #reporting = new Reporting<LimiterReport>();
  readonly #bucket: TokenBucket;
  /** The whole fleet's. */
  #rate: Rate;
  /** The part of it in force. */
  #part: Rate;
  #epoch = 0;
  #fleet = supposedFleet;
  #urgency = 1;
  #chance = 0;
  #lease: { readonly seq: number; readonly share: number; readonly until: number } | undefined;
  #asked = 0;
  #answeredAt = -Infinity;
  #measuredAt = -Infinity;
  #demand = 0;
  /** How often the home had it forget what was counted; `Infinity` before it has heard from it. */
  #resets = Infinity;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#part = partOf(rate, 1 / supposedFleet);
    this.#bucket = new TokenBucket(this.#part);
  }

  /** The share of the fleet's limit in force, 0 to 1. */
  share(now: number): number {
    if (this.#lease !== undefined && now >= this.#lease.until) this.#lease = undefined;
    return this.#lease?.share ?? 1 / this.#fleet;
  }

  take(now: number, patience: number): number {
    this.#follow(now);
    this.#asked++;
    const wait = this.#bucket.take(now, patience);
    // More is wanted than was leased: the home hears of it soon, but not with each call.
    if (wait > patience && this.#chance < this.#urgency) {
      this.#reporting.hasten(Math.max(now, this.#answeredAt + shortestPause));
    }
    return wait;
  }

  giveBack(now: number): void {
    this.#bucket.giveBack(now);
  }

  available(now: number): number {
    this.#follow(now);
    return this.#bucket.available(now);
  }

  adjust(rate: Rate, now: number): void {
    this.#rate = rate;
    this.#follow(now);
  }

  snapshot(now: number): RateLimiterSnapshot {
    this.#follow(now);
    return this.#bucket.snapshot(now);
  }

  restore(snapshot: RateLimiterSnapshot, now: number): void {
    this.#bucket.restore(snapshot, now);
  }

  due(now: number): boolean {
    return this.#reporting.due(now);
  }

  get hangs(): number | undefined {
    return this.#reporting.hangs;
  }

  report(now: number, id: () => string): LimiterReport {
    return this.#reporting.send(now, this.#epoch, id, (head) => ({
      kind: "limiter",
      ...head,
      demand: this.#measure(now),
      lease: this.#lease?.seq ?? 0,
    }));
  }

  /** The answer to the report that was sent at `sentAt`. */
  answered(report: LimiterReport, view: LimiterView, sentAt: number, now: number, chance: number): void {
    if (!this.#reporting.answered(report, view.nextSync, now)) return;
    this.#answeredAt = now;
    this.#chance = chance;
    this.#urgency = view.urgency ?? 1;
    // A home that was restored from an older state leases what others may still be using.
    if (view.epoch < this.#epoch) return;
    this.#epoch = view.epoch;
    this.#fleet = view.fleet;
    if (view.ttl > 0 && now - sentAt <= leaseFor) {
      this.#lease = { seq: report.seq, share: view.share, until: sentAt + view.ttl };
    }
    this.#follow(now);
    const { resets = 0 } = view;
    if (resets > this.#resets) this.#bucket.restore({ used: 0 }, now);
    this.#resets = resets;
  }

  lost(report: LimiterReport, now: number, why: Loss, chance: number): number | undefined {
    return this.#reporting.lost(report, now, why, chance);
  }

  /** What it could use, as a share of the limit: an average of what was asked for since the last report and before. */
  #measure(now: number): number {
    const passed = now - this.#measuredAt;
    const { limit, per } = this.#rate;
    const asked = Number.isFinite(passed) ? (this.#asked * per) / (passed * limit) : 0;
    this.#demand = Math.max(asked, (this.#demand + asked) / 2);
    this.#asked = 0;
    this.#measuredAt = now;
    return this.#demand;
  }

  /** Goes on at the rate that is leased now. What it gains it has to wait for: a larger part brings no burst. */
  #follow(now: number): void {
    const part = partOf(this.#rate, this.share(now));
    const { limit, per, burst } = this.#part;
    if (limit === part.limit && per === part.per && burst === part.burst) return;
    const left = burst - this.#bucket.snapshot(now).used;
    this.#part = part;
    this.#bucket.adjust(part, now);
    this.#bucket.restore({ used: part.burst - Math.min(left, part.burst) }, now);
  }
}

/** At least one call must fit into the bucket, or none could ever go. */
function partOf({ limit, per, burst }: Rate, share: number): Rate {
  return { limit: limit * share, per, burst: Math.max(1, burst * share) };
}
