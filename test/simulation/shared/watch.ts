import type { CircuitReport, LimiterView, Report, View } from "ninelives";
import type { RegionRecord, SharedRecord } from "ninelives/stores/durable-object";
import type { VirtualTime } from "../virtual-time.ts";
import { leaseTtl, type Scenario } from "./scenario.ts";

interface Permitted {
  readonly id: string;
  readonly epoch: number;
  readonly until: number;
}

/** What must hold of what homes keep and replicas hear, whatever the home. */
export class Watch {
  readonly violations: string[] = [];
  readonly #scenario: Scenario;
  readonly #time: VirtualTime;
  /** Calls that were reported, by their epoch, and each report's own. */
  readonly #reported = new Map<number, number>();
  readonly #sent = new Map<string, { readonly calls: number; readonly epoch: number }>();
  readonly #epochs = new Map<string, number>();
  #wipedAt = -Infinity;
  /** The highest fencing token that was ever given. */
  #token = 0;
  readonly #permitted = new Map<number, Permitted[]>();
  readonly #told = new Set<string>();
  readonly #leased = new Map<number, { seq: number; share: number; until: number; wiped: number }>();

  constructor(scenario: Scenario, time: VirtualTime) {
    this.#scenario = scenario;
    this.#time = time;
  }

  violate(what: string): void {
    if (this.violations.length < 10)
      this.violations.push(`${what} (at ${Math.round(this.#time.now)} ms, ${this.#scenario.population})`);
  }

  /** A report goes out, maybe not for the first time. */
  reported(report: Report): void {
    if (!("ok" in report)) return;
    const key = keyOf(report);
    if (this.#sent.has(key)) return;
    const calls = report.ok + report.fail;
    this.#sent.set(key, { calls, epoch: report.epoch });
    // What a region's home says was said by its replicas before.
    if (report.region === undefined)
      this.#reported.set(report.epoch, (this.#reported.get(report.epoch) ?? 0) + calls);
  }

  /** A home lost what it kept: from here on its epochs begin anew, but not the tokens of a lease. */
  wiped(): void {
    this.#epochs.clear();
    this.#wipedAt = this.#time.now;
  }

  /** So many take themselves for the holder of a lease. Whoever held it when its home was wiped may, until it ends. */
  holding(count: number): void {
    if (count > 1 && !this.#scenario.clocksFail && this.#time.now > this.#wipedAt + leaseTtl)
      this.violate(`${count} hold the lease`);
  }

  /**
   * A record follows another at the home.
   *
   * @param counted the reports whose calls this record and those before it hold
   */
  became(name: string, before: SharedRecord | undefined, after: SharedRecord, counted: Set<string>): void {
    const highest = this.#epochs.get(name) ?? 0;
    if (after.epoch < highest) this.violate(`${name}: epoch ${after.epoch} after ${highest}`);
    this.#epochs.set(name, Math.max(after.epoch, highest));
    // A tab that goes on with what it knows, where the database knows less, goes on by its own time.
    const same = this.#scenario.population !== "tabs" || after.epoch === before?.epoch;
    if (before !== undefined && same && after.time < before.time) this.violate(`${name}: time went back`);
    if (after.kind === "limiter") this.#sharesOf(after);
    else if (after.kind === "lease") this.#holderOf(before, after);
    else this.#circuitOf(before as typeof after | undefined, after, counted);
  }

  #sharesOf({ members, time }: Extract<SharedRecord, { kind: "limiter" }>): void {
    let sum = 0;
    for (const { leases } of members)
      sum += leases.reduce((most, { share, until }) => (until > time ? Math.max(most, share) : most), 0);
    if (sum > 1 + 1e-9) this.violate(`${sum} of the limit is leased`);
  }

  #holderOf(before: SharedRecord | undefined, after: Extract<SharedRecord, { kind: "lease" }>): void {
    const was = before?.kind === "lease" ? before.holder : "";
    if (after.holder === "" || (after.holder === was && after.epoch === before?.epoch)) return;
    if (after.epoch <= this.#token) this.violate(`token ${after.epoch} was given after ${this.#token}`);
    this.#token = after.epoch;
  }

  #circuitOf(
    before: Extract<SharedRecord, { kind: "circuit" }> | undefined,
    after: Extract<SharedRecord, { kind: "circuit" }>,
    counted: Set<string>,
  ): void {
    const { epoch, counts, members, time } = after;
    const { probes } = this.#scenario;
    const live = after.permits.filter(({ until }) => until > time);
    if (live.length > probes) this.violate(`${live.length} permits in epoch ${epoch}, and not ${probes}`);
    const all = counts.ok + counts.fail;
    const most = this.#reported.get(epoch) ?? 0;
    if (all > most) this.violate(`${all} calls were counted of ${most} that were reported`);
    const grown = all - (before?.epoch === epoch ? before.counts.ok + before.counts.fail : 0);
    if (grown < 0) this.violate(`counts went back by ${-grown}`);
    if (grown <= 0) return;
    // Who reported stands last.
    const key = keyOf(members.at(-1) as { replica: string; seq: number });
    const sent = this.#sent.get(key);
    if (before?.epoch === epoch && (sent?.calls !== grown || sent.epoch !== epoch))
      this.violate(`${grown} calls counted for ${sent?.calls} of epoch ${sent?.epoch} in ${epoch}`);
    if (counted.has(key)) this.violate(`report ${key} counted twice`);
    counted.add(key);
  }

  /** A view reached a node as the answer to a report that it sent at `sentAt`. */
  answered(node: number, report: Report, view: View, sentAt: number): void {
    // A replica takes no leave from an answer that comes after its time.
    if (this.#time.now - sentAt > 5_000) return;
    if (view.kind === "limiter") this.#lease(node, report, view, sentAt);
    if ("permit" in view && view.permit !== undefined) this.#permit(node, view.epoch, view.permit, sentAt);
  }

  /** What replicas take to be theirs is no more than the limit, wherever the home is one and nobody's clock is off. */
  #lease(node: number, { seq }: Report, { share, ttl }: LimiterView, sentAt: number): void {
    const { now } = this.#time;
    if (seq < (this.#leased.get(node)?.seq ?? 0)) return;
    // What a home that was wiped had leased before it cannot know of, if who has it has not reported since.
    const wiped = this.#wipedAt;
    if (ttl > 0) this.#leased.set(node, { seq, share, until: sentAt + ttl, wiped });
    if (this.#scenario.clocksFail || (sentAt < wiped && wiped > 0)) return;
    let sum = 0;
    for (const lease of this.#leased.values())
      if (lease.until > now && lease.wiped === wiped) sum += lease.share;
    if (sum > 1 + 1e-9) this.violate(`replicas hold leases for ${sum} of the limit`);
  }

  /** A node told how its probe ended: its permit is used up. */
  probed(node: number, { probe, epoch }: CircuitReport): void {
    if (probe === undefined) return;
    this.#told.add(`${node} ${epoch} ${probe.permit}`);
    const { permit } = probe;
    this.#permitted.set(
      node,
      (this.#permitted.get(node) ?? []).filter(({ id }) => id !== permit),
    );
  }

  /** In the whole fleet no more may probe at a time than the policy says. */
  #permit(node: number, epoch: number, { id, ttl }: { id: string; ttl: number }, sentAt: number): void {
    const { now } = this.#time;
    const until = sentAt + ttl;
    if (until <= now || this.#told.has(`${node} ${epoch} ${id}`)) return;
    const mine = (this.#permitted.get(node) ?? []).filter((permit) => permit.id !== id && permit.until > now);
    this.#permitted.set(node, [...mine, { id, epoch, until }]);
    let live = 0;
    for (const [other, permits] of this.#permitted) {
      for (const permit of permits) {
        if (permit.epoch !== epoch || permit.until <= now) continue;
        live++;
        if (other !== node && permit.id === id) this.violate(`nodes ${other} and ${node} have permit ${id}`);
      }
    }
    // A clock that runs slow lets its replica probe for longer.
    if (live > this.#scenario.probes && !this.#scenario.clocksFail)
      this.violate(`${live} may probe in epoch ${epoch}, and not ${this.#scenario.probes}`);
  }

  /** Of the root's permits in the hands of a region's home each is one replica's, and no replica's twice at a time. */
  handed(before: RegionRecord, after: RegionRecord): void {
    if (after.time < before.time) this.violate(`${after.name}: time went back`);
    if (after.epoch < before.epoch) this.violate(`${after.name}: epoch ${after.epoch} after ${before.epoch}`);
    const live = after.permits.filter(({ until }) => until > after.time);
    // A root whose clock jumps ahead takes a permit for over before it is.
    if (live.length > this.#scenario.probes && !this.#scenario.clocksFail)
      this.violate(`${after.name}: ${live.length} permits in epoch ${after.epoch}`);
    for (const { id, replica } of before.permits) {
      const now = live.find((permit) => permit.id === id);
      if (replica !== "" && now !== undefined && now.replica !== replica)
        this.violate(`${after.name}: permit ${id} of ${replica} went to ${now.replica}`);
    }
  }
}

function keyOf({ replica, seq }: { readonly replica: string; readonly seq: number }): string {
  return `${replica} ${seq}`;
}
