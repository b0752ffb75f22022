import { type Loss, leaseFor, Reporting } from "./reporting.ts";
import type { CircuitReport as Report, SharedRules, CircuitView as View } from "./sync.ts";

/**
 * Milliseconds for which an open view that should be over holds on, waiting for the home, at most: in a fleet so large
 * that its home asks for a report every quarter of an hour, replicas would refuse for as long after all is well.
 */
const longestGrace = 30_000;

/**
 * One replica's side of a shared circuit: the last view, the counts for the next report, and when to send it.
 *
 * No promise, no timer: the policy asks `due` at each call and does the talking.
 */
export class Replica {
  view: View | undefined;
  readonly #rules: SharedRules;
  readonly #reporting = new Reporting<Report>();
  #ok = 0;
  #fail = 0;
  #slow = 0;
  #wantsProbe = false;
  #probe: { permit: string; ok: boolean } | undefined;
  /** Milliseconds that the last failure asked to wait. */
  #asked: number | undefined;
  /** When the view came. */
  seenAt = 0;
  /** What this replica drew in this epoch: below the view's `urgency` its news is told at once. */
  #chance = 0;
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
        const grace = Math.min(3 * view.nextSync, longestGrace);
        if (now > this.seenAt + view.remaining + view.openFor + grace) {
          this.view = { ...view, state: "closed" };
          return "expired";
        }
        if (this.#permit !== undefined && now < this.#permit.until) return "probe";
        this.#wantsProbe = true;
        // It half-opens when somebody reports. From then on the home's own pace holds, or all would ask at once.
        if (view.state === "open" && now >= this.seenAt + view.remaining) this.tell(now);
        return "refuse";
      }
    }
  }

  /** Milliseconds until a call that the fleet refused may pass. */
  retryAfter(now: number): number {
    const { view } = this;
    if (view?.state === "forced-open") return Infinity;
    const left = view?.state === "open" ? this.seenAt + view.remaining - now : 0;
    return Math.max(left, this.#reporting.nextSync - now, 0);
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
    this.#reporting.hasten(now);
  }

  /** There is news: it is told at once, or in its turn where so many have news that all at once would be too much. */
  tell(now: number): void {
    if (this.#chance < (this.view?.urgency ?? 1)) this.#reporting.hasten(now);
  }

  /** Lets the first report wait for so many milliseconds. */
  wait(now: number, ms: number): void {
    this.#reporting.wait(now, ms);
  }

  /** Whether a report should be sent now. */
  due(now: number): boolean {
    return this.#reporting.due(now);
  }

  /** Milliseconds for which a home that hangs is left alone, if it does. */
  get hangs(): number | undefined {
    return this.#reporting.hangs;
  }

  /**
   * The report to send; takes the lease.
   *
   * @param open whether the circuit should be open by what this replica saw itself
   * @param few whether it saw too little to know
   */
  report(now: number, open: boolean, id: () => string, few = false): Report {
    return this.#reporting.send(now, this.epoch, id, (head) => {
      const report: Report = {
        ...head,
        ok: this.#ok,
        fail: this.#fail,
        slow: this.#slow,
        open,
        ...(few && { few }),
        wantsProbe: this.#wantsProbe,
        ...(this.#probe === undefined ? {} : { probe: this.#probe }),
        ...(this.#asked === undefined ? {} : { asked: this.#asked }),
        rules: told(this.#rules),
      };
      this.#ok = this.#fail = this.#slow = 0;
      this.#wantsProbe = false;
      this.#probe = undefined;
      this.#asked = undefined;
      return report;
    });
  }

  /**
   * The answer to the report that was sent at `sentAt`. Says whether a new epoch began.
   *
   * @param chance 0 to 1: whether this replica is one of those that tell the next news at once
   */
  answered(report: Report, view: View, sentAt: number, now: number, chance = 0): boolean {
    this.#reporting.answered(report, view.nextSync, now);
    const late = now - sentAt > leaseFor;
    const changed = this.hear(view, now, chance);
    const { permit } = view;
    if (!late && permit !== undefined && permit.id !== this.#taken && view.epoch === this.epoch) {
      this.#permit = { id: permit.id, until: sentAt + permit.ttl };
    }
    // What happened while the report was under way has waited long enough.
    if (this.#probe !== undefined) this.#reporting.hasten(now);
    return changed;
  }

  /** A view that came unasked. Says whether a new epoch began. */
  hear(view: View, now: number, chance = 0): boolean {
    const before = this.view;
    if (before !== undefined && view.epoch < before.epoch) return false;
    this.view = view;
    this.seenAt = now;
    if (before?.epoch === view.epoch) return false;
    this.#chance = chance;
    this.#ok = this.#fail = this.#slow = 0;
    this.#probe = undefined;
    this.#asked = undefined;
    this.#permit = undefined;
    return before !== undefined || view.state !== "closed";
  }

  /** No answer: the same report goes again, in so many milliseconds, or not when it has been answered meanwhile. */
  lost(report: Report, now: number, why: Loss, chance = 0): number | undefined {
    return this.#reporting.lost(report, now, why, chance);
  }
}

/** Rules as they go over the wire: one that never applies is not there. */
function told({ openFor, maximumOpenFor, probes, successesToClose, ...judging }: SharedRules): SharedRules {
  const { minimumCalls, failureRate, slowCallRate } = judging;
  return {
    openFor,
    maximumOpenFor,
    probes,
    successesToClose,
    ...(minimumCalls !== undefined && { minimumCalls }),
    ...(failureRate !== undefined && { failureRate }),
    ...(slowCallRate !== undefined && slowCallRate !== Infinity && { slowCallRate }),
  };
}
