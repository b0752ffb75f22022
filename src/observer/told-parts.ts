import type { AlertReport } from "./alerts.ts";
import {
  mergedAlerts,
  mergedGaps,
  mergedOthers,
  mergedState,
  type ObserverPart,
  shardOf,
  summed,
} from "./shards.ts";
import {
  type AbsentShards,
  type Gap,
  type PolicyState,
  type SystemState,
  windowSpans,
} from "./system-state.ts";

/** Milliseconds without news after which a shard is asked whether it is there: with calls in its windows it tells each second. */
const overdueAfter = 10_000;

/** What a shard told last, with all policies that it told of. */
interface Told {
  readonly part: Omit<ObserverPart, "policies">;
  readonly policies: Map<string, PolicyState>;
  readonly at: number;
}

/** What the shards of an observer told last, and which of them do not answer: a machine that is told the time. */
export class ToldParts {
  readonly #of: number;
  readonly #told = new Map<number, Told>();
  /** The policies that a shard knew which does not answer any more. */
  readonly #lost = new Map<number, readonly string[]>();
  /** When each shard told last, also of those that do not answer any more. */
  readonly #heardAt = new Map<number, number>();

  /** @param of how many shards there are */
  constructor(of: number) {
    this.#of = of;
  }

  /** Takes what a shard told at `now`: all of what it counts, those of its policies that changed, and those it has no more. */
  keep(
    shard: number,
    { policies, ...part }: ObserverPart,
    now: number,
    forgotten: readonly string[] = [],
  ): void {
    const all = this.#told.get(shard)?.policies ?? new Map<string, PolicyState>();
    for (const policy of forgotten) all.delete(policy);
    for (const state of policies) all.set(state.policy, state);
    this.#told.set(shard, { part, policies: all, at: now });
    this.#heardAt.set(shard, now);
  }

  /** Takes all that a shard knows. @returns the policies that it knew before, and does no more */
  keepAll(shard: number, part: ObserverPart, now: number): readonly string[] {
    const before = this.#namesOf(shard);
    this.#told.delete(shard);
    this.#lost.delete(shard);
    this.keep(shard, part, now);
    return before.filter((policy) => !this.knows(policy));
  }

  /** A shard did not answer: what it knows is unknown from now on. */
  lose(shard: number): void {
    this.#lost.set(shard, this.#namesOf(shard));
    this.#told.delete(shard);
  }

  /** Whether a shard told of a policy. */
  knows(policy: string): boolean {
    return this.#told.get(shardOf(policy, this.#of))?.policies.has(policy) === true;
  }

  has(shard: number): boolean {
    return this.#told.has(shard);
  }

  /** When a shard told last, 0 for never. */
  heardAt(shard: number): number {
    return this.#heardAt.get(shard) ?? 0;
  }

  /** Those that do not answer; nothing where all do. */
  get absent(): AbsentShards | undefined {
    const shards = this.#numbers().filter((shard) => !this.#told.has(shard));
    return shards.length === 0 ? undefined : { shards, of: this.#of };
  }

  /** The shards that ought to have told something: those that did not answer, and those that fell silent with calls in their windows. */
  overdue(now: number): number[] {
    return this.#numbers().filter((shard) => {
      const told = this.#told.get(shard);
      return told === undefined || (now - told.at > overdueAfter && isAwake(told, now));
    });
  }

  /** @param alerts what the parent's own rules found */
  state(now: number, alerts: readonly AlertReport[] = []): SystemState {
    const parts = this.#parts.map(({ part, policies }) => ({ ...part, policies: [...policies.values()] }));
    return mergedState(parts, now, { absent: this.absent, alerts });
  }

  /** The policies of which a window still knows something. */
  states(now: number): PolicyState[] {
    const others = this.#others(now);
    const states = this.#parts.flatMap(({ policies }) => [...policies.values()]);
    return [...states, ...(others === undefined ? [] : [others])].filter(
      ({ lastEventAt }) => now - lastEventAt <= windowSpans["15m"],
    );
  }

  #others(now: number): PolicyState | undefined {
    const parts = this.#parts.map(({ part }) => part);
    return mergedOthers(parts, Math.min(now, ...parts.map(({ since }) => since)), now);
  }

  /** Events and drops. */
  get sums(): { readonly events: number; readonly dropped: number } {
    return summed(this.#parts.map(({ part }) => part));
  }

  get gaps(): readonly Gap[] {
    return mergedGaps(this.#parts.map(({ part }) => part));
  }

  /** @param own what the parent's own rules found */
  alerts(own: readonly AlertReport[] = []): readonly AlertReport[] {
    return mergedAlerts([...this.#parts.map(({ part }) => part.alerts ?? []), own]);
  }

  #namesOf(shard: number): readonly string[] {
    return [...(this.#told.get(shard)?.policies.keys() ?? this.#lost.get(shard) ?? [])];
  }

  get #parts(): Told[] {
    return [...this.#told.values()];
  }

  #numbers(): number[] {
    return Array.from({ length: this.#of }, (_, shard) => shard);
  }
}

function isAwake({ part, policies }: Told, now: number): boolean {
  const last = Math.max(
    part.others?.snapshot.lastEventAt ?? 0,
    ...[...policies.values()].map((p) => p.lastEventAt),
  );
  return now - last <= windowSpans["15m"];
}
