import { known } from "../core/check.ts";
import { quote } from "../core/duration.ts";
import { oneOf } from "../core/options.ts";

/** Which header says how urgent a request is, and who may say that it is more urgent than usual. */
export interface UpstreamPriority {
  readonly header: string;
  readonly trust: "token" | "everybody";
}

const checkTrust = oneOf("token", "everybody");

/** Reads the field `priority` of an upstream. @throws TypeError that names the field and quotes the value */
export function readPriority(input: unknown, label: string): UpstreamPriority | undefined {
  if (input === undefined) return undefined;
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new TypeError(
      `${label} must be an object such as { "header": "priority" }, but is ${quote(input)}`,
    );
  }
  known(input, label, ["header", "trust"]);
  const { header = "priority", trust = "token" } = input as Partial<UpstreamPriority>;
  checkTrust(trust, `${label}.trust`);
  if (typeof header !== "string" || !/^[\w!#$%&'*+.^`|~-]+$/.test(header)) {
    throw new TypeError(`${label}.header must be the name of a header, but is ${quote(header)}`);
  }
  return { header, trust };
}
