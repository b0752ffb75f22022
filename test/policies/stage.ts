import {
  type AnyPolicy,
  type CallOptions,
  compose,
  definePolicy,
  type EnvironmentOptions,
  environment,
} from "ninelives";
import {
  ManualClock,
  type ManualClockOptions,
  type RecordingSink,
  recordingSink,
  type ScriptedService,
  scriptedService,
} from "ninelives/testing";

/** What a caller has seen of its call so far. */
export type Seen = "nothing yet" | { readonly value: unknown } | { readonly error: unknown };

export interface Caller {
  readonly seen: Seen;
  /** What it was rejected with; throws when it was not. */
  readonly error: unknown;
}

/** Watches a promise, so that a test can ask at any time what it has come to. */
export function caller(promise: Promise<unknown>): Caller {
  let seen: Seen = "nothing yet";
  promise.then(
    (value) => {
      seen = { value };
    },
    (error: unknown) => {
      seen = { error };
    },
  );
  return {
    get seen() {
      return seen;
    },
    get error() {
      if (typeof seen === "string" || !("error" in seen))
        throw new Error(`not rejected: ${JSON.stringify(seen)}`);
      return seen.error;
    },
  };
}

export interface StageOptions extends Omit<EnvironmentOptions, "clock" | "sink">, ManualClockOptions {
  /** Default one of its own. */
  readonly clock?: ManualClock;
}

export interface Stage {
  readonly clock: ManualClock;
  readonly sink: RecordingSink;
  readonly origin: ScriptedService<string, unknown>;
  /** Makes a call. */
  call(options?: CallOptions): Caller;
  /** Makes a call that the origin answers at once. */
  succeed(value?: unknown): Promise<Caller>;
  fail(error?: unknown): Promise<Caller>;
}

/** A policy between callers and an origin, both of which the test plays, on a clock that it advances. */
export function stage(
  policy: AnyPolicy,
  { clock: given, wall, sharesTimers, ...rest }: StageOptions = {},
): Stage {
  const clock =
    given ??
    new ManualClock({
      ...(wall === undefined ? {} : { wall }),
      ...(sharesTimers === undefined ? {} : { sharesTimers }),
    });
  const sink = recordingSink();
  const origin = scriptedService<string, unknown>();
  const wrapped = compose(environment({ clock, sink, ...rest }), policy).wrap(origin);
  let calls = 0;
  const call = (options?: CallOptions) => caller(wrapped(`request ${++calls}`, options));
  const answered = async (answer: () => unknown): Promise<Caller> => {
    origin.script(answer);
    const made = call();
    await clock.advance(0);
    return made;
  };
  return {
    clock,
    sink,
    origin,
    call,
    succeed: (value = "ok") => answered(() => value),
    fail: (error = new Error("down")) =>
      answered(() => {
        throw error;
      }),
  };
}

/** Counts who listens to a signal. */
export function listenersOf(signal: AbortSignal): () => number {
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, given);
  };
  signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
    listeners--;
    removeEventListener.apply(signal, given);
  };
  return () => listeners;
}

/** Looks at a call when what is within has settled, and what is around has not. */
export function watched(look: () => void): AnyPolicy {
  return definePolicy("watched", (next) => (request, context) => next(request, context).finally(look));
}

/** Aborts a call on its way in, as may happen in the pause of a retry around. */
export function abortedBefore(abort: () => void): AnyPolicy {
  return definePolicy("abortedBefore", (next) => (request, context) => {
    abort();
    return next(request, context);
  });
}
