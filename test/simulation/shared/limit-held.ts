import type { LimiterView } from "ninelives";
import type { VirtualTime } from "../virtual-time.ts";
import { faultsEnd, type Scenario } from "./scenario.ts";

/** The whole fleet's, a second; its burst is as much. */
export const limit = 8;
/** Milliseconds in which calls are counted. */
export const spans = [1_000, 10_000, 60_000] as const;
/** A replica that could not reach its home may leave it alone for so long, and be without a lease. */
const healed = faultsEnd + 47_000;
/** The part of one that never heard from its home. */
const supposed = 1 / 10;

interface Part {
  readonly seq: number;
  readonly share: number;
  readonly until: number;
  readonly fleet: number;
}

/**
 * What the fleet's calls come to in any span, and what they may: as `docs/shared-state.md` says, what leases and the parts
 * of those without one allow, its burst, and a call for each replica.
 */
export class LimitHeld {
  readonly #scenario: Scenario;
  readonly #time: VirtualTime;
  readonly #passed: number[] = [];
  /** Of each node what it may use, and from when on. */
  readonly #parts: { readonly at: number; readonly change: number }[] = [];
  readonly #of = new Map<number, Part>();
  /** By the span: the most calls beyond what parts and burst allow, for each replica. */
  readonly excess: number[] = spans.map(() => -Infinity);
  /** The same against the limit itself, as long as all have heard from their home lately. */
  readonly well: number[] = spans.map(() => -Infinity);

  constructor(scenario: Scenario, time: VirtualTime) {
    this.#scenario = scenario;
    this.#time = time;
    for (let node = 0; node < scenario.size; node++) this.#parts.push({ at: 0, change: supposed });
  }

  passed(): void {
    this.#passed.push(this.#time.now);
  }

  /** A node has its home's answer to the report that it sent at `sentAt`. */
  heard(node: number, seq: number, view: LimiterView, sentAt: number): void {
    const { now } = this.#time;
    const before = this.#of.get(node) ?? { seq: 0, share: 0, until: -1, fleet: 10 };
    if (seq <= before.seq) return;
    const leased = view.ttl > 0 && now - sentAt <= 5_000;
    const { share, until } = leased ? { share: view.share, until: sentAt + view.ttl } : before;
    const after = { seq, share, until, fleet: view.fleet };
    this.#of.set(node, after);
    // What it may use from now on, and from the end of its lease on.
    const [was, then] = [partAt(before, now), 1 / before.fleet];
    if (before.until > now) this.#parts.push({ at: before.until, change: before.share - then });
    this.#parts.push({ at: now, change: partAt(after, now) - was });
    if (until > now) this.#parts.push({ at: until, change: 1 / after.fleet - share });
  }

  check(violate: (what: string) => void): void {
    const { size, calm, clocksFail, population } = this.#scenario;
    const passed = this.#passed;
    // A clock that stands still keeps a lease for longer than its home knows.
    const [drift, more] = clocksFail ? [1.02, 1] : [1, 0];
    const parts = this.#steps();
    // Processes of a table that are so many report less often than a lease lasts, and a tab whose database failed spares it
    // for longer: they are without a lease now and then.
    const rare = population === "tabs" ? !calm : population === "processes" && size > 60;
    const well = rare ? Infinity : calm ? 10_000 : healed;
    const twice = parts.find(({ at, part }) => at > Math.max(well, 60_000) && part > 2 + 1e-6);
    if (twice !== undefined && !clocksFail)
      violate(`replicas may use the limit ${twice.part.toFixed(2)} times at ${twice.at.toFixed(0)}`);
    for (const [index, span] of spans.entries()) {
      let first = 0;
      for (const [last, at] of passed.entries()) {
        while ((passed[first] as number) <= at - span) first++;
        const from = Math.max(0, at - span);
        const calls = last - first + 1;
        // Most spans are far below, and need no closer look.
        if (calls <= limit) continue;
        const { sum, most } = between(parts, from, at);
        const rate = (limit * (sum + more * (at - from))) / 1_000;
        const over = calls - (rate + (most + more) * limit) * drift;
        this.#note(this.excess, index, over);
        if (over > size) {
          violate(`${calls} calls in ${span} ms until ${at.toFixed(0)}, ${over.toFixed(1)} more than leased`);
          return;
        }
        if (from < well) continue;
        const beyond = calls - (limit + (limit * (at - from)) / 1_000) * drift;
        this.#note(this.well, index, beyond);
        if (beyond > size) {
          violate(
            `${calls} calls in ${span} ms until ${at.toFixed(0)}, ${beyond.toFixed(1)} beyond the limit`,
          );
          return;
        }
      }
    }
  }

  #note(worst: number[], index: number, over: number): void {
    worst[index] = Math.max(worst[index] as number, over / this.#scenario.size);
  }

  /** What all may use together, by the time. */
  #steps(): { readonly at: number; readonly part: number }[] {
    const steps: { at: number; part: number }[] = [];
    let part = 0;
    for (const { at, change } of this.#parts.sort((a, b) => a.at - b.at)) {
      part += change;
      const last = steps.at(-1);
      if (last?.at === at) last.part = part;
      else steps.push({ at, part });
    }
    return steps;
  }
}

function partAt({ share, until, fleet }: Part, now: number): number {
  return until > now ? share : 1 / fleet;
}

/** The sum of the parts over a span, and the most of them at a time. */
function between(
  steps: readonly { readonly at: number; readonly part: number }[],
  from: number,
  until: number,
): { readonly sum: number; readonly most: number } {
  // The last one that begins before.
  let [low, high] = [0, steps.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((steps[middle] as { at: number }).at <= from) low = middle;
    else high = middle - 1;
  }
  let sum = 0;
  let most = 0;
  for (let each = low; each < steps.length; each++) {
    const { at, part } = steps[each] as (typeof steps)[number];
    if (at > until) break;
    sum += part * (Math.min(until, steps[each + 1]?.at ?? Infinity) - Math.max(from, at));
    most = Math.max(most, part);
  }
  return { sum, most };
}
