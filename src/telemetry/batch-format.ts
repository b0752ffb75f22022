import type { PolicyEvent } from "../core/events.ts";
import { isNumber, isRecord, isText, quoted, readEvent } from "./event-schema.ts";

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
  /** Events that were lost since the batch before: for want of room, of a delivery, or because the collector rejected them. */
  readonly dropped: number;
  readonly events: readonly PolicyEvent[];
}

/** An event of a batch that was not taken, and why. */
export interface RejectedEvent {
  readonly index: number;
  readonly reason: string;
}

/** What became of a batch: what a collector answers to it. */
export interface Receipt {
  readonly accepted: number;
  readonly rejected: readonly RejectedEvent[];
}

/** What a batch may come from. */
export const sourceKinds: readonly BatchSource["kind"][] = ["page", "worker", "node"];

export const batchVersion = 1;
/** Events that one batch may hold. */
export const largestBatch = 1000;
/** Events that one batch may say were dropped: far more than there ever are between two. */
const mostDropped = 1_000_000_000;

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
  if (!isRecord(source) || !isText(source.id) || !sourceKinds.includes(source.kind as BatchSource["kind"])) {
    throw new BatchError(
      400,
      "bad-batch",
      'source must be { id, kind }, with kind "page", "worker" or "node"',
    );
  }
  if (!isNumber(sentAt))
    throw new BatchError(400, "bad-batch", "sentAt must be a time in milliseconds since 1970");
  if (dropped !== undefined && !(isNumber(dropped, mostDropped) && Number.isInteger(dropped))) {
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
    source: { id: source.id, kind: source.kind as BatchSource["kind"] },
    sentAt,
    dropped: dropped ?? 0,
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
