import type { Loss } from "../state/reporting.ts";

/**
 * What became of a report by the error that came instead of an answer: a home that has too much to do says `overloaded`, as
 * Durable Objects do, and one that will never take this report `refused`.
 */
export function lossOf(error: unknown): Loss {
  const { overloaded, refused } = Object(error) as {
    readonly overloaded?: unknown;
    readonly refused?: unknown;
  };
  if (refused === true) return "refused";
  return overloaded === true ? "overloaded" : "lost";
}
