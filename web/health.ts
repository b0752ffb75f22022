import type { PolicyState, WindowName } from "ninelives/observer";
import { isRefused } from "./follower-words.ts";
import { percent } from "./format.ts";
import { byTrouble, highErrorRate, refuses, trouble, worstCircuit } from "./trouble.ts";

/** Policies in trouble that are named; the others are counted. */
const named = 3;

/** A policy in trouble, and what is wrong with it. */
export interface Ailing {
  readonly policy: string;
  readonly words: string;
}

/** Which policies need a look, the worst first, and how many more do. */
export function ailing(
  policies: readonly PolicyState[],
  window: WindowName,
  now: number,
): { readonly first: readonly Ailing[]; readonly more: number } {
  const all = byTrouble(policies, window, now).filter((policy) => trouble(policy, window, now) >= 2);
  const first = all
    .slice(0, named)
    .map((policy) => ({ policy: policy.policy, words: words(policy, window, now) }));
  return { first, more: all.length - first.length };
}

function words({ circuits, windows, document }: PolicyState, window: WindowName, now: number): string {
  const worst = worstCircuit(circuits, now);
  if (worst !== undefined && refuses(worst, now))
    return worst.state === "forced-open" ? "is forced open" : "refuses calls";
  if (worst?.state === "half-open") return "probes whether its service is back";
  const { errorRate } = windows[window];
  if (errorRate !== null && errorRate >= highErrorRate) return `fails ${percent(errorRate)} of its calls`;
  return isRefused(document) ? "has its document refused" : "is in doubt";
}
