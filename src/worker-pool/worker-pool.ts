import type { Tunable } from "../core/adaptive.ts";
import type { CallOptions } from "../core/call.ts";
import { Context } from "../core/context.ts";
import { quote } from "../core/duration.ts";
import { RejectedError, rejected } from "../core/errors.ts";
import { through } from "../core/exit.ts";
import { type Check, count, settings, type Table, text } from "../core/options.ts";
import { definePolicy } from "../core/policy.ts";
import { Compartment } from "../policies/compartment.ts";
import { demandMaximumWait, type QueueOptions, queueTable } from "../policies/queue-options.ts";
import { Hand } from "./hand.ts";
import { platformThreads, type Threads } from "./threads.ts";

export interface WorkerPoolOptions extends QueueOptions {
  /** The URL of the module with the function: `new URL("./resize.js", import.meta.url)`. */
  readonly module: string | URL;
  /** The name that the function is exported by. Default `default`. */
  readonly export?: string;
  /** Workers at most. Default: one for each processor that the platform tells of, or 4. */
  readonly size?: Tunable<number>;
}

/** A service that does its work in workers. */
export interface WorkerPool<in Req, out Res> {
  (input: Req, options?: CallOptions | Context): Promise<Res>;
  /** Calls that run in a worker now. */
  readonly active: number;
  /** Calls that wait for a worker. */
  readonly queued: number;
  /** Stops all workers: calls under way and all later ones are rejected with `pool-closed`. */
  close(): void;
}

interface Page {
  readonly location?: { readonly href: string };
  readonly navigator?: { readonly hardwareConcurrency?: number };
}

const url: Check<string | URL, string> = (module, option) => {
  const base = (globalThis as Page).location?.href;
  if (URL.canParse(String(module), base)) return new URL(module, base).href;
  throw new TypeError(
    `${option} must be a URL, such as new URL("./resize.js", import.meta.url), but is ${quote(module)}`,
  );
};

const table = {
  module: { check: url, required: true, fixed: true },
  export: { check: text, initial: "default", fixed: true },
  size: { check: count() },
  ...queueTable,
} as const;

/** @internal The options of `workerPool`, for tools. */
export const workerPoolOptions: Table = table;

/**
 * Makes a service of a module's function: each call runs in a worker, a thread of its own.
 *
 * Input and output are structured clones; an error keeps its message, its name and what its class added, but not its
 * class. At most `size` calls run at a time; the others wait or are rejected as by a `bulkhead`. A call that is aborted,
 * by its caller or by a timeout, takes its worker with it, since nothing else ends a loop without end; the next call gets
 * a new one. Workers are started when they are needed and kept; idle ones keep no process of Node alive.
 *
 * @throws Error on a platform without workers, such as Cloudflare's
 * @example
 * const resize = workerPool<Picture, Picture>({ module: new URL("./resize.js", import.meta.url), queue: 100, maximumWait: "2s" });
 * const picture = compose(timeout("5s"), retry(2)).wrap(resize);
 */
export function workerPool<Req, Res>(options: WorkerPoolOptions): WorkerPool<Req, Res> {
  const { read, recipe } = settings("workerPool", options, table);
  demandMaximumWait("workerPool", options);
  const threads = platformThreads();
  const begun = Context.begin();
  const sizeFor = (context: Context): number =>
    read.size(context) ?? (globalThis as Page).navigator?.hardwareConcurrency ?? 4;
  const compartment = new Compartment("workerPool", sizeFor, read, options.size);
  const crew = new Crew(threads, read.module(begun), read.export(begun), compartment);
  const call = definePolicy(recipe, (next) =>
    through(next, (inner) => (request, context, exit) => compartment.enter(inner, request, context, exit)),
  ).wrap((input: Req, context: Context) => crew.run(input, context) as Promise<Res>);
  return Object.defineProperties(Object.assign(call, { close: () => crew.close() }), {
    active: { get: () => compartment.active, enumerable: true },
    queued: { get: () => compartment.queued, enumerable: true },
  }) as unknown as WorkerPool<Req, Res>;
}

/** The workers of a pool. */
class Crew {
  readonly #threads: Threads;
  readonly #module: string;
  readonly #name: string;
  readonly #compartment: Compartment;
  readonly #hands = new Set<Hand>();
  readonly #idle: Hand[] = [];
  #closed = false;

  constructor(threads: Threads, module: string, name: string, compartment: Compartment) {
    this.#threads = threads;
    this.#module = module;
    this.#name = name;
    this.#compartment = compartment;
  }

  async run(input: unknown, context: Context): Promise<unknown> {
    if (this.#closed) return rejected(closed());
    if (context.aborted) return rejected(context.leg.reason);
    const hand = this.#idle.pop() ?? this.#start();
    const listener = { onAbort: (reason: unknown) => hand.stop(reason) };
    context.leg.add(listener);
    try {
      return await hand.do({ module: this.#module, name: this.#name, input });
    } finally {
      context.leg.remove(listener);
      // A pool that has shrunk gives its workers back as they come free.
      if (this.#hands.size > this.#compartment.limit) hand.stop(undefined);
      else if (hand.usable) this.#idle.push(hand);
    }
  }

  close(): void {
    this.#closed = true;
    for (const hand of this.#hands) hand.stop(closed());
    this.#threads.close();
  }

  #start(): Hand {
    const hand = new Hand(this.#threads, (lost) => {
      this.#hands.delete(lost);
      const place = this.#idle.indexOf(lost);
      if (place >= 0) this.#idle.splice(place, 1);
    });
    this.#hands.add(hand);
    return hand;
  }
}

function closed(): RejectedError {
  return new RejectedError("pool-closed", "workerPool", "the pool is closed");
}
