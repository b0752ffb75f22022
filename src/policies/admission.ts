import { failure, judgeValue, type Verdict } from "../core/classify.ts";
import type { Context } from "../core/context.ts";
import { isRejected } from "../core/errors.ts";
import type { CircuitCall } from "../core/events.ts";
import type { Exit } from "../core/exit.ts";
import type { AbortListener } from "../core/leg.ts";
import type { CircuitState } from "../state/circuit.ts";
import type { FleetNote } from "./fleet.ts";

/** Whom a call that was admitted tells how it ended. */
export interface Gate {
  readonly name: string;
  record(verdict: Verdict, epoch: number, context: Context, late: boolean): boolean;
  recordWatched(verdict: Verdict, watch: Watch<never>): void;
}

/** One call between its admission and its end. */
export class Admission<S> implements Exit<S> {
  readonly gate: Gate;
  readonly context: Context;
  readonly exit: Exit<S>;
  readonly epoch: number;
  readonly #state: CircuitState;

  constructor(gate: Gate, context: Context, exit: Exit<S>, epoch: number, state: CircuitState) {
    this.gate = gate;
    this.context = context;
    this.exit = exit;
    this.epoch = epoch;
    this.#state = state;
  }

  succeed(value: S): unknown {
    try {
      this.end(judgeValue(this.context.environment, value));
    } catch (thrown) {
      return this.exit.fail(thrown);
    }
    return this.exit.succeed(value);
  }

  fail(error: unknown): unknown {
    try {
      this.end(judgeError(error, this.context));
    } catch (thrown) {
      return this.exit.fail(thrown);
    }
    return this.exit.fail(error);
  }

  protected end(verdict: Verdict): void {
    this.tell(verdict);
    this.gate.record(verdict, this.epoch, this.context, false);
  }

  protected tell({ kind }: Verdict): void {
    const { context, gate } = this;
    if (!context.observed) return;
    const call: CircuitCall = { circuit: gate.name, state: this.#state, result: kind };
    const { notes } = context.call;
    // What is late for the call's end is told by itself.
    if (notes === undefined) context.emit({ type: "circuit.called", ...call });
    else if (notes.circuits === undefined) notes.circuits = [call];
    else notes.circuits.push(call);
  }
}

/** One call of which more must be known than its epoch. */
export class Watch<S> extends Admission<S> implements AbortListener {
  readonly note: FleetNote | undefined;
  readonly startedAt: number;
  readonly #listens: boolean;
  #ended = false;

  constructor(
    gate: Gate,
    context: Context,
    exit: Exit<S>,
    epoch: number,
    state: CircuitState,
    note: FleetNote | undefined,
    startedAt: number,
    listens: boolean,
  ) {
    super(gate, context, exit, epoch, state);
    this.note = note;
    this.startedAt = startedAt;
    this.#listens = listens;
    if (listens) context.parent?.add(this);
  }

  onAbort(reason: unknown): void {
    this.end(isRejected(reason, "timeout") ? failure : ignored);
  }

  protected override end(verdict: Verdict): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#listens) this.context.parent?.remove(this);
    this.tell(verdict);
    this.gate.recordWatched(verdict, this);
  }
}

/** What the caller's own abort tells of the service: nothing. */
const ignored: Verdict = { kind: "ignored", retryable: false };

function judgeError(error: unknown, context: Context): Verdict {
  if (context.aborted) return isRejected(context.leg.reason, "timeout") ? failure : ignored;
  return context.environment.classify({ error });
}
