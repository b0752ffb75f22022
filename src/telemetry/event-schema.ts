import { quote } from "../core/duration.ts";
import type { CircuitCall, EventType, PolicyEvent } from "../core/events.ts";
import { longestName } from "../core/longest-name.ts";
import { circuitStates } from "../state/circuit.ts";

/** Whether a field of an event may have a value. */
export type Check = (value: unknown) => boolean;

/** What a field of an event may be. */
interface Field {
  readonly check: Check;
  /** What goes in the place of a value that may not be there but says something; what says nothing stays, to be refused. */
  mend(value: unknown): unknown;
}

/** Circuits that one call may tell of. */
const mostCircuits = 100;
/** Of what is counted for one call, or at one moment. What is summed up stays far below what a number can hold. */
const mostAtOnce = 1_000_000;
/** Events that one of them may stand for. */
export const mostWeight = 10_000;
/** Milliseconds: a leap year. */
const longest = 366 * 86_400_000;
/** Milliseconds since 1970: the last time that a `Date` can have. */
const lastTime = 8_640_000_000_000_000;

const time = number(lastTime);
const duration = number(longest);
const ratio = number(1);
const amount = number(Number.MAX_SAFE_INTEGER);
const count = whole(mostAtOnce);
const ordinal = whole(Number.MAX_SAFE_INTEGER);
const label = text(longestName);
const flag = asIs((value) => typeof value === "boolean");

/** A number from 0 to `most`. */
export function isNumber(value: unknown, most: number = lastTime): value is number {
  return typeof value === "number" && value >= 0 && value <= most;
}

function number(most: number): Field {
  return {
    check: (value) => isNumber(value, most),
    mend: (value) => (typeof value === "number" ? Math.min(Math.max(value, 0), most) : value),
  };
}

function whole(most: number): Field {
  const { check, mend } = number(most);
  return {
    check: (value) => check(value) && Number.isInteger(value),
    mend: (value) => (typeof value === "number" ? Math.round(mend(value) as number) : value),
  };
}

function text(most: number): Field {
  return {
    check: (value) => isText(value, most),
    mend: (value) => {
      if (typeof value !== "string") return value;
      // Half a character of two would not survive its way.
      return value === "" ? "(none)" : `${value.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…`;
    },
  };
}

/** A text of 1 to `most` characters. */
export function isText(value: unknown, most: number = longestName): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= most;
}

function asIs(check: Check): Field {
  return { check, mend: (value) => value };
}

function optional({ check, mend }: Field): Field {
  return {
    check: (value) => value === undefined || check(value),
    mend: (value) => (value === "" ? undefined : mend(value)),
  };
}

function hex(digits: number): Field {
  return asIs((value) => typeof value === "string" && value.length === digits && /^[0-9a-f]+$/.test(value));
}

const states: ReadonlySet<unknown> = new Set(circuitStates);
const results: ReadonlySet<unknown> = new Set<CircuitCall["result"]>(["success", "failure", "ignored"]);
/** What newer versions know beside these is left out, call by call. */
const circuits: Field = {
  check: (value) =>
    value === undefined ||
    (Array.isArray(value) &&
      value.length <= mostCircuits &&
      value.every(
        (each) => isRecord(each) && isText(each.circuit) && isText(each.state) && isText(each.result),
      )),
  mend: (value) =>
    Array.isArray(value)
      ? value.slice(0, mostCircuits).map((call) => ({ ...call, circuit: mended(label, call.circuit) }))
      : value,
};

const measures = { duration, attempts: count, circuits, inTime: optional(count) };

const rate = { limit: optional(amount), per: optional(duration), burst: optional(amount) };

/** The fields of each event, and what they must be. */
const fields: { readonly [T in EventType]: Readonly<Record<string, Field>> } = {
  "request.succeeded": { ...measures, degraded: asIs((value) => value === undefined || value === true) },
  "request.failed": { ...measures, kind: label },
  "request.aborted": measures,
  "retry.attempted": { attempt: count, delay: duration, kind: label },
  "retry.exhausted": { attempts: count, reason: label },
  "circuit.opened": {
    circuit: label,
    from: label,
    failureRate: ratio,
    openFor: optional(duration),
    reason: label,
  },
  "circuit.half-opened": { circuit: label, from: label },
  "circuit.closed": { circuit: label, from: label, openFor: duration },
  "circuit.rejected": { circuit: label, state: optional(label), retryAfter: optional(duration) },
  "circuit.called": {
    circuit: label,
    state: asIs((value) => states.has(value)),
    result: asIs((value) => results.has(value)),
  },
  "store.failed": { circuit: label, kind: label, retryIn: duration },
  "lease.acquired": { lease: label, token: ordinal },
  "lease.lost": { lease: label, token: ordinal, reason: label },
  "bulkhead.acquired": { active: count, limit: amount, waited: duration },
  "bulkhead.rejected": { active: count, limit: amount, queued: count },
  "rate-limit.rejected": { retryAfter: duration, ...rate },
  "rate-limit.waited": { wait: duration, ...rate },
  "rate-limit.changed": { limit: amount, from: amount, per: optional(duration) },
  "throttle.rejected": { probability: ratio },
  "hedge.started": { hedge: count, after: duration },
  "hedge.won": { hedge: count },
  "call.coalesced": { waiting: count },
  "cache.hit": { freshness: label },
  "cache.missed": {},
  "chaos.injected": { chaos: label },
  "limit.changed": { limit: amount, from: amount },
  "timeout.occurred": { after: duration },
  "fallback.used": { kind: label },
  "discovery.changed": { members: count, added: count, removed: count },
  "discovery.failed": { kind: label, members: count, retryIn: duration },
  "member.ejected": { member: label, outFor: duration, reason: label },
  "member.unhealthy": { member: label },
  "member.healthy": { member: label },
  "document.applied": { version: ordinal, document: optional(label) },
  "document.refused": { version: ordinal, reason: text(300), document: optional(label) },
  "span.ended": {
    parentId: optional(hex(16)),
    sampled: flag,
    duration,
    resends: count,
    layer: optional(label),
    method: optional(label),
    // A name in the DNS has 253 characters at most.
    host: optional(text(253)),
    port: optional(whole(65_535)),
    status: optional(whole(999)),
    kind: optional(label),
  },
};

/** What any event carries. */
const stamp = {
  type: label,
  policy: label,
  at: time,
  key: optional(label),
  traceId: optional(hex(32)),
  spanId: optional(hex(16)),
  weight: optional(whole(mostWeight)),
};

interface Schema {
  readonly fields: readonly (readonly [name: string, field: Field])[];
  readonly checks: ReadonlyMap<string, Check>;
  readonly required: readonly string[];
}

const schemas = new Map<unknown, Schema>(
  Object.entries(fields).map(([type, own]) => {
    const all = Object.entries<Field>({ ...stamp, ...own });
    const checks = new Map(all.map(([name, { check }]) => [name, check]));
    const required = all.flatMap(([name, { check }]) => (check(undefined) ? [] : [name]));
    return [type, { fields: all, checks, required }];
  }),
);

/**
 * An event of ours as `readEvent` takes it: names are cut, numbers brought within their bounds. One that is so already comes
 * back as it is; of what it cannot help, the collector says what is wrong.
 */
export function mendEvent(event: PolicyEvent): PolicyEvent {
  const schema = schemas.get(event.type);
  if (schema === undefined) return event;
  const given = event as unknown as Record<string, unknown>;
  // Most are well, and cost no more than a look.
  for (const name in given)
    if (schema.checks.get(name)?.(given[name]) === false) return allMended(given, schema);
  return event;
}

function allMended(event: Record<string, unknown>, { fields }: Schema): PolicyEvent {
  const better = fields.map(([name, field]) => [name, mended(field, event[name])] as const);
  const known = better.filter(([name]) => name in event);
  return { ...event, ...Object.fromEntries(known) } as unknown as PolicyEvent;
}

function mended({ check, mend }: Field, value: unknown): unknown {
  return check(value) ? value : mend(value);
}

/** Reads an event. Of one with fields that nobody knows here a copy is made without them. @returns a text that says what is wrong */
export function readEvent(input: unknown): PolicyEvent | string {
  if (!isRecord(input)) return "an event must be an object";
  const { type } = input;
  const schema = schemas.get(type);
  if (schema === undefined) return `unknown type ${quoted(type, "undefined")}`;
  const { checks, required } = schema;
  let isKnown = true;
  // Once over the fields as they are: this is what the collector spends most on.
  for (const field in input) {
    const check = checks.get(field);
    if (check === undefined) isKnown = false;
    else if (!check(input[field])) return wrong(field, input);
  }
  for (const field of required) if (input[field] === undefined) return wrong(field, input);
  return isKnown && isAllKnown(input) ? (input as unknown as PolicyEvent) : onlyKnown(input, checks);
}

function wrong(field: string, input: Record<string, unknown>): string {
  if (field === "policy" || field === "key")
    return `${field} must be a text of 1 to ${longestName} characters`;
  if (field === "at") return "at must be a time in milliseconds since 1970";
  return `${field} of ${String(input.type)} is ${quoted(input[field], "missing")}`;
}

/** Whether what it says of circuits is all known here. */
function isAllKnown({ state, circuits }: Record<string, unknown>): boolean {
  if (state !== undefined && !states.has(state)) return false;
  if (circuits === undefined) return true;
  return (circuits as CircuitCall[]).every((call) => isKnownCall(call) && fieldsOf(call) === 3);
}

function isKnownCall({ state, result }: CircuitCall): boolean {
  return states.has(state) && results.has(result);
}

function fieldsOf(input: object): number {
  let count = 0;
  for (const _ in input) count++;
  return count;
}

/** A copy with what is known: most events have nothing else, and are taken as they are. */
function onlyKnown(input: Record<string, unknown>, checks: Schema["checks"]): PolicyEvent {
  const event: Record<string, unknown> = {};
  for (const field of checks.keys()) if (input[field] !== undefined) event[field] = input[field];
  if (!states.has(event.state)) delete event.state;
  if (event.circuits === undefined) return event as unknown as PolicyEvent;
  const calls = (event.circuits as CircuitCall[]).filter(isKnownCall);
  event.circuits = calls.map(({ circuit, state, result }) => ({ circuit, state, result }));
  return event as unknown as PolicyEvent;
}

/** What the sender sees of a value that will not do: no more than it needs to find it. */
export function quoted(value: unknown, missing: string): string {
  return value === undefined ? missing : quote(value).slice(0, 100);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
