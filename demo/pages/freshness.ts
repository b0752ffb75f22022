import type { Shelf } from "./shelf.ts";
import { span } from "./words.ts";

export type Freshness = "waiting" | "fresh" | "stale" | "missing";

/** How what a shelf shows stands. */
export function freshness({ fresh, kept }: Shelf<unknown>): Freshness {
  if (fresh === undefined) return kept === undefined ? "waiting" : "stale";
  if (fresh) return "fresh";
  return kept === undefined ? "missing" : "stale";
}

/** "from 40 s ago", or nothing when it is fresh or there is nothing. */
export function age(shelf: Shelf<unknown>, now: number): string {
  if (shelf.kept === undefined || freshness(shelf) !== "stale") return "";
  return `from ${span(Math.max(1000, now - shelf.kept.at))} ago`;
}

/** What the shop is doing about it. */
export function outlook(shelf: Shelf<unknown>, now: number): string {
  switch (freshness(shelf)) {
    case "fresh":
      return "fresh";
    case "waiting":
      return "on the way";
    default: {
      const left = shelf.pausedUntil - now;
      return left > 0 ? `paused, trying again in ${span(Math.max(1000, left))}` : "trying again";
    }
  }
}
