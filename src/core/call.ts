import type { Context } from "./context.ts";
import type { Duration } from "./duration.ts";
import type { CircuitCall } from "./events.ts";
import { Leg } from "./leg.ts";

/** What a caller may say of one call. */
export interface CallOptions {
  /** Ends the call at once, wherever it waits. Its reason comes out as it is and counts as no failure. */
  readonly signal?: AbortSignal | null | undefined;
  /** How long the call may take from now; inner timeouts can only be shorter. */
  readonly deadline?: Duration | undefined;
  /** Whose state `keyed` policies use: a host, a tenant. */
  readonly key?: string | undefined;
  /**
   * Who goes first where calls wait: the higher number, which also takes the place of a lower one where there is no room.
   * From -1000000 to 1000000. Default that of `context`, else 0.
   */
  readonly priority?: number | undefined;
  /** False for a request that must reach the service at most once: no policy sends it again. Default true. */
  readonly repeatable?: boolean | undefined;
  /** False for a request that may be sent again but not twice at once: no hedge, no race. Default true. */
  readonly concurrent?: boolean | undefined;
  /** The trace that the call is a part of. Default that of `context`. */
  readonly trace?: Trace | undefined;
  /** The call that this one is a part of: its signal and its deadline bind this one too. */
  readonly context?: Context | undefined;
}

/** Where a call stands in a distributed trace (W3C Trace Context). */
export interface Trace {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** 16 of them: the span that the call is a part of; once an attempt was sent, that of the attempt. */
  readonly spanId?: string | undefined;
  /** The span that the attempts are parts of, where there is one. */
  readonly parentId?: string | undefined;
  readonly sampled: boolean;
  /** Whether the trace's id was drawn at random, as its beginner says. */
  readonly random?: boolean | undefined;
  /** What vendors put into `tracestate`. */
  readonly state?: string | undefined;
}

/** How a call went through circuits and timeouts, for whoever tells of its end. */
export interface CallNotes {
  circuits: CircuitCall[] | undefined;
  inTime: number | undefined;
  degraded: true | undefined;
}

/** What all contexts of one call share: what its caller said of it, and what layers note. */
export class Call {
  readonly key: string | undefined;
  readonly priority: number | undefined;
  readonly repeatable: boolean | undefined;
  readonly concurrent: boolean | undefined;
  /** Milliseconds that the caller allowed, until the environment's clock makes a deadline of them. */
  readonly allowed: number | undefined;
  /** The deadline that the clock which the call began with makes of it. */
  readonly ends: number | undefined;
  /** Where in a trace the attempt that was sent last stands. */
  trace: Trace | undefined;
  /** What can end it as a whole: there from the start where something can, and else when somebody asks. */
  leg: Leg | undefined;
  /** What the last attempt came to that another one followed: an error, or a failing value. */
  cause: unknown = undefined;
  /** When a layer looked at the clock last: for those that need not know the time of this moment. */
  looked: number | undefined = undefined;
  /** How often the request has gone out so far, over all branches and attempts. */
  sends = 0;
  /** Where notes for whoever tells of its end go, if anybody does. */
  notes: CallNotes | undefined = undefined;
  /** What counts calls and has counted this one: nearly always one at most, so that a set would be waste. */
  counter: object | undefined = undefined;
  counters: Set<object> | undefined = undefined;

  constructor(said: CallOptions, allowed: number | undefined, ends: number | undefined) {
    const { key, priority, repeatable, concurrent, trace, signal, context } = said;
    const parent = context?.parent;
    this.key = key ?? context?.key;
    this.priority = priority ?? context?.priority;
    this.repeatable = repeatable;
    this.concurrent = concurrent;
    this.allowed = allowed;
    this.ends = ends;
    this.trace = trace ?? context?.trace;
    this.leg = signal || parent ? new Leg(parent, signal ?? undefined, false) : undefined;
  }
}
