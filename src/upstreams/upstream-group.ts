import { known } from "../core/check.ts";
import { quote } from "../core/duration.ts";
import { type GroupOptions, group, groupOptions } from "./group.ts";

/** How the members of an upstream are chosen and left out. */
export type UpstreamGroup = Omit<GroupOptions<never, never>, "members">;

/** Reads the field `group` of an upstream. @throws TypeError that names the field and quotes the value */
export function readGroup(input: unknown, label: string): UpstreamGroup {
  if (input === undefined) return {};
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new TypeError(`${label} must be an object such as { "slowStart": "30s" }, but is ${quote(input)}`);
  }
  known(
    input,
    label,
    Object.keys(groupOptions).filter((name) => name !== "members"),
  );
  try {
    group({ ...input, members: [{ name: "none", service: () => new Promise<never>(() => {}) }] });
  } catch (cause) {
    throw new TypeError(`${label}: ${(cause as Error).message}`, { cause });
  }
  return input;
}
