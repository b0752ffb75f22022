import { quote } from "../core/duration.ts";
import type { CircuitCall, EventType, PolicyEvent } from "../core/events.ts";
import { circuitStates } from "../state/circuit.ts";

/** Where a batch comes from. */
export interface BatchSource {
  /** Random, made anew for each page or isolate. */
  readonly id: string;
  readonly kind: "page" | "worker" | "node";
}

/** Events on their way to a collector, version 1. */
export interface EventBatch {
  readonly version: 1;
  readonly source: BatchSource;
  /** The sender's clock when it was sent, to tell how old the events are without trusting that clock. */
  readonly sentAt: number;
  /** Events that a full buffer dropped since the batch before. */
  readonly dropped: number;
  readonly events: readonly PolicyEvent[];
}

/** An event of a batch that was not taken, and why. */
export interface RejectedEvent {
  readonly index: number;
  readonly reason: string;
}

export const batchVersion = 1;
/** Events that one batch may hold. */
export const largestBatch = 1000;

/** A batch that is no batch; `status` is the HTTP status to answer with. */
export class BatchError extends Error {
  override readonly name = "BatchError";
  readonly status: 400 | 413 | 422;
  /** A short name for the problem type. */
  readonly problem: string;

  constructor(status: 400 | 413 | 422, problem: string, message: string) {
    super(message);
    this.status = status;
    this.problem = problem;
  }
}

type Check = (value: unknown) => boolean;

const number: Check = (value) => typeof value === "number" && Number.isFinite(value) && value >= 0;
const ratio: Check = (value) => number(value) && (value as number) <= 1;
const label: Check = (value) => typeof value === "string" && value.length > 0 && value.length <= 100;
const sentence: Check = (value) => typeof value === "string" && value.length > 0 && value.length <= 300;
/** A name in the DNS has 253 characters at most. */
const host: Check = (value) => typeof value === "string" && value.length > 0 && value.length <= 253;
const flag: Check = (value) => typeof value === "boolean";
const optionalNumber = optional(number);

function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function hex(digits: number): Check {
  return (value) => typeof value === "string" && value.length === digits && /^[0-9a-f]+$/.test(value);
}

/** Circuits that one call may tell of: more is no call of ours. */
const mostCircuits = 100;

const states: ReadonlySet<unknown> = new Set(circuitStates);
const results: ReadonlySet<unknown> = new Set<CircuitCall["result"]>(["success", "failure", "ignored"]);
/** What newer versions know beside these is left out, call by call. */
const circuitCalls: Check = (value) =>
  value === undefined ||
  (Array.isArray(value) &&
    value.length <= mostCircuits &&
    value.every((each) => isRecord(each) && label(each.circuit) && label(each.state) && label(each.result)));

const measures = { duration: number, attempts: number, circuits: circuitCalls, inTime: optionalNumber };

const rate = { limit: optionalNumber, per: optionalNumber, burst: optionalNumber };

/** The fields of each event, and what they must be. */
const fields: { readonly [T in EventType]: Readonly<Record<string, Check>> } = {
  "request.succeeded": { ...measures, degraded: (value) => value === undefined || value === true },
  "request.failed": { ...measures, kind: label },
  "request.aborted": measures,
  "retry.attempted": { attempt: number, delay: number, kind: label },
  "retry.exhausted": { attempts: number, reason: label },
  "circuit.opened": {
    circuit: label,
    from: label,
    failureRate: ratio,
    openFor: optionalNumber,
    reason: label,
  },
  "circuit.half-opened": { circuit: label, from: label },
  "circuit.closed": { circuit: label, from: label, openFor: number },
  "circuit.rejected": { circuit: label, state: optional(label), retryAfter: optionalNumber },
  "circuit.called": {
    circuit: label,
    state: (value) => states.has(value),
    result: (value) => results.has(value),
  },
  "store.failed": { circuit: label, kind: label, retryIn: number },
  "lease.acquired": { lease: label, token: number },
  "lease.lost": { lease: label, token: number, reason: label },
  "bulkhead.acquired": { active: number, limit: number, waited: number },
  "bulkhead.rejected": { active: number, limit: number, queued: number },
  "rate-limit.rejected": { retryAfter: number, ...rate },
  "rate-limit.waited": { wait: number, ...rate },
  "rate-limit.changed": { limit: number, from: number, per: optionalNumber },
  "throttle.rejected": { probability: ratio },
  "hedge.started": { hedge: number, after: number },
  "hedge.won": { hedge: number },
  "call.coalesced": { waiting: number },
  "cache.hit": { freshness: label },
  "cache.missed": {},
  "chaos.injected": { chaos: label },
  "limit.changed": { limit: number, from: number },
  "timeout.occurred": { after: number },
  "fallback.used": { kind: label },
  "discovery.changed": { members: number, added: number, removed: number },
  "discovery.failed": { kind: label, members: number, retryIn: number },
  "document.applied": { version: number, document: optional(label) },
  "document.refused": { version: number, reason: sentence, document: optional(label) },
  "span.ended": {
    parentId: optional(hex(16)),
    sampled: flag,
    duration: number,
    resends: number,
    layer: optional(label),
    method: optional(label),
    host: optional(host),
    port: optionalNumber,
    status: optionalNumber,
    kind: optional(label),
  },
};

/** What any event carries. */
const stamp = {
  type: label,
  policy: label,
  at: number,
  key: optional(label),
  traceId: optional(hex(32)),
  spanId: optional(hex(16)),
};

interface Schema {
  readonly checks: ReadonlyMap<string, Check>;
  readonly required: readonly string[];
}

const schemas = new Map<unknown, Schema>(
  Object.entries(fields).map(([type, own]) => {
    const checks = new Map<string, Check>(Object.entries({ ...stamp, ...own }));
    const required = [...checks].filter(([, check]) => !check(undefined)).map(([field]) => field);
    return [type, { checks, required }];
  }),
);

/**
 * Reads a batch: good events are kept, bad ones rejected one by one, those of an unknown type skipped as a newer
 * sender's.
 *
 * Only the known fields of an event are kept. One that has no others becomes part of the batch as it is: whoever holds the
 * input still, shares it.
 *
 * @throws BatchError when it is no batch, is of another version, or holds too many events
 */
export function readBatch(input: unknown): { batch: EventBatch; rejected: RejectedEvent[] } {
  if (!isRecord(input)) throw new BatchError(400, "bad-batch", "a batch must be a JSON object");
  const { version, source, sentAt, dropped, events } = input;
  if (version !== batchVersion) {
    const found = quoted(version, "none");
    throw new BatchError(
      422,
      "unknown-version",
      `the batch has version ${found}, but this collector reads 1`,
    );
  }
  if (!isRecord(source) || !label(source.id) || !["page", "worker", "node"].includes(source.kind as string)) {
    throw new BatchError(
      400,
      "bad-batch",
      'source must be { id, kind }, with kind "page", "worker" or "node"',
    );
  }
  if (!number(sentAt))
    throw new BatchError(400, "bad-batch", "sentAt must be a time in milliseconds since 1970");
  if (dropped !== undefined && !(Number.isSafeInteger(dropped) && number(dropped))) {
    throw new BatchError(400, "bad-batch", "dropped must be a number of events");
  }
  if (!Array.isArray(events)) throw new BatchError(400, "bad-batch", "events must be an array");
  if (events.length > largestBatch) {
    throw new BatchError(413, "batch-too-large", `${events.length} events are more than ${largestBatch}`);
  }
  const kept: PolicyEvent[] = [];
  const rejected: RejectedEvent[] = [];
  for (const [index, event] of events.entries()) {
    const read = readEvent(event);
    if (typeof read === "string") rejected.push({ index, reason: read });
    else kept.push(read);
  }
  const batch: EventBatch = {
    version: 1,
    source: { id: source.id as string, kind: source.kind as BatchSource["kind"] },
    sentAt: sentAt as number,
    dropped: (dropped as number | undefined) ?? 0,
    events: kept,
  };
  return { batch, rejected };
}

/**
 * Reads the JSON of a batch, as `readBatch` does what it holds.
 *
 * @throws BatchError
 */
export function readBatchText(text: string): ReturnType<typeof readBatch> {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    throw new BatchError(400, "bad-json", "the body is no JSON");
  }
  return readBatch(input);
}

function readEvent(input: unknown): PolicyEvent | string {
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
  if (field === "policy" || field === "key") return `${field} must be a text of 1 to 100 characters`;
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
function quoted(value: unknown, missing: string): string {
  return value === undefined ? missing : quote(value).slice(0, 100);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
