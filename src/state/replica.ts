import type { CircuitReport as Report, SharedRules, CircuitView as View } from "./sync.ts";

/** Milliseconds after which a report that got no answer may be sent again. */
const leaseFor = 5_000;
/** Milliseconds between reports until a view says otherwise. */
const firstInterval = 1_000;
const longestInterval = 30_000;

/**
 * One replica's side of a shared circuit: the last view, the counts for the next report, and when to send it.
 *
 * No promise, no timer: the policy asks `due` at each call and does the talking.
 */
export class Replica {
  view: View | undefined;
  readonly #rules: SharedRules;
  #id = "";
  #seq = 0;
  #ok = 0;
  #fail = 0;
  #slow = 0;
  #wantsProbe = false;
  #probe: { permit: string; ok: boolean } | undefined;
  /** Milliseconds that the last failure asked to wait. */
  #asked: number | undefined;
  /** The report whose fate is unknown. */
  #unanswered: Report | undefined;
  #leaseUntil = 0;
  #nextSync = 0;
  #seenAt = 0;
  #lost = 0;
  /** The leave to probe, until it is used or over. */
  #permit: { readonly id: string; readonly until: number } | undefined;
  /** The id of the last permit that a call took: while its call is under way the home still names it in its views. */
  #taken = "";

  constructor(rules: SharedRules) {
    this.#rules = rules;
  }

  /**
   * Counts an outcome of a call that began in `epoch`.
   *
   * @param asked milliseconds that a failure asked to wait
   */
  count(epoch: number, ok: boolean, slow: boolean, asked?: number): void {
    if (epoch !== this.epoch) return;
    if (ok) this.#ok++;
    else {
      this.#fail++;
      this.#asked = asked;
    }
    if (slow) this.#slow++;
  }

  get epoch(): number {
    return this.view?.epoch ?? 0;
  }

  /**
   * What the fleet says of a call: `pass` leaves it to the local circuit, `bypass` lets it through whatever that says,
   * `expired` means that an open view has outlived its time and the local circuit must probe by itself.
   */
  gate(now: number): "pass" | "bypass" | "refuse" | "probe" | "expired" {
    const { view } = this;
    switch (view?.state) {
      case undefined:
      case "closed":
        return "pass";
      case "disabled":
      case "metrics-only":
        return "bypass";
      case "forced-open":
        return "refuse";
      case "open":
      case "half-open": {
        if (now > this.#seenAt + view.remaining + view.openFor + 3 * view.nextSync) {
          this.view = { ...view, state: "closed" };
          return "expired";
        }
        if (this.#permit !== undefined && now < this.#permit.until) return "probe";
        this.#wantsProbe = true;
        // It half-opens when somebody reports. From then on the home's own pace holds, or all would ask at once.
        if (view.state === "open" && now >= this.#seenAt + view.remaining) this.hasten(now);
        return "refuse";
      }
    }
  }

  /** Milliseconds until a call that the fleet refused may pass. */
  retryAfter(now: number): number {
    const { view } = this;
    if (view?.state === "forced-open") return Infinity;
    const left = view?.state === "open" ? this.#seenAt + view.remaining - now : 0;
    return Math.max(left, this.#nextSync - now, 0);
  }

  /** Takes the permit, for one call. */
  takePermit(): { readonly id: string; readonly until: number } {
    const permit = this.#permit as { readonly id: string; readonly until: number };
    this.#permit = undefined;
    this.#taken = permit.id;
    return permit;
  }

  /** Gives a permit of `epoch` back unused: its call told nothing. */
  returnPermit(permit: { readonly id: string; readonly until: number }, epoch: number, now: number): void {
    if (epoch !== this.epoch || now >= permit.until) return;
    this.#permit = permit;
    this.#taken = "";
  }

  /** How a probe under a permit of `epoch` ended; it is reported at once. */
  probed(permit: string, epoch: number, ok: boolean, now: number): void {
    if (epoch !== this.epoch) return;
    this.#probe = { permit, ok };
    this.hasten(now);
  }

  /** Makes the next report due now: there is news. */
  hasten(now: number): void {
    // After a failure to reach the home, its own pace holds: news does not make it reachable.
    if (this.#lost === 0) this.#nextSync = Math.min(this.#nextSync, now);
  }

  /** Whether a report should be sent now. A lease that lies impossibly far ahead, by a clock that jumped, is void. */
  due(now: number): boolean {
    const leased = now < this.#leaseUntil && this.#leaseUntil - now <= leaseFor;
    return now >= this.#nextSync && !leased;
  }

  /** The report to send; takes the lease. */
  report(now: number, open: boolean, id: () => string): Report {
    this.#leaseUntil = now + leaseFor;
    if (this.#unanswered !== undefined) return this.#unanswered;
    if (this.#id === "") this.#id = id();
    const report: Report = {
      replica: this.#id,
      seq: ++this.#seq,
      epoch: this.epoch,
      ok: this.#ok,
      fail: this.#fail,
      slow: this.#slow,
      open,
      wantsProbe: this.#wantsProbe,
      ...(this.#probe === undefined ? {} : { probe: this.#probe }),
      ...(this.#asked === undefined ? {} : { asked: this.#asked }),
      rules: this.#rules,
    };
    this.#ok = this.#fail = this.#slow = 0;
    this.#wantsProbe = false;
    this.#probe = undefined;
    this.#asked = undefined;
    this.#unanswered = report;
    return report;
  }

  /**
   * The answer to the report that was sent at `sentAt`. Says whether a new epoch began.
   *
   * A report may have been sent twice, and its second answer come when another report is already under way.
   */
  answered(report: Report, view: View, sentAt: number, now: number): boolean {
    if (report === this.#unanswered) {
      this.#unanswered = undefined;
      this.#leaseUntil = 0;
      this.#lost = 0;
      this.#nextSync = now + view.nextSync;
    }
    const late = now - sentAt > leaseFor;
    const changed = this.hear(view, now);
    const { permit } = view;
    if (!late && permit !== undefined && permit.id !== this.#taken && view.epoch === this.epoch) {
      this.#permit = { id: permit.id, until: sentAt + permit.ttl };
    }
    // What happened while the report was under way has waited long enough.
    if (this.#probe !== undefined) this.hasten(now);
    return changed;
  }

  /** A view that came unasked. Says whether a new epoch began. */
  hear(view: View, now: number): boolean {
    const before = this.view;
    if (before !== undefined && view.epoch < before.epoch) return false;
    this.view = view;
    this.#seenAt = now;
    if (before?.epoch === view.epoch) return false;
    this.#ok = this.#fail = this.#slow = 0;
    this.#probe = undefined;
    this.#asked = undefined;
    this.#permit = undefined;
    return before !== undefined || view.state !== "closed";
  }

  /**
   * No answer. The same report goes again, later and later; `overloaded` asks for four times the pause.
   *
   * Says in how many milliseconds, or nothing when the report has been answered meanwhile.
   */
  lost(report: Report, now: number, overloaded: boolean): number | undefined {
    if (report !== this.#unanswered) return undefined;
    this.#leaseUntil = 0;
    this.#lost++;
    const pause = firstInterval * 2 ** Math.min(this.#lost, 10) * (overloaded ? 4 : 1);
    const retryIn = Math.min(longestInterval, pause);
    this.#nextSync = now + retryIn;
    return retryIn;
  }
}
