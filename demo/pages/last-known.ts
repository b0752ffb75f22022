import type { Resource } from "../wire.ts";

/** What was last heard of a resource, and when. */
export interface Kept<T> {
  readonly at: number;
  readonly items: readonly T[];
}

const key = (resource: Resource): string => `whisker-and-ridge:${resource}`;

/** What this browser last heard, in whichever tab. */
export function recall<T>(resource: Resource): Kept<T> | undefined {
  try {
    const kept = JSON.parse(localStorage.getItem(key(resource)) ?? "null") as Kept<T> | null;
    return Array.isArray(kept?.items) && typeof kept.at === "number" ? kept : undefined;
  } catch {
    return undefined;
  }
}

export function keep<T>(resource: Resource, kept: Kept<T>): void {
  try {
    localStorage.setItem(key(resource), JSON.stringify(kept));
  } catch {
    // Storage is full or forbidden: this tab still has it in memory.
  }
}
