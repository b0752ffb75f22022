import { type Loss, Reporting } from "./reporting.ts";
import type { LeaseReport, LeaseView } from "./sync.ts";

/** One replica's side of a lease: whether it holds it, by its own clock, and when to report. No promise, no timer. */
export class LeaseHolder {
  readonly #reporting = new Reporting<LeaseReport>();
  readonly #ttl: number;
  /** The newest epoch heard of. */
  #epoch = 0;
  #token: number | undefined;
  #until = 0;
  /** Whether the home may think that this replica holds the lease, though it does not want to. */
  #owes = false;

  constructor(ttl: number) {
    this.#ttl = ttl;
  }

  /** The fencing token, while it holds the lease. */
  token(now: number): number | undefined {
    if (this.#token !== undefined && now >= this.#until) this.#token = undefined;
    return this.#token;
  }

  /** Milliseconds for which it still holds it. */
  remaining(now: number): number {
    return this.token(now) === undefined ? 0 : this.#until - now;
  }

  /** Whether the home has still to hear that it is given up. */
  get owes(): boolean {
    return this.#owes;
  }

  /** Holds it no longer, from now on; the home is told by the next report, which is due at once. */
  giveUp(now: number): void {
    this.#owes ||= this.token(now) !== undefined || this.#reporting.waiting;
    this.#token = undefined;
    this.hasten(now);
  }

  hasten(now: number): void {
    this.#reporting.hasten(now);
  }

  due(now: number): boolean {
    return this.#reporting.due(now);
  }

  /** Milliseconds until the next report is due. */
  dueIn(now: number): number {
    return this.#reporting.dueIn(now);
  }

  report(now: number, wants: boolean, id: () => string): LeaseReport {
    return this.#reporting.send(now, this.#epoch, id, (head) => ({
      kind: "lease",
      ...head,
      wants,
      ttl: this.#ttl,
    }));
  }

  /** The answer to the report that was sent at `sentAt`: the lease counts from then. */
  answered(report: LeaseReport, view: LeaseView, sentAt: number, now: number): void {
    this.#reporting.answered(report, view.nextSync, now);
    if (!report.wants) this.#owes = false;
    // A view of an older epoch comes from a home that forgot: what it says of the holder nobody else will accept.
    if (view.epoch < this.#epoch) return;
    this.#epoch = view.epoch;
    this.#token = view.held && report.wants && !this.#owes ? view.epoch : undefined;
    this.#until = sentAt + view.remaining;
    if (this.#owes) this.hasten(now);
  }

  /** News: a new epoch has begun, so that whoever held the lease before does so no longer. */
  hear(view: LeaseView, now: number): void {
    if (view.epoch <= this.#epoch) return;
    this.#epoch = view.epoch;
    this.#token = undefined;
    this.hasten(now);
  }

  lost(report: LeaseReport, now: number, why: Loss, chance: number): number | undefined {
    return this.#reporting.lost(report, now, why, chance);
  }
}
