import type { Context } from "../core/context.ts";
import { having } from "../core/options.ts";
import { definePolicy, type Policy, type Service } from "../core/policy.ts";

/** What is needed of an `AsyncLocalStorage`, which Node, Deno, Bun and Workers have in `node:async_hooks`. */
export interface AsyncStorage<T> {
  run<R>(value: T, callback: () => R): R;
  getStore(): T | undefined;
}

/** A policy that lets the code within it find the context of its call. */
export interface ContextStorage extends Policy {
  /** The context of the call that this code runs for; undefined outside of any. */
  readonly current: Context | undefined;
}

/**
 * Carries the context across async boundaries, to code that it is not passed to.
 *
 * Stands innermost, where the context knows of every timeout around it. A call that is made with
 * `execute(operation, calls.current)` is then a part of the outer one: it ends with it, and no later than it.
 *
 * @throws TypeError that quotes what is no storage
 * @example
 * const calls = contextStorage(new AsyncLocalStorage<Context>());
 * const policy = compose(timeout("2s"), retry(3), calls);
 * const query = (sql: string) => database.query(sql, { signal: calls.current?.signal });
 * await policy.execute(() => loadOrders()); // however deep in it, `query` has the signal
 */
export function contextStorage(storage: AsyncStorage<Context>): ContextStorage {
  having<AsyncStorage<Context>>("run", "an AsyncLocalStorage")(storage, "contextStorage: storage");
  const recipe = { policy: "contextStorage", given: { storage }, table: { storage: {} } };
  const policy = definePolicy(recipe, <Q, S>(next: Service<Q, S>) => {
    return function contextStorage(request: Q, context: Context): Promise<S> {
      return storage.run(context, () => next(request, context));
    };
  });
  return Object.defineProperty(policy, "current", { get: () => storage.getStore() }) as ContextStorage;
}
