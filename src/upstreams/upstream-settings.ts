import { known } from "../core/check.ts";
import { quote } from "../core/duration.ts";
import { readUpstream, type Upstream } from "./upstreams.ts";

/** Settings of an upstream that hold instead of those that it is configured with. */
export type UpstreamSettings = Readonly<Record<string, unknown>>;

/** What may change while it runs: neither where requests go, nor the policy, which is a document of its own. */
export const settingNames = [
  "group",
  "routes",
  "staleIfError",
  "check",
  "deadline",
  "priority",
  "trace",
  "redirects",
  "quiet",
] as const;

/** What is taken out by `false`; of the others `false` is a value, or an empty list says it. */
const optional: readonly string[] = ["staleIfError", "check", "deadline", "priority"];

/**
 * Reads the text of such settings: `{ "staleIfError": "1h", "group": { "slowStart": "30s" } }`.
 *
 * @throws TypeError that names the setting and quotes the value
 */
export function readSettings(text: string): UpstreamSettings {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch (cause) {
    throw new TypeError(`settings is no JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isObject(input))
    throw new TypeError(
      `settings must be an object such as { "staleIfError": "1h" }, but is ${quote(input)}`,
    );
  known(input, "settings", settingNames);
  const { group } = input;
  if (group !== undefined && !isObject(group)) {
    throw new TypeError(
      `settings.group must be an object such as { "slowStart": "30s" }, but is ${quote(group)}`,
    );
  }
  return input;
}

/**
 * The upstream as settings have it. Of the group's rules those that are not named are as configured; a list or an object else
 * replaces the configured one as a whole, and `false` takes out what may be absent.
 *
 * @param upstream as it is configured
 * @throws TypeError that names the setting and quotes the value
 */
export function withSettings(upstream: Upstream, settings: UpstreamSettings): Upstream {
  const fields: Record<string, unknown> = { ...upstream.configured, ...settings };
  if (settings.group !== undefined)
    fields.group = { ...(upstream.configured.group as object | undefined), ...(settings.group as object) };
  for (const name of optional) if (fields[name] === false) delete fields[name];
  return { ...readUpstream(upstream.name, fields, "settings"), configured: upstream.configured };
}

/**
 * Settings with changes on top. `null` takes one back, so that what is configured holds again.
 *
 * @throws TypeError for what is no object
 */
export function changedSettings(before: UpstreamSettings, changes: unknown): UpstreamSettings {
  if (!isObject(changes))
    throw new TypeError(
      `settings must be an object such as { "staleIfError": "1h" }, but is ${quote(changes)}`,
    );
  const { group } = changes;
  const merged = { ...before, ...changes };
  if (isObject(group)) merged.group = given({ ...(before.group as object | undefined), ...group });
  return given(merged);
}

function given(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
