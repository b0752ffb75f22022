import type { PolicyState, WindowName } from "ninelives/observer";
import { badgeOf, badgeWords } from "./circuit-words.ts";
import { byTrouble } from "./trouble.ts";

/** By what policies may be sorted. */
export const sortings = ["trouble", "name", "rate", "errors", "p99"] as const;
export type Sorting = (typeof sortings)[number];

/** By what policies may stand together. */
export const groupings = ["none", "name", "key", "state"] as const;
export type Grouping = (typeof groupings)[number];

/**
 * The group of a policy: by what its name begins with (`shop` of `shop.prices` and of `shop[acme]`), by the key that its
 * name ends with (`acme` of `shop[acme]` and of `tenant:acme`), or by the state of its worst circuit.
 */
export function groupOf(state: PolicyState, grouping: Grouping, now: number): string {
  const { policy } = state;
  if (grouping === "state") {
    const badge = badgeOf(state, now);
    return badgeWords[badge] ?? badge;
  }
  if (grouping === "name") return /^[^./:[]+/.exec(policy)?.[0] ?? policy;
  return /\[(.+)\]$|[/:]([^/:]+)$/.exec(policy)?.slice(1).find(Boolean) ?? noKey;
}

/** The group of those whose names end with no key. */
const noKey = "no key";

/** What one wants to see of the policies. */
export interface Wish {
  readonly search: string;
  readonly sorting: Sorting;
  /** A group stands where its first policy would. */
  readonly grouping: Grouping;
  readonly window: WindowName;
}

/** The policies that have the searched text in their name, in order. What is unknown comes last. */
export function listed(policies: Iterable<PolicyState>, wish: Wish, now: number): PolicyState[] {
  const { sorting, window, grouping } = wish;
  const wanted = wish.search.trim().toLowerCase();
  const found = [...policies].filter(({ policy }) => policy.toLowerCase().includes(wanted));
  // Sorting keeps the order of equals, so those come by trouble and then by name.
  const sorted = byTrouble(found, window, now);
  if (sorting === "name") sorted.sort((a, b) => (a.policy < b.policy ? -1 : 1));
  else if (sorting !== "trouble")
    sorted.sort((a, b) => measure(b, sorting, window) - measure(a, sorting, window));
  if (grouping === "none") return sorted;
  const groups = new Map<string, PolicyState[]>();
  for (const policy of sorted) {
    const group = groupOf(policy, grouping, now);
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
