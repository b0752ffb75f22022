import { known } from "../core/check.ts";
import { type Duration, milliseconds, quote } from "../core/duration.ts";
import { oneOf } from "../core/options.ts";

/** How long whoever asks the gateway will wait is read and told on, in which dialect and within which bounds. */
export interface UpstreamDeadline {
  readonly dialect: "plain" | "envoy" | "grpc" | "connect";
  readonly ceiling: Duration;
  readonly least: Duration;
}

const checkDialect = oneOf("plain", "envoy", "grpc", "connect");

/** Reads the field `deadline` of an upstream. @throws TypeError that names the field and quotes the value */
export function readDeadline(input: unknown, label: string): UpstreamDeadline | undefined {
  if (input === undefined) return undefined;
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new TypeError(`${label} must be an object such as { "dialect": "envoy" }, but is ${quote(input)}`);
  }
  known(input, label, ["dialect", "ceiling", "least"]);
  const { dialect = "plain", ceiling = "30s", least = "1s" } = input as Partial<UpstreamDeadline>;
  checkDialect(dialect, `${label}.dialect`);
  readDuration(ceiling, `${label}.ceiling`);
  readDuration(least, `${label}.least`);
  return { dialect, ceiling, least };
}

/** Checks a duration. @throws TypeError that names the field and quotes the value */
export function readDuration(value: unknown, label: string): Duration {
  try {
    milliseconds(value as Duration, label);
  } catch (cause) {
    throw new TypeError((cause as Error).message, { cause });
  }
  return value as Duration;
}
