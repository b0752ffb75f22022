import type { PolicyState, WindowName } from "ninelives/observer";
import { byTrouble } from "./trouble.ts";

/** By what policies may be sorted. */
export const sortings = ["trouble", "name", "rate", "errors", "p99"] as const;
export type Sorting = (typeof sortings)[number];

/** What the name of a policy begins with, up to its first `.`, `/` or `:`; the whole name where it has none. */
export function groupOf(policy: string): string {
  return /^[^./:]+/.exec(policy)?.[0] ?? policy;
}

/** What one wants to see of the policies. */
export interface Wish {
  readonly search: string;
  readonly sorting: Sorting;
  /** Whether those whose names begin alike stand together; a group stands where its first one would. */
  readonly grouped: boolean;
  readonly window: WindowName;
}

/** The policies that have the searched text in their name, in order. What is unknown comes last. */
export function listed(policies: Iterable<PolicyState>, wish: Wish, now: number): PolicyState[] {
  const { sorting, window, grouped } = wish;
  const wanted = wish.search.trim().toLowerCase();
  const found = [...policies].filter(({ policy }) => policy.toLowerCase().includes(wanted));
  // Sorting keeps the order of equals, so those come by trouble and then by name.
  const sorted = byTrouble(found, window, now);
  if (sorting === "name") sorted.sort((a, b) => (a.policy < b.policy ? -1 : 1));
  else if (sorting !== "trouble")
    sorted.sort((a, b) => measure(b, sorting, window) - measure(a, sorting, window));
  if (!grouped) return sorted;
  const groups = new Map<string, PolicyState[]>();
  for (const policy of sorted) {
    const group = groupOf(policy.policy);
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [policy]);
    else members.push(policy);
  }
  return [...groups.values()].flat();
}

function measure(state: PolicyState, sorting: "rate" | "errors" | "p99", window: WindowName): number {
  if (state.lastEventAt === 0) return -1;
  const { rate, errorRate, p99 } = state.windows[window];
  return { rate, errors: errorRate, p99 }[sorting] ?? -1;
}
