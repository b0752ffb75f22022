import { longestWait } from "../core/retry-after.ts";

/** What a server says of one of its limits. What it did not say, or said wrongly, is undefined. */
export interface RateLimitHint {
  /** The limit's name; empty where the header has none. */
  readonly name: string;
  /** Requests in each window. */
  readonly limit: number | undefined;
  /** Requests that are left. */
  readonly remaining: number | undefined;
  /** Milliseconds until there are more, up to a day. */
  readonly resetAfter: number | undefined;
}

/** A string, token or number, what it equals if anything, and what follows. */
const piece =
  /[ \t]*(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~:/-]+))(?:=(?:"(?:[^"\\]|\\.)*"|:[\w+/=]*:|([\w?.-]+)))?[ \t]*(;|,|$)/gy;

interface Member {
  readonly name: string;
  readonly values: ReadonlyMap<string, string>;
}

/**
 * The members of a structured field, as far as rate limits need it: a list's with their parameters, a dictionary's as
 * parameters of one member without a name. None when the field is malformed. Source: RFC 9651, section 3.
 */
function members(text: string | null): Member[] {
  const found: Member[] = [];
  const entries = new Map<string, string>();
  let current: Map<string, string> | undefined;
  let read = 0;
  for (const [whole, quoted, bare = "", value, end] of (text ?? "").matchAll(piece)) {
    read += whole.length;
    if (current !== undefined) current.set(bare, value ?? "");
    else {
      current = new Map();
      if (value === undefined) found.push({ name: quoted ?? bare, values: current });
      else entries.set(bare, value);
    }
    if (end === ",") current = undefined;
  }
  if (read < (text ?? "").length) return [];
  return entries.size > 0 ? [...found, { name: "", values: entries }] : found;
}

/** A number of zero or more. */
function amount(text: string | null | undefined): number | undefined {
  return text != null && /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;
}

const milliseconds = (seconds: number | undefined): number | undefined =>
  seconds === undefined ? undefined : Math.min(seconds * 1_000, longestWait);

/**
 * Reads what a server says of its rate limits: `RateLimit` and `RateLimit-Policy`, in their present form
 * (`"burst";r=50;t=30`) and the one before (`limit=100, remaining=50, reset=30`), or else the separate
 * `RateLimit-Remaining` and its kin, with or without `X-`, whose reset is in seconds from now or since 1970.
 *
 * Empty where there is none, where it is malformed, and in a page when the server of another origin does not expose them.
 * Sources: draft-ietf-httpapi-ratelimit-headers, versions 10, 07 and 03.
 *
 * @param now milliseconds since 1970, by the server's clock
 */
export function parseRateLimit(headers: Pick<Headers, "get">, now: number): RateLimitHint[] {
  const policies = new Map(
    members(headers.get("ratelimit-policy")).map(({ name, values }) => [name, values]),
  );
  const hints = members(headers.get("ratelimit")).map(({ name, values }): RateLimitHint => {
    const policy = policies.get(name);
    return {
      name,
      limit: amount(policy?.get("q") ?? values.get("limit")),
      remaining: amount(values.get("r") ?? values.get("remaining")),
      // Who does not say when there is more says how long a window lasts, and that is never less.
      resetAfter: milliseconds(amount(values.get("t") ?? values.get("reset") ?? policy?.get("w"))),
    };
  });
  return hints.length > 0 ? hints : separate(headers, now);
}

function separate(headers: Pick<Headers, "get">, now: number): RateLimitHint[] {
  for (const prefix of ["ratelimit-", "x-ratelimit-", "x-rate-limit-"]) {
    const [limit, remaining, reset] = ["limit", "remaining", "reset"].map((each) =>
      amount(headers.get(prefix + each)),
    );
    if (remaining !== undefined || reset !== undefined) {
      return [{ name: "", limit, remaining, resetAfter: milliseconds(untilReset(reset, now)) }];
    }
  }
  return [];
}

/** Seconds from now; what would be more than thirty years is a time since 1970, in seconds or milliseconds. */
function untilReset(reset: number | undefined, now: number): number | undefined {
  if (reset === undefined || reset < 1e9) return reset;
  return Math.max(0, (reset < 1e11 ? reset : reset / 1_000) - now / 1_000);
}

/**
 * How long there is nothing left, in milliseconds; undefined when there is some, or nobody says.
 *
 * @param refused whether the request was refused: then a limit that does not say what is left has nothing
 */
export function exhaustedFor(
  headers: Pick<Headers, "get">,
  now: number,
  refused: boolean,
): number | undefined {
  const waits = parseRateLimit(headers, now)
    .filter(({ remaining }) => (remaining ?? (refused ? 0 : 1)) < 1)
    .flatMap(({ resetAfter }) => resetAfter ?? []);
  return waits.length > 0 ? Math.max(...waits) : undefined;
}
