import type { Changeable, Tunable } from "../core/adaptive.ts";
import { span } from "../core/check.ts";
import type { Context } from "../core/context.ts";
import type { Duration } from "../core/duration.ts";
import {
  between,
  type Check,
  count,
  duration,
  having,
  type OptionRow,
  type Readers,
  text,
} from "../core/options.ts";
import type { CircuitRules } from "../state/circuit.ts";
import type { WindowSize } from "../state/window.ts";
import type { SharedStore } from "./fleet.ts";

export interface CircuitBreakerOptions {
  /** Stands in events and rejections, and is the name of the shared circuit. Default `circuit`. */
  readonly name?: string;
  /** Opens after so many failures in a row. Default: no such rule. */
  readonly consecutiveFailures?: Tunable<number>;
  /** Opens when this share of the window failed. Default 0.5. */
  readonly failureRate?: Tunable<number>;
  /** A call that took longer counts as slow. Default: none does. */
  readonly slowCall?: Tunable<Duration>;
  /** Opens when this share of the window was slow. Default 1, with `slowCall`. */
  readonly slowCallRate?: Tunable<number>;
  /** The calls that the rates look at: a number of calls, or a span of time such as `"30s"`. Default 100 calls. */
  readonly window?: Changeable<number | Exclude<Duration, number>>;
  /** Calls that the window must hold before a rate counts. Default 20, or the whole window if that is fewer calls. */
  readonly minimumCalls?: Tunable<number>;
  /** How long it stays open before it lets probes through. Default 30 s. */
  readonly openFor?: Tunable<Duration>;
  /** Each opening soon after another doubles `openFor`, up to this. Default 5 m, or `openFor` if that is longer. */
  readonly maximumOpenFor?: Tunable<Duration>;
  /** Calls let through at a time while half-open; the others are rejected. Default 1. */
  readonly probes?: Tunable<number>;
  /** Probes that must succeed to close it. Default 1. */
  readonly successesToClose?: Tunable<number>;
  /**
   * The home that it shares with other tabs, isolates or processes: a store of `ninelives/stores/*`, or `sharedBy` a
   * store of one's own. Default: it is alone.
   */
  readonly shared?: SharedStore;
}

type Calls = number | Exclude<Duration, number>;

const sizeOf: Check<Calls, WindowSize> = (window, option) =>
  typeof window === "number" ? count()(window, option) : { span: span(window, option) };

const rate = between(0.0001, 1);

/** A row with a default. */
type Row<T, R> = OptionRow<T, R> & { readonly initial: T };

/** The options of `circuitBreaker`. */
export const circuitTable: {
  readonly name: Row<string, string>;
  readonly consecutiveFailures: OptionRow<number, number>;
  readonly failureRate: Row<number, number>;
  readonly slowCall: OptionRow<Duration, number>;
  readonly slowCallRate: Row<number, number>;
  readonly window: Row<Calls, WindowSize>;
  readonly minimumCalls: OptionRow<number, number>;
  readonly openFor: Row<Duration, number>;
  readonly maximumOpenFor: OptionRow<Duration, number>;
  readonly probes: Row<number, number>;
  readonly successesToClose: Row<number, number>;
  readonly shared: OptionRow<SharedStore, SharedStore>;
} = {
  name: { check: text, initial: "circuit", fixed: true, named: true },
  consecutiveFailures: { check: count() },
  failureRate: { check: rate, initial: 0.5 },
  slowCall: { check: duration },
  slowCallRate: { check: rate, initial: 1 },
  window: { check: sizeOf, initial: 100, contextless: true, duration: "text" },
  minimumCalls: { check: count() },
  openFor: { check: span, initial: "30s", duration: true },
  maximumOpenFor: { check: duration },
  probes: { check: count(), initial: 1 },
  successesToClose: { check: count(), initial: 1 },
  shared: {
    check: having<SharedStore>("fleet", "a home such as memoryStore() or sharedBy(store)"),
    fixed: true,
  },
};

/**
 * The rules of a circuit as its options say for one call.
 *
 * @param size of its window
 * @param timed whether calls can be slow
 */
export function circuitRules(
  read: Readers<typeof circuitTable>,
  context: Context,
  size: WindowSize,
  timed: boolean,
): CircuitRules {
  const openFor = read.openFor(context);
  return {
    consecutiveFailures: read.consecutiveFailures(context) ?? Infinity,
    failureRate: read.failureRate(context),
    slowCallRate: timed ? read.slowCallRate(context) : Infinity,
    // More calls than the window can hold would never be enough.
    minimumCalls: Math.min(read.minimumCalls(context) ?? 20, typeof size === "number" ? size : Infinity),
    openFor,
    maximumOpenFor: read.maximumOpenFor(context) ?? Math.max(openFor, 300_000),
    probes: read.probes(context),
    successesToClose: read.successesToClose(context),
  };
}

/** @throws TypeError for options that say different things, or nothing without another one */
export function refuseContradictions(
  { minimumCalls, slowCall, slowCallRate, maximumOpenFor }: CircuitBreakerOptions,
  size: WindowSize,
  rules: CircuitRules,
): void {
  if (typeof minimumCalls === "number" && typeof size === "number") {
    between(1, size)(minimumCalls, "circuitBreaker: minimumCalls");
  }
  if (slowCallRate !== undefined && slowCall === undefined) {
    throw new TypeError("circuitBreaker: slowCallRate does nothing without slowCall");
  }
  if (maximumOpenFor !== undefined && rules.maximumOpenFor < rules.openFor) {
    throw new RangeError(
      `circuitBreaker: maximumOpenFor (${rules.maximumOpenFor} ms) is shorter than openFor (${rules.openFor} ms)`,
    );
  }
}
