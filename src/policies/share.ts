import type { Context } from "../core/context.ts";

/** Names what a request asks for; requests without a name go their own way. */
export type KeyOf<Req> = (request: Req, context: Context) => string | undefined;

/** Makes a copy of a value for each who gets it. */
export type Share<Res> = (value: Res) => Res;

/** Copies what only one can read: clones a Response, and leaves anything else as it is. */
export function copyOf<T>(value: T): T {
  return isClonable(value) ? value.clone() : value;
}

function isClonable<T>(value: T): value is T & { clone(): T } {
  return (
    typeof value === "object" &&
    value !== null &&
    "body" in value &&
    "clone" in value &&
    typeof value.clone === "function"
  );
}
