import { waitUntil } from "cloudflare:workers";
import {
  bulkhead,
  type Context,
  compose,
  type EventSink,
  environment,
  keyed,
  type Policy,
  rateLimit,
  retry,
  type Service,
  timeout,
  type Wrapped,
} from "ninelives";
import { inOwnTime } from "ninelives/observer";
import { batch, classifyDelivery, type EventBatch, type Receipt, readBatchText } from "ninelives/telemetry";
import type { Env } from "./env.ts";
import { readExports } from "./exports.ts";
import { readShards, tellObserver } from "./observers.ts";
import { peaksOnly } from "./peaks.ts";
import { Telling } from "./telling.ts";

/** Batches a second that an isolate takes for one key, where `INGEST_RATE` says nothing else. */
const usualRate = 200;

/** Batches that an isolate keeps at most for one export, and how many of them are under way at a time. */
const mostUnexported = 64;
const exportsAtOnce = 16;

/** What one isolate does with batches: the observer gets them, and whatever else the configuration names. */
export class Collector {
  /**
   * Takes the JSON of a batch for a key, no more than is good: senders keep what is refused, and try again later.
   *
   * @throws BatchError when it is no batch
   */
  readonly take: Wrapped<string, Receipt>;
  readonly #exports: readonly Wrapped<EventBatch, unknown>[];
  readonly #telling: Telling;
  /** What becomes of exports, for the observer alone: an export of it would make more of it. */
  readonly #heard: EventSink;

  constructor(env: Env) {
    const shards = readShards(env);
    this.#telling = new Telling(shards, (told) => tellObserver(env, shards, told));
    const deliver = (told: EventBatch): Promise<void> => this.#telling.take(told);
    this.#heard = peaksOnly(batch({ deliver, source: "worker", policy: tellingOnce(), waitUntil }));
    this.#exports = readExports(env).map(({ name, deliver }) => this.#surviving(name).wrap(deliver));
    const rate = rateOf(env.INGEST_RATE);
    const allowed = { limit: 1, per: 1_000 / rate, burst: Math.ceil(2 * rate) };
    this.take = keyed(() => rateLimit(allowed)).wrap((text: string, context) => this.#collect(text, context));
  }

  /** Hands a batch to the observer, and in the background to the others: what they miss, nobody waits for. */
  readonly deliver: Service<EventBatch, void> = async (batch) => {
    const now = Date.now();
    await this.#telling.take(batch);
    if (this.#exports.length === 0) return;
    // The observer sees to this itself; others would take the sender's clock for right.
    const exported = inOwnTime(batch, now);
    for (const deliver of this.#exports) {
      waitUntil(deliver(exported).catch((error: unknown) => console.warn("a batch was not exported", error)));
    }
  };

  /** What an export survives with, within the 30 s that `waitUntil` grants. One that is slow or down costs the others nothing. */
  #surviving(name: string): Policy<EventBatch, unknown> {
    return compose(
      environment({ name, sink: this.#heard, classify: classifyDelivery }),
      timeout("25s"),
      bulkhead({ limit: exportsAtOnce, queue: mostUnexported - exportsAtOnce, maximumWait: "10s" }),
      retry(3),
      timeout("8s"),
    );
  }

  async #collect(text: string, context: Context): Promise<Receipt> {
    const { batch, rejected } = readBatchText(text);
    if (batch.events.length > 0 || batch.dropped > 0) await this.deliver(batch, context);
    return { accepted: batch.events.length, rejected };
  }
}

/** The telling tries again itself. Within the 30 s that `waitUntil` grants: what is cut off there would keep its slot. */
const tellingOnce = (): Policy<EventBatch, unknown> => compose(bulkhead(2), timeout("20s"));

/** @throws TypeError */
function rateOf(text: string | undefined): number {
  const rate = text === undefined || text === "" ? usualRate : Number(text);
  if (rate > 0) return rate;
  throw new TypeError(`INGEST_RATE must be a number of batches a second, but it is ${JSON.stringify(text)}`);
}

/** By their configuration: an isolate has one, and more only where several environments share it, as in tests. */
const collectors = new Map<string, Collector>();
const mostCollectors = 10;

/** The collector of this isolate. @throws TypeError when the configuration is wrong */
export function collectorOf(env: Env): Collector {
  // One for each isolate, as state belongs to the policy value: it lives as long as the isolate does.
  const config = JSON.stringify([env.INGEST_RATE, env.EXPORTS, env.OBSERVER_SHARDS]);
  const known = collectors.get(config);
  if (known !== undefined) return known;
  const collector = new Collector(env);
  if (collectors.size >= mostCollectors) collectors.delete(collectors.keys().next().value as string);
  collectors.set(config, collector);
  return collector;
}
