import { waitUntil } from "cloudflare:workers";
import {
  circuitBreaker,
  compose,
  keyed,
  type Outcome,
  RejectedError,
  retry,
  timeout,
  type Wrapped,
} from "ninelives";
import { type ObservedBatch, Tally, type TallyPart } from "ninelives/observer";

/** Milliseconds that batches are put together for, where one has just been told: at most so much is lost with an isolate. */
const together = 50;
/** Milliseconds that the observer may take before senders are asked to come back later. */
const patience = 1_000;
/** Batches that one isolate keeps at most until they are told. */
const mostUntold = 1_000;
/** Milliseconds that one request tells for others, within the 30 s that `waitUntil` grants. */
const turn = 10_000;
/** Milliseconds after which another request tells: the one that was to do it may have been cut off. */
const lease = 15_000;

/** What one shard of the observer is told. */
export interface Told {
  readonly shard: number;
  /** What comes again under it, since the answer was lost, counts once. */
  readonly id: string;
  /** JSON of a part of a tally: it comes over for less. */
  readonly part: string;
}

/**
 * What an isolate tells the observer. A batch is told at once, and its sender hears what came of that; those that come
 * meanwhile are added up, and told together a moment later by the same request.
 *
 * A request leads for others by a lease and not by a promise that they share: on Workers it may end before it is kept.
 */
export class Telling {
  readonly #tell: Wrapped<Told, void>;
  readonly #shards: number;
  readonly #teller: string = crypto.randomUUID().slice(0, 8);
  #tellings = 0;
  #tally = new Tally();
  #untold = 0;
  /** Events that senders believe to be told, and that no shard took. */
  #lost = 0;
  #leaseEnds = -Infinity;
  /** When the telling began that is under way. */
  #began = Infinity;

  constructor(shards: number, tell: (told: Told) => Promise<void>) {
    this.#shards = shards;
    this.#tell = compose(
      timeout("8s"),
      retry({ attempts: 3, retryOn: (outcome, { retryable }) => retryable && !isOverloaded(outcome) }),
      keyed(() =>
        circuitBreaker({ name: "observer", consecutiveFailures: 3, openFor: "2s", maximumOpenFor: "30s" }),
      ),
      timeout("2500ms"),
    ).wrap(tell);
  }

  /**
   * Takes a batch.
   *
   * @throws RejectedError `bulkhead-full` when the observer is slow, and others when it took nothing
   */
  async take(batch: ObservedBatch): Promise<void> {
    const now = Date.now();
    const isLed = now < this.#leaseEnds && this.#leaseEnds <= now + lease;
    if (isLed && (this.#untold >= mostUntold || now - this.#began > patience))
      throw new RejectedError("bulkhead-full", "observer", "the observer is slow", { retryAfter: patience });
    // Where nobody leads, what a request left that was cut off: its senders believe it to be told.
    const { events: left } = this.#tally;
    this.#tally.add(batch, now);
    this.#untold++;
    if (isLed) return;
    this.#leaseEnds = now + lease;
    const told = this.#tellAll().catch((error: unknown) => {
      this.#lost += left;
      throw error;
    });
    waitUntil(told.catch(() => {}).then(() => this.#goOn(now)));
    await told;
  }

  /** Tells what came meanwhile, as long as something comes. */
  async #goOn(since: number): Promise<void> {
    while (this.#untold > 0) {
      await new Promise((resolve) => setTimeout(resolve, together));
      const now = Date.now();
      const isLast = now - since >= turn;
      // The next batch leads, while this one tells for the last time.
      this.#leaseEnds = isLast ? -Infinity : now + lease;
      const { events } = this.#tally;
      try {
        await this.#tellAll();
      } catch (error) {
        this.#lost += events;
        console.warn("the observer took nothing", error);
        break;
      }
      if (isLast) return;
    }
    this.#leaseEnds = -Infinity;
  }

  /**
   * @throws what the shards threw, when none took anything: what some took must not come twice, so that what the others did
   *   not take counts as dropped
   */
  async #tellAll(): Promise<void> {
    const tally = this.#tally;
    this.#tally = new Tally();
    this.#untold = 0;
    const lost = this.#lost;
    this.#lost = 0;
    this.#began = Date.now();
    const parts = tally.parts(this.#shards, lost);
    const told = await Promise.allSettled(parts.map(([shard, part]) => this.#tellOne(shard, part)));
    this.#began = Infinity;
    const failed = parts.filter((_, at) => told[at]?.status === "rejected");
    if (failed.length === 0) return;
    const [error] = told.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
    const healthy = parts.find((_, at) => told[at]?.status === "fulfilled");
    if (healthy === undefined) {
      this.#lost += lost;
      throw error;
    }
    console.warn("a shard of the observer took nothing", error);
    const dropped = failed.reduce((sum, [, part]) => sum + part.dropped + part.events, 0);
    await this.#tellOne(healthy[0], { events: 0, dropped, policies: [], whole: [], recent: [] });
  }

  #tellOne(shard: number, part: TallyPart): Promise<void> {
    const id = `${this.#teller}.${++this.#tellings}`;
    return this.#tell({ shard, id, part: JSON.stringify(part) }, { key: String(shard) });
  }
}

/** A Durable Object that has too much to do must not be asked again at once. */
function isOverloaded(outcome: Outcome): boolean {
  return (
    "error" in outcome && (Object(outcome.error) as { readonly overloaded?: unknown }).overloaded === true
  );
}
