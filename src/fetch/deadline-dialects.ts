/**
 * How the time that is left travels in a header: `plain` as `X-Request-Timeout-Ms`, `envoy` as
 * `X-Envoy-Expected-Rq-Timeout-Ms`, `grpc` as `Grpc-Timeout`, `connect` as `Connect-Timeout-Ms`.
 */
export type DeadlineDialect = "plain" | "envoy" | "grpc" | "connect";

/** The header of each dialect: for a proxy, which takes the caller's away. */
export const deadlineHeaderNames: Readonly<Record<DeadlineDialect, string>> = {
  plain: "x-request-timeout-ms",
  envoy: "x-envoy-expected-rq-timeout-ms",
  grpc: "grpc-timeout",
  connect: "connect-timeout-ms",
};

interface Dialect {
  /** The text for at least a millisecond; what is not whole is rounded down. */
  write(ms: number): string;
  /** Milliseconds, from 0 to Infinity; undefined for what is not of this dialect. */
  read(text: string): number | undefined;
}

/** Milliseconds in digits. Connect takes ten of them at most, which are 115 days. */
const digits = {
  write: (ms: number): string => String(Math.min(Math.floor(ms), 9_999_999_999)),
  read: (text: string): number | undefined => (/^\d+$/.test(text) ? Number(text) : undefined),
};

/** Milliseconds in each of gRPC's units. */
const units: Readonly<Record<string, number>> = { m: 1, S: 1_000, M: 60_000, H: 3_600_000, u: 1e-3, n: 1e-6 };
const mostDigits = 99_999_999;

/**
 * The dialects by name.
 *
 * Sources: Envoy's router filter; gRPC's PROTOCOL-HTTP2, "Timeout"; the Connect protocol, "Connect-Timeout-Ms".
 */
export const dialects: Readonly<Record<DeadlineDialect, Dialect>> = {
  plain: digits,
  envoy: digits,
  connect: digits,
  grpc: {
    write(ms) {
      const unit = ["m", "S", "M"].find((each) => ms / (units[each] as number) < mostDigits + 1) ?? "H";
      return `${Math.min(Math.floor(ms / (units[unit] as number)), mostDigits)}${unit}`;
    },
    read(text) {
      const match = /^(\d{1,8})([HMSmun])$/.exec(text);
      return match === null ? undefined : Number(match[1]) * (units[match[2] as string] as number);
    },
  },
};
