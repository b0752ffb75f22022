/** Hears of the end of a leg. */
export interface AbortListener {
  onAbort(reason: unknown): void;
}

/**
 * A stretch of a call that can be ended on its own: the whole call, an attempt under a timeout, a racer, a hedge.
 *
 * Its signal is made when somebody reads it, and it listens to its parent or to the caller's signal only while somebody
 * listens to it: a call whose signal nobody reads makes no controller and no listener.
 */
export class Leg implements AbortListener {
  // No private names, and all set by the constructor: with fields that are defined, one that extends this costs 40 ns more.
  private readonly parent: Leg | undefined;
  private readonly outer: AbortSignal | undefined;
  /** Whether it is more than its parent or the caller's signal alone, which would do instead of it. */
  private readonly separate: boolean;
  private ended: boolean;
  private why: unknown;
  private controller: AbortController | undefined;
  /** Nearly always two listeners at most, a circuit and the leg within, so that a set would be waste. */
  private first: AbortListener | undefined;
  private second: AbortListener | undefined;
  private others: Set<AbortListener> | undefined;
  private linked: boolean;

  /** @param separate whether it can be ended on its own */
  constructor(parent: Leg | undefined, outer: AbortSignal | undefined, separate: boolean) {
    this.parent = parent;
    this.outer = outer;
    this.separate = separate || (parent !== undefined && outer !== undefined);
    this.ended = false;
    this.why = undefined;
    this.controller = undefined;
    this.first = undefined;
    this.second = undefined;
    this.others = undefined;
    this.linked = false;
  }

  /** A leg within this one that can end before it. */
  fork(): Leg {
    return new Leg(this, undefined, true);
  }

  get aborted(): boolean {
    return this.ended || this.outer?.aborted === true || this.parent?.aborted === true;
  }

  /** What it was aborted with: its own reason, else the caller's, else its parent's. */
  get reason(): unknown {
    if (this.ended) return this.why;
    return this.outer?.aborted === true ? this.outer.reason : this.parent?.reason;
  }

  get signal(): AbortSignal {
    if (!this.separate) {
      const passed = this.outer ?? this.parent?.signal;
      if (passed !== undefined) return passed;
    }
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.aborted) this.controller.abort(this.reason);
      else this.link();
    }
    return this.controller.signal;
  }

  /** Ends this leg and all within it. */
  abort(reason: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.why = reason;
    this.unlink();
    const { first, second, others } = this;
    this.first = this.second = this.others = undefined;
    this.controller?.abort(reason);
    first?.onAbort(reason);
    second?.onAbort(reason);
    if (others !== undefined) for (const other of others) other.onAbort(reason);
  }

  /** Calls the listener at the abort, until `remove`. The leg must not be aborted yet. */
  add(listener: AbortListener): void {
    if (!this.separate && this.outer === undefined && this.parent === undefined) return;
    if (this.first === undefined) this.first = listener;
    else if (this.second === undefined) this.second = listener;
    else {
      this.others ??= new Set();
      this.others.add(listener);
    }
    this.link();
  }

  remove(listener: AbortListener): void {
    if (this.first === listener) this.first = undefined;
    else if (this.second === listener) this.second = undefined;
    else this.others?.delete(listener);
    if (!this.needed) this.unlink();
  }

  /**
   * Lets go of the parent and of the caller's signal, now that the leg has settled.
   *
   * @param value what it settled with: while a streaming body may still be read, the caller's abort must reach it, so
   * the link then lasts until the body is collected
   * @param whole whether the call began with this leg: those within it go when it does
   */
  settle(value: unknown, whole = false): void {
    if (!this.linked) return;
    const body = this.needed ? bodyOf(value) : undefined;
    if (body === undefined) this.unlink();
    // Where many gather in one call, as in a loop, each waits for its own body.
    else if (whole || this.parent?.others !== undefined) Leg.#whenCollected(body, this);
  }

  onAbort(reason: unknown): void {
    this.abort(reason);
  }

  /** The caller's signal calls this, as an event listener that needs no closure. */
  handleEvent(): void {
    this.abort((this.outer as AbortSignal).reason);
  }

  /** Whether somebody listens to it, or may. */
  private get needed(): boolean {
    const { controller, first, second, others } = this;
    return (controller ?? first ?? second) !== undefined || (others?.size ?? 0) > 0;
  }

  /** Hears of the end of its parent and of the caller's signal from now on. */
  protected link(): void {
    if (this.linked) return;
    this.linked = (this.outer ?? this.parent) !== undefined;
    this.outer?.addEventListener("abort", this);
    this.parent?.add(this);
  }

  protected unlink(): void {
    if (!this.linked) return;
    this.linked = false;
    this.outer?.removeEventListener("abort", this);
    this.parent?.remove(this);
  }

  static #collected: FinalizationRegistry<Leg> | undefined;

  static #whenCollected(body: object, leg: Leg): void {
    // Workers with a compatibility date before 2025-05-05 have none; there the link ends with the request.
    // https://developers.cloudflare.com/workers/configuration/compatibility-flags/#enable-finalizationregistry-and-weakref
    if (typeof FinalizationRegistry === "undefined") return;
    Leg.#collected ??= new FinalizationRegistry((held) => held.unlink());
    Leg.#collected.register(body, leg);
  }
}

/** A body that may still be read: it outlives its Response when only a reader of it is left. */
function bodyOf(value: unknown): ReadableStream | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { body } = value as { readonly body?: unknown };
  return body instanceof ReadableStream ? body : undefined;
}
