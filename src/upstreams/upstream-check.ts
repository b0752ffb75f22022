import { known } from "../core/check.ts";
import { milliseconds, quote } from "../core/duration.ts";
import { readDuration } from "./upstream-deadline.ts";
import { isPath } from "./upstream-origin.ts";

/** How the health of an upstream's replicas is asked for. */
export interface UpstreamCheck {
  readonly path: string;
  /** Milliseconds from one check to the next, as long as requests come. */
  readonly every: number;
}

/** Kubernetes' default. */
const usual = "10s";
const least = 1_000;

/** Reads the field `check` of an upstream: a path, or an object. @throws TypeError that names the field and quotes the value */
export function readCheck(input: unknown, label: string): UpstreamCheck | undefined {
  if (input === undefined) return undefined;
  if (typeof input !== "object" || input === null) {
    if (isAsked(input)) return { path: input, every: milliseconds(usual, label) };
    throw new TypeError(
      `${label} must be a path such as "/healthz", or an object such as { "path": "/healthz", "every": "10s" }, but is ${quote(input)}`,
    );
  }
  known(input, label, ["path", "every"]);
  const { path, every = usual } = input as { readonly path?: unknown; readonly every?: unknown };
  if (!isAsked(path))
    throw new TypeError(`${label}.path must be a path such as "/healthz", but is ${quote(path)}`);
  const between = milliseconds(readDuration(every, `${label}.every`), `${label}.every`);
  if (between < least) throw new TypeError(`${label}.every must be at least 1s, but is ${quote(every)}`);
  return { path, every: between };
}

function isAsked(path: unknown): path is string {
  return typeof path === "string" && (path === "/" || isPath(path));
}
