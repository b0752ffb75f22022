import type { Context } from "./context.ts";

/** A value that a policy reads at each call and that may be replaced while the policy runs. */
export interface Adaptive<T> {
  /** The value in force. */
  readonly value: T;
  /** Grows by one with each change, from 0. */
  readonly version: number;
  get(): T;
  /**
   * Replaces the value from the next call on.
   *
   * @throws what the validator, or a policy that uses the value, throws of it; the old value then stays in force
   */
  set(value: T): void;
  update(change: (value: T) => T): void;
  /** Calls back after each change, until the function that it returns is called. */
  subscribe(listener: (value: T) => void): () => void;
}

class AdaptiveValue<T> implements Adaptive<T> {
  value: T;
  version = 0;
  readonly #checks = new Map<unknown, (value: T) => unknown>();
  readonly #listeners = new Set<(value: T) => void>();

  constructor(initial: T, validate: (value: T) => unknown) {
    this.value = initial;
    this.constrain(validate);
  }

  get(): T {
    return this.value;
  }

  set(value: T): void {
    for (const check of this.#checks.values()) check(value);
    this.value = value;
    this.version++;
    for (const listener of this.#listeners) listener(value);
  }

  update(change: (value: T) => T): void {
    this.set(change(this.value));
  }

  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Adds what a policy demands of the value, so that a bad one is refused when it is set and not when it is used.
   *
   * @param option policies that demand the same under the same name do so once: the value may outlive many of them
   */
  constrain(check: (value: T) => unknown, option: unknown = check): void {
    check(this.value);
    this.#checks.set(option, check);
  }
}

/**
 * Makes a value that can be changed while policies use it.
 *
 * @param validate throws when a value will not do; the value in force then stays
 * @example
 * const patience = adaptive<Duration>("2s");
 * const policy = timeout(patience);
 * patience.set("500ms"); // from the next call on
 */
export function adaptive<T>(initial: T, validate: (value: T) => void = () => {}): Adaptive<T> {
  return new AdaptiveValue(initial, validate);
}

/** Whether it is adaptive; by its shape, so that who uses none bundles none. */
export function isAdaptive(value: unknown): value is Adaptive<unknown> {
  return typeof value === "object" && value !== null && "constrain" in value;
}

/** An option that is a value, an adaptive value, or a function of the call's context. */
export type Tunable<T> = T | Adaptive<T> | ((context: Context) => T);

/**
 * Makes an option readable at each call.
 *
 * A plain value is checked here, once; an adaptive one when it is set; a function's result at each call.
 *
 * @param name of the option, where the check is not a function of its module but one made for a policy: an adaptive
 * value keeps one check of each name
 */
export function tunable<T, R>(
  option: Tunable<T>,
  check: (value: T) => R,
  name?: string,
): (context: Context) => R {
  if (isAdaptive(option)) {
    const source = option as AdaptiveValue<T>;
    source.constrain(check, name);
    let { version } = source;
    let current = check(source.value);
    return () => {
      if (version !== source.version) {
        version = source.version;
        current = check(source.value);
      }
      return current;
    };
  }
  if (typeof option === "function") {
    const compute = option as (context: Context) => T;
    return (context) => check(compute(context));
  }
  const fixed = check(option as T);
  return () => fixed;
}
