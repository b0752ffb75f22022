import { known, whole } from "../core/check.ts";
import { type Clock, systemClock } from "../core/clock.ts";
import { type Duration, milliseconds } from "../core/duration.ts";
import { environment } from "../core/environment.ts";
import { isRejected } from "../core/errors.ts";
import type { EventSink, PolicyEvent } from "../core/events.ts";
import { callable, having, oneOf } from "../core/options.ts";
import { compose, identity, type Policy, type Service } from "../core/policy.ts";
import { type Random, systemRandom } from "../core/random.ts";
import { bulkhead } from "../policies/bulkhead.ts";
import { retry } from "../policies/retry.ts";
import { timeout } from "../policies/timeout.ts";
import {
  type BatchSource,
  batchVersion,
  type EventBatch,
  type Receipt,
  sourceKinds,
} from "./batch-format.ts";
import { mendEvent } from "./event-schema.ts";
import type { EventShelf } from "./kept-in.ts";
import { classifyDelivery, DeliveryError, farewellBytes } from "./over-http.ts";
import { isAtLeast } from "./severity.ts";

export interface BatchOptions {
  /**
   * Where batches go: a service, as everything is. What its answer names as `rejected` counts as dropped; what else it answers does
   * not matter.
   */
  readonly deliver: Service<EventBatch, unknown>;
  /** What the batches come from. */
  readonly source: BatchSource["kind"];
  /** Events that make a batch before it is old enough. Default 200. */
  readonly maximumSize?: number;
  /** How long an event waits for others. Default 500 ms. */
  readonly maximumAge?: Duration;
  /** How long one that warns waits, if none has in the last `maximumAge`. Default 50 ms, or `maximumAge` if that is less. */
  readonly urgentAge?: Duration;
  /** Events kept while batches cannot be sent; the oldest are dropped and counted. Default 2000. */
  readonly capacity?: number;
  /** What delivery survives with. Default `bulkhead(2) + retry(3) + timeout(10s)`, which waits up to 30 s as `Retry-After` says. */
  readonly policy?: Policy<EventBatch, unknown>;
  /**
   * Where a page leaves what it cannot send before it is hidden, or at all. Default nowhere: the page sends it if it comes
   * back, and gives up what no try delivers.
   */
  readonly shelf?: EventShelf;
  /** Keeps the platform running until a batch is sent (Workers, service workers). */
  readonly waitUntil?: (work: Promise<unknown>) => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A sink that sends events in batches. */
export interface BatchSink extends EventSink {
  /** Sends what waits now; settles when it is delivered, given up, or found no room. Never rejects. */
  flush(): Promise<void>;
  /** Events that were dropped, for want of room, because no delivery succeeded, or because the collector rejected them. */
  readonly dropped: number;
}

const options = [
  "deliver",
  "source",
  "maximumSize",
  "maximumAge",
  "urgentAge",
  "capacity",
  "policy",
  "shelf",
  "waitUntil",
  "clock",
  "random",
] as const;

/** Bytes of a batch beside its events, at most. */
const envelopeBytes = 500;

/** The part of a page's document that matters here. */
interface Page {
  readonly visibilityState: string;
  addEventListener(type: "visibilitychange", listener: () => void): void;
}

/**
 * Collects events and sends them in batches: when there are enough, when they are old enough, when the page hides.
 *
 * @example
 * const sink = batch({ deliver: overHttp({ url: "/v1/events", key }), source: "page" });
 */
export function batch(chosen: BatchOptions): BatchSink {
  check(chosen);
  const { shelf, waitUntil = () => {}, clock = systemClock, random = systemRandom } = chosen;
  const size = whole(chosen.maximumSize ?? 200, "batch: maximumSize");
  const age = milliseconds(chosen.maximumAge ?? 500, "batch: maximumAge");
  const urgentAge = Math.min(age, milliseconds(chosen.urgentAge ?? 50, "batch: urgentAge"));
  const capacity = whole(chosen.capacity ?? 2000, "batch: capacity");
  const policy =
    chosen.policy ??
    compose(environment({ classify: classifyDelivery }), bulkhead(2), retry(3), timeout("10s"));
  const deliver = policy.wrap(chosen.deliver);
  const deliverAtOnce = identity.wrap(chosen.deliver);

  let source: BatchSource | undefined;
  const waiting: PolicyEvent[] = [];
  let dropped = 0;
  /** Drops that no batch has told of yet. */
  let untold = 0;
  /** When a flush was promised. On Workers the request that promised it may have been cut off. */
  let promised = -Infinity;
  /** When an event that warns was last sent before its time. */
  let hurried = -Infinity;

  function drop(count: number): void {
    dropped += count;
    untold += count;
  }

  /** With the first event: names the source, and in a page listens for the last chance to send. */
  function begin(): BatchSource {
    const { document } = globalThis as { document?: Page };
    document?.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") hide();
      else recover();
    });
    source = { id: random().toString(36).slice(2, 10), kind: chosen.source };
    recover();
    return source;
  }

  /** Sends as much as a page may that is perhaps being closed, and leaves the rest on the shelf. */
  function hide(): void {
    void send(waiting.splice(0, fitting(waiting)), true);
    if (shelf === undefined) void flush();
    else if (waiting.length > 0) shelve(shelf, waiting.splice(0).map(mendEvent));
  }

  function shelve(shelf: EventShelf, events: readonly PolicyEvent[]): void {
    // One of somebody's own, in JavaScript, may say nothing.
    drop(shelf.put(events) || 0);
  }

  /** Takes back what an earlier page, or this one, left on the shelf. */
  function recover(): void {
    if (shelf === undefined) return;
    waiting.unshift(...shelf.take());
    drop(waiting.splice(0, Math.max(0, waiting.length - capacity)).length);
    if (waiting.length > 0) promise();
  }

  async function flush(): Promise<void> {
    promised = -Infinity;
    let due = waiting.length;
    while (due > 0 || waiting.length >= size) {
      due -= size;
      if (await send(waiting.splice(0, size))) continue;
      promise();
      return;
    }
  }

  /**
   * Delivers a batch or gives it up. Without room for another delivery its events wait on, but those of a farewell, which cannot:
   * they go out beside what is under way.
   */
  async function send(emitted: readonly PolicyEvent[], isFarewell = false): Promise<boolean> {
    if (emitted.length === 0) return true;
    const from = source ?? begin();
    const events = emitted.map(mendEvent);
    const told = untold;
    untold = 0;
    const made = {
      version: batchVersion,
      source: from,
      sentAt: clock.wall(),
      dropped: told,
      events,
    } as const;
    try {
      const answer = await deliver(made).catch((error: unknown) => {
        if (isFarewell && isRejected(error, "bulkhead-full")) return deliverAtOnce(made);
        throw error;
      });
      drop(rejectedBy(answer));
      return true;
    } catch (error) {
      untold += told;
      if (isFarewell || !isRejected(error, "bulkhead-full")) {
        if (shelf !== undefined && passes(error)) shelve(shelf, events);
        else drop(events.length);
        return true;
      }
      waiting.unshift(...events);
      drop(waiting.splice(0, Math.max(0, waiting.length - capacity)).length);
      return false;
    }
  }

  function promise(): void {
    const now = clock.now();
    if (now - promised < 5 * age) return;
    promised = now;
    flushIn(age);
  }

  /** An outage makes many events that warn: not all of them can be sooner than the others. */
  function hurry(): void {
    const now = clock.now();
    if (now - hurried < age) return;
    hurried = now;
    flushIn(urgentAge);
  }

  function flushIn(ms: number): void {
    const later = new Promise<void>((resolve) => {
      const timer = clock.setTimer(() => resolve(flush()), ms);
      clock.keepAlive(timer, false);
    });
    waitUntil(later);
  }

  return {
    emit(event) {
      if (source === undefined) begin();
      if (waiting.length === capacity) {
        waiting.shift();
        drop(1);
      }
      waiting.push(event);
      if (waiting.length === size) waitUntil(flush());
      else {
        promise();
        if (isAtLeast(event, "warn")) hurry();
      }
    },
    flush,
    get dropped() {
      return dropped;
    },
  };
}

function check(chosen: BatchOptions): void {
  known(chosen, "batch", options);
  const { deliver, source, policy, shelf, waitUntil, clock, random } = chosen;
  callable(deliver, "batch: deliver");
  oneOf(...sourceKinds)(source, "batch: source");
  if (policy !== undefined) having<Policy>("wrap", "a policy")(policy as Policy, "batch: policy");
  if (shelf !== undefined)
    having<EventShelf>("put", "a shelf such as keptIn(localStorage)")(shelf, "batch: shelf");
  if (waitUntil !== undefined) callable(waitUntil, "batch: waitUntil");
  if (clock !== undefined) having<Clock>("now", "a clock")(clock, "batch: clock");
  if (random !== undefined) callable(random, "batch: random");
}

/** How many events of a batch a collector says that it did not take. */
function rejectedBy(answer: unknown): number {
  const { rejected } = Object(answer) as Partial<Receipt>;
  return Array.isArray(rejected) ? rejected.length : 0;
}

/** How many of the oldest events a batch may hold that is sent while the page goes. */
function fitting(events: readonly PolicyEvent[]): number {
  const encoder = new TextEncoder();
  let bytes = envelopeBytes;
  const tooMuch = events.findIndex((event) => {
    bytes += encoder.encode(JSON.stringify(event)).byteLength + 1;
    return bytes >= farewellBytes;
  });
  return tooMuch < 0 ? events.length : tooMuch;
}

/** Whether another delivery may end otherwise. */
function passes(error: unknown): boolean {
  return !(error instanceof DeliveryError) || error.retryable;
}
