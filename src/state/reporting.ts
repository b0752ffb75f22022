import type { Report } from "./sync.ts";

/** Milliseconds after which a report that got no answer may be sent again; an answer that comes later brings no leave. */
export const leaseFor = 5_000;
/** Milliseconds between reports until a view says otherwise. */
const firstInterval = 1_000;
const longestInterval = 30_000;
/** Milliseconds: a sum of fractions, less one of them, may be more than the other. */
const rounding = 1;

/** Milliseconds after which a new report is sent to a home that refused one; longer each time, up to the other. */
const refusedFor = 30_000;
const longestRefusal = 600_000;

/**
 * What became of a report that got no answer: nobody knows, the home has too much to do, or it will never take this one (it
 * is too large, malformed, or its sender may not).
 */
export type Loss = "lost" | "overloaded" | "refused";

/** What every report begins with. */
export type Head = Pick<Report, "replica" | "seq" | "epoch">;

/**
 * When one replica reports, and what becomes of its reports: one at a time, again unchanged as long as its fate is
 * unknown, and less and less often where nobody answers.
 */
export class Reporting<R extends Report> {
  #id = "";
  #seq = 0;
  /** The report whose fate is unknown. */
  #unanswered: R | undefined;
  #underWay = false;
  #leaseUntil = 0;
  #lease = leaseFor;
  #nextSync = 0;
  #pause = 0;
  #lost = 0;
  #refusals = 0;

  /** When the next report is due. */
  get nextSync(): number {
    return this.#nextSync;
  }

  /** Whether a report should be sent now. A time that lies impossibly far ahead, by a clock that jumped, is void. */
  due(now: number): boolean {
    const leased = now < this.#leaseUntil && this.#leaseUntil - now <= this.#lease + rounding;
    const waits = now < this.#nextSync && this.#nextSync - now <= this.#pause + rounding;
    return !leased && !waits;
  }

  /** Milliseconds until a report is due, if the clock does not jump. */
  dueIn(now: number): number {
    return this.due(now) ? 0 : Math.max(this.#leaseUntil, this.#nextSync) - now;
  }

  /** Whether there is a report whose fate is unknown. */
  get waiting(): boolean {
    return this.#unanswered !== undefined;
  }

  /** Makes the next report due now: there is news. */
  hasten(now: number): void {
    // After a failure to reach the home, its own pace holds: news does not make it reachable.
    if (this.#lost === 0) this.#nextSync = Math.min(this.#nextSync, now);
  }

  /**
   * Milliseconds for which a home that did not answer the last report is left alone once more, or nothing where all is
   * well.
   */
  get hangs(): number | undefined {
    return this.#underWay ? this.#leaseAfter(this.#lost + 1) : undefined;
  }

  /** The report to send; nobody else sends one meanwhile. */
  send(now: number, epoch: number, id: () => string, make: (head: Head) => R): R {
    if (this.#underWay) this.#lost++;
    this.#underWay = true;
    this.#lease = this.#leaseAfter(this.#lost);
    this.#leaseUntil = now + this.#lease;
    if (this.#unanswered !== undefined) return this.#unanswered;
    if (this.#id === "") this.#id = id();
    this.#unanswered = make({ replica: this.#id, seq: ++this.#seq, epoch });
    return this.#unanswered;
  }

  /**
   * An answer came. Says whether it is the one that was waited for: a report may have been sent twice, and its second
   * answer come when another report is already under way.
   */
  answered(report: R, nextSync: number, now: number): boolean {
    if (report !== this.#unanswered) return false;
    this.#unanswered = undefined;
    this.#underWay = false;
    this.#leaseUntil = 0;
    this.#lost = this.#refusals = 0;
    this.wait(now, nextSync);
    return true;
  }

  /**
   * No answer. The same report goes again, later and later; `overloaded` asks for four times the pause. One that was
   * `refused` is dropped, with what it said, and the next one goes much later.
   *
   * @param chance 0 to 1: what makes replicas that lost their home together come back one by one
   * @returns in how many milliseconds, or nothing when the report has been answered meanwhile
   */
  lost(report: R, now: number, why: Loss, chance = 0): number | undefined {
    if (report !== this.#unanswered) return undefined;
    this.#underWay = false;
    this.#leaseUntil = 0;
    this.#lost++;
    const refused = why === "refused";
    if (refused) this.#unanswered = undefined;
    this.#refusals = refused ? this.#refusals + 1 : 0;
    const pause = refused
      ? Math.min(longestRefusal, refusedFor * 2 ** Math.min(this.#refusals - 1, 10))
      : Math.min(
          longestInterval,
          firstInterval * 2 ** Math.min(this.#lost, 10) * (why === "overloaded" ? 4 : 1),
        );
    const retryIn = Math.round(pause * (1 + chance / 2));
    this.wait(now, retryIn);
    return retryIn;
  }

  /** Lets the next report wait. */
  wait(now: number, ms: number): void {
    this.#nextSync = now + ms;
    this.#pause = ms;
  }

  #leaseAfter(lost: number): number {
    return Math.min(longestInterval, leaseFor * 2 ** Math.min(lost, 10));
  }
}
