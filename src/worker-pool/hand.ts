import type { Answer, Order } from "./inside.ts";
import type { Thread, ThreadListener, Threads } from "./threads.ts";

/** One worker, which does one thing at a time. */
export class Hand implements ThreadListener {
  /** Whether it can do more: it has neither been stopped nor failed. */
  usable = true;
  readonly #thread: Thread;
  readonly #lost: (hand: Hand) => void;
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((reason: unknown) => void) | undefined;

  /** @param lost called once, when it is of no more use */
  constructor(threads: Threads, lost: (hand: Hand) => void) {
    this.#lost = lost;
    this.#thread = threads.start(this);
    this.#thread.keepAlive(false);
  }

  do(order: Order): Promise<unknown> {
    return new Promise((resolve, reject) => {
      // First, for what cannot be cloned: nothing has begun then.
      this.#thread.post(order);
      this.#thread.keepAlive(true);
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Ends it, whatever it does: only so does a loop without end come to one. */
  stop(reason: unknown): void {
    if (!this.usable) return;
    this.usable = false;
    this.#thread.terminate();
    this.#lost(this);
    this.#settle()?.reject(reason);
  }

  onMessage(message: unknown): void {
    const answer = message as Answer;
    if ("value" in answer) {
      this.#settle()?.resolve(answer.value);
      return;
    }
    const error = restored(answer.error, answer.details);
    if (answer.broken) this.stop(error);
    else this.#settle()?.reject(error);
  }

  onFailure(error: unknown): void {
    this.stop(error);
  }

  #settle(): { resolve(value: unknown): void; reject(reason: unknown): void } | undefined {
    const resolve = this.#resolve;
    const reject = this.#reject;
    this.#resolve = this.#reject = undefined;
    if (resolve === undefined || reject === undefined) return undefined;
    if (this.usable) this.#thread.keepAlive(false);
    return { resolve, reject };
  }
}

/** An error with what its class had given it: a structured clone keeps its message, its stack and the standard names. */
function restored(error: unknown, details: Readonly<Record<string, unknown>>): unknown {
  if (!(error instanceof Error)) return error;
  for (const [key, value] of Object.entries(details)) {
    Object.defineProperty(error, key, {
      value,
      configurable: true,
      writable: true,
      enumerable: key !== "name",
    });
  }
  return error;
}
