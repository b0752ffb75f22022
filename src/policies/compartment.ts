import { type Adaptive, isAdaptive } from "../core/adaptive.ts";
import type { Context } from "../core/context.ts";
import { RejectedError } from "../core/errors.ts";
import type { Readers } from "../core/options.ts";
import type { Service } from "../core/policy.ts";
import { Line } from "../state/line.ts";
import type { queueTable } from "./queue-options.ts";
import { Waiter, type WaitingLine } from "./waiter.ts";

/** So many slots for calls, and a bounded line of those that wait for one. */
export class Compartment implements WaitingLine {
  /** Calls running now. */
  active = 0;
  /** The limit as it was read last. */
  limit = 0;
  readonly #policy: string;
  readonly #limitFor: (context: Context) => number;
  readonly #read: Readers<typeof queueTable>;
  readonly #line: Line<Waiter>;
  readonly #changes: Adaptive<unknown> | undefined;
  #unsubscribe: (() => void) | undefined;
  readonly #release = (): void => {
    this.active--;
    if (this.#line.size > 0) this.#admit();
  };

  /** @param source the limit as the user gave it: when an adaptive one grows, those that wait enter at once */
  constructor(
    policy: string,
    limitFor: (context: Context) => number,
    read: Readers<typeof queueTable>,
    order: "fifo" | "lifo" | undefined,
    source: unknown,
  ) {
    this.#policy = policy;
    this.#limitFor = limitFor;
    this.#read = read;
    this.#line = new Line(order === "lifo");
    this.#changes = isAdaptive(source) ? source : undefined;
  }

  /** Calls waiting now. */
  get queued(): number {
    return this.#line.size;
  }

  /** Sends a call when there is a slot for it. */
  enter<Q, S>(next: Service<Q, S>, request: Q, context: Context): Promise<S> {
    if (this.#line.size > 0) this.#admit();
    this.limit = this.#limitFor(context);
    if (this.active < this.limit) return this.#run(next, request, context, 0);
    if (context.leg.aborted) return Promise.reject(context.leg.reason);
    const priority = this.#read.priority(context);
    if (this.queued >= this.#read.queue(context) && !this.#makesRoom(priority)) {
      const why = `all ${this.limit} slots and ${this.queued} places are taken`;
      return Promise.reject(this.full(context, why));
    }
    const wait = Math.min(this.#read.maximumWait(context), context.remaining());
    return new Promise<S>((resolve, reject) => {
      const run = (waited: number) => resolve(this.#run(next, request, context, waited));
      // Only while somebody waits: an adaptive value may outlive many policies that read it.
      this.#unsubscribe ??= this.#changes?.subscribe(() => this.#admit());
      this.#line.add(new Waiter(this, context, priority, wait, run, reject));
    });
  }

  /** A call stops waiting. */
  leave(waiter: Waiter): void {
    this.#line.remove(waiter);
    if (this.#line.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  full(context: Context, why: string): RejectedError {
    const { active, limit, queued } = this;
    context.emit({ type: "bulkhead.rejected", active, limit, queued });
    return new RejectedError("bulkhead-full", this.#policy, why, { context });
  }

  #run<Q, S>(next: Service<Q, S>, request: Q, context: Context, waited: number): Promise<S> {
    const active = ++this.active;
    if (context.observed) context.emit({ type: "bulkhead.acquired", active, limit: this.limit, waited });
    let answer: Promise<S>;
    try {
      answer = next(request, context);
    } catch (error) {
      this.#release();
      return Promise.reject(error);
    }
    answer.then(this.#release, this.#release);
    return answer;
  }

  /** A limit that has shrunk takes its slots back as they come free; one that has grown lets more in. */
  #admit(): void {
    for (let { first } = this.#line; first !== undefined; first = this.#line.first) {
      try {
        this.limit = this.#limitFor(first.context);
      } catch (error) {
        first.onAbort(error);
        continue;
      }
      if (this.active >= this.limit) return;
      first.enter();
    }
  }

  /** Whether a call of less priority gave its place away. */
  #makesRoom(priority: number): boolean {
    const { last } = this.#line;
    if (last === undefined || last.priority >= priority) return false;
    last.refuse("a call of higher priority took its place");
    return true;
  }
}
