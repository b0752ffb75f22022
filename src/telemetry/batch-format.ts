import { quote } from "../core/duration.ts";
import type { CircuitCall, EventType, PolicyEvent } from "../core/events.ts";

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
const flag: Check = (value) => typeof value === "boolean";
const optionalNumber = optional(number);

function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

function hex(digits: number): Check {
  return (value) => typeof value === "string" && value.length === digits && /^[0-9a-f]+$/.test(value);
}

const states = ["closed", "open", "half-open", "forced-open", "disabled", "metrics-only"];
const results = ["success", "failure", "ignored"];
/** Circuits that one call may tell of: more is no call of ours. */
const mostCircuits = 100;

const optionalState: Check = (value) => value === undefined || states.includes(value as string);
const circuitCalls: Check = (value) =>
  value === undefined ||
  (Array.isArray(value) &&
    value.length <= mostCircuits &&
    value.every(
      (each) =>
        isRecord(each) &&
        label(each.circuit) &&
        states.includes(each.state as string) &&
        results.includes(each.result as string),
    ));

const measures = { duration: number, attempts: number, circuits: circuitCalls, inTime: optionalNumber };

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
  "circuit.rejected": { circuit: label, state: optionalState, retryAfter: optionalNumber },
  "circuit.called": {
    circuit: label,
    state: (value) => states.includes(value as string),
    result: (value) => results.includes(value as string),
  },
  "store.failed": { circuit: label, kind: label, retryIn: number },
  "lease.acquired": { lease: label, token: number },
  "lease.lost": { lease: label, token: number, reason: label },
  "bulkhead.acquired": { active: number, limit: number, waited: number },
  "bulkhead.rejected": { active: number, limit: number, queued: number },
  "rate-limit.rejected": { retryAfter: number },
  "rate-limit.waited": { wait: number },
  "rate-limit.changed": { limit: number, from: number },
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
  "document.applied": { version: number },
  "document.refused": { version: number, reason: sentence },
  "span.ended": {
    parentId: optional(hex(16)),
    sampled: flag,
    duration: number,
    resends: number,
    layer: optional(label),
    status: optionalNumber,
    kind: optional(label),
  },
};

/** What any event may carry of a trace. */
const traced = { traceId: optional(hex(32)), spanId: optional(hex(16)) };

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
  const { type, policy, at, key } = input;
  if (typeof type !== "string" || !Object.hasOwn(fields, type)) {
    return `unknown type ${quoted(type, "undefined")}`;
  }
  if (!label(policy)) return "policy must be a text of 1 to 100 characters";
  if (!number(at)) return "at must be a time in milliseconds since 1970";
  if (key !== undefined && !label(key)) return "key must be a text of 1 to 100 characters";
  const own = fields[type as EventType];
  const wrong = unfit(input, traced) ?? unfit(input, own);
  if (wrong !== undefined) return `${wrong} of ${type} is ${quoted(input[wrong], "missing")}`;
  const known = (key === undefined ? 3 : 4) + present(input, traced) + present(input, own);
  if (known === fieldsOf(input) && areOnlyKnown(input.circuits)) return input as unknown as PolicyEvent;
  return onlyKnown(input, own);
}

/** The first field of a table that will not do. */
function unfit(input: Record<string, unknown>, table: Readonly<Record<string, Check>>): string | undefined {
  // Lists of keys are what the collector spent most on, and there are no inherited ones here.
  for (const field in table) if (!(table[field] as Check)(input[field])) return field;
  return undefined;
}

function present(input: Record<string, unknown>, table: Readonly<Record<string, Check>>): number {
  let count = 0;
  for (const field in table) if (input[field] !== undefined) count++;
  return count;
}

function fieldsOf(input: object): number {
  let count = 0;
  for (const _ in input) count++;
  return count;
}

function areOnlyKnown(circuits: unknown): boolean {
  return circuits === undefined || (circuits as CircuitCall[]).every((call) => fieldsOf(call) === 3);
}

/** A copy with the known fields: most events have no others, and are taken as they are. */
function onlyKnown(input: Record<string, unknown>, own: Readonly<Record<string, Check>>): PolicyEvent {
  const event: Record<string, unknown> = { type: input.type, policy: input.policy, at: input.at };
  for (const field of ["key", ...Object.keys(traced), ...Object.keys(own)])
    if (input[field] !== undefined) event[field] = input[field];
  if ("circuits" in event) {
    const calls = event.circuits as CircuitCall[];
    event.circuits = calls.map(({ circuit, state, result }) => ({ circuit, state, result }));
  }
  return event as unknown as PolicyEvent;
}

/** What the sender sees of a value that will not do: no more than it needs to find it. */
function quoted(value: unknown, missing: string): string {
  return value === undefined ? missing : quote(value).slice(0, 100);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
