import type { AlertReport, AlertSubject } from "./alerts.ts";
import type { Counted } from "./metrics.ts";
import { Observer, otherPolicies, type PolicySnapshot, type PolicyTotals } from "./observer.ts";
import { markOf } from "./reporters.ts";
import type { AbsentShards, Gap, PolicyState, SystemState } from "./system-state.ts";

/** Subjects of one rule, and gaps, that are told of all shards together. */
const mostSubjects = 100;
const mostGaps = 10;
const ranks: readonly AlertReport["state"][] = ["ok", "pending", "firing"];

/** The number of the shard, from 0, that has a policy to itself. */
export function shardOf(policy: string, shards: number): number {
  return markOf(policy) % shards;
}

/** Whether nothing can be known of a policy, since the shard that has it does not answer. */
export function isAbsent(policy: string, absent: AbsentShards | null | undefined): boolean {
  if (absent == null) return false;
  return policy === otherPolicies || absent.shards.includes(shardOf(policy, absent.of));
}

/**
 * What the policies that a shard does not tell apart add up to. Each shard has some, so that they come as what can be added
 * exactly and not as what it comes to.
 */
export interface OtherPolicies {
  readonly snapshot: PolicySnapshot;
  readonly reporters: number;
}

/** What one of several observers knows, each of which has its policies to itself. Plain JSON. */
export interface ObserverPart {
  readonly since: number;
  readonly events: number;
  readonly dropped: number;
  /** Without those that are not told apart. */
  readonly policies: readonly PolicyState[];
  readonly others: OtherPolicies | null;
  readonly gaps: readonly Gap[];
  readonly alerts: readonly AlertReport[] | null;
}

/** What one of several observers has counted. Plain JSON. */
export interface CountedPart {
  readonly dropped: number;
  /** Without those that are not told apart. */
  readonly policies: readonly PolicyTotals[];
  readonly others: OtherPolicies | null;
}

/** What a parent knows beside what its shards tell. */
interface OfParent {
  /** The shards that did not answer: what they know is missing. */
  readonly absent?: AbsentShards | undefined;
  /** What the parent's own rules found. */
  readonly alerts?: readonly AlertReport[] | undefined;
}

/** The parts as if one observer had seen all. */
export function mergedState(
  parts: readonly ObserverPart[],
  now: number,
  { absent, alerts: own = [] }: OfParent = {},
): SystemState {
  const since = Math.min(now, ...parts.map((part) => part.since));
  const others = mergedOthers(parts, since, now);
  const alerts = mergedAlerts([...parts.map((part) => part.alerts ?? []), own]);
  return {
    version: 1,
    at: now,
    since,
    ...summed(parts),
    policies: [...parts.flatMap(({ policies }) => policies), ...(others === undefined ? [] : [others])],
    gaps: mergedGaps(parts),
    ...(alerts.length > 0 && { alerts }),
    ...(absent !== undefined && { absent }),
  };
}

/** What the windows of any part miss, the newest last. */
export function mergedGaps(parts: readonly Pick<ObserverPart, "gaps">[]): readonly Gap[] {
  const gaps = parts.flatMap((part) => part.gaps);
  return gaps.sort((a, b) => a.from - b.from).slice(-mostGaps);
}

/** The events and drops of all parts. */
export function summed(parts: readonly Pick<ObserverPart, "events" | "dropped">[]): {
  readonly events: number;
  readonly dropped: number;
} {
  const sum = (of: "events" | "dropped"): number => parts.reduce((total, part) => total + part[of], 0);
  return { events: sum("events"), dropped: sum("dropped") };
}

/** The state of the policies that no part tells apart; nothing where there are none. */
export function mergedOthers(
  parts: readonly Pick<ObserverPart, "others">[],
  since: number,
  now: number,
): PolicyState | undefined {
  const known = parts.flatMap(({ others }) => others ?? []);
  const state = observing(known, since).getPolicyState(otherPolicies, now);
  // A source that tells several shards is one: no sum.
  return state && { ...state, reporters: Math.max(...known.map(({ reporters }) => reporters)) };
}

/** All rules, each with what any part found. A rule is the same in all, and its subjects are told apart by policy. */
export function mergedAlerts(parts: readonly (readonly AlertReport[])[]): AlertReport[] {
  const merged = new Map<string, AlertReport>();
  for (const report of parts.flat()) {
    const known = merged.get(report.name);
    const subjects = [...(known?.subjects ?? []), ...report.subjects];
    const state = ranks[Math.max(ranks.indexOf(report.state), ranks.indexOf(known?.state ?? "ok"))];
    merged.set(report.name, { ...report, state: state ?? report.state, subjects: once(subjects) });
  }
  return [...merged.values()];
}

/**
 * The parts as if one observer had counted all, for metrics.
 *
 * What adds up over all shards is left out where some did not answer: a counter that falls and comes back would look as if it
 * had begun anew.
 *
 * @param absent how many shards did not answer
 */
export function mergedCounts(parts: readonly CountedPart[], absent = 0): Counted {
  const others = observing(absent > 0 ? [] : parts.flatMap((part) => part.others ?? []), 0);
  return {
    dropped: absent > 0 ? null : parts.reduce((total, { dropped }) => total + dropped, 0),
    absent,
    totals: () => [...parts.flatMap(({ policies }) => policies), ...others.totals()],
  };
}

function observing(others: readonly OtherPolicies[], since: number): Observer {
  const observer = new Observer(since);
  for (const { snapshot } of others) observer.restore(snapshot);
  return observer;
}

/** Each policy and circuit once, the firing first. */
function once(subjects: readonly AlertSubject[]): readonly AlertSubject[] {
  const sorted = subjects.toSorted((a, b) => ranks.indexOf(b.state) - ranks.indexOf(a.state));
  const found = new Map<string, AlertSubject>();
  for (const subject of sorted) {
    const key = JSON.stringify([subject.policy, subject.circuit]);
    if (!found.has(key)) found.set(key, subject);
  }
  return [...found.values()].slice(0, mostSubjects);
}
