import type { AlertReport, AlertSubject } from "./alerts.ts";
import type { Counted } from "./metrics.ts";
import { Observer, otherPolicies, type PolicySnapshot, type PolicyTotals } from "./observer.ts";
import { markOf } from "./reporters.ts";
import type { Gap, PolicyState, SystemState } from "./system-state.ts";

/** Subjects of one rule, and gaps, that are told of all shards together. */
const mostSubjects = 100;
const mostGaps = 10;
const ranks: readonly AlertReport["state"][] = ["ok", "pending", "firing"];

/** The number of the shard, from 0, that has a policy to itself. */
export function shardOf(policy: string, shards: number): number {
  return markOf(policy) % shards;
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

/** The parts as if one observer had seen all. */
export function mergedState(parts: readonly ObserverPart[], now: number): SystemState {
  const since = Math.min(now, ...parts.map((part) => part.since));
  const others = mergedOthers(parts, since, now);
  const alerts = mergedAlerts(parts.map((part) => part.alerts ?? []));
  const gaps = parts.flatMap((part) => part.gaps).sort((a, b) => a.from - b.from);
  return {
    version: 1,
    at: now,
    since,
    ...summed(parts),
    policies: [...parts.flatMap(({ policies }) => policies), ...(others === undefined ? [] : [others])],
    gaps: gaps.slice(-mostGaps),
    ...(alerts.length > 0 && { alerts }),
  };
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

/** The parts as if one observer had counted all, for metrics. */
export function mergedCounts(parts: readonly CountedPart[]): Counted {
  const others = observing(
    parts.flatMap((part) => part.others ?? []),
    0,
  );
  return {
    dropped: parts.reduce((total, { dropped }) => total + dropped, 0),
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
