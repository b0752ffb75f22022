import { having } from "../core/options.ts";
import type { Policy } from "../core/policy.ts";
import type { ContextStorage } from "./context-storage.ts";

/** Puts a policy around a method. */
export type MethodDecorator<S> = <This, Args extends unknown[], R extends S>(
  method: (this: This, ...args: Args) => Promise<R>,
  context: ClassMethodDecoratorContext<This, (this: This, ...args: Args) => Promise<R>>,
) => (this: This, ...args: Args) => Promise<R>;

/**
 * Puts a policy around a method, as a standard (TC39) decorator.
 *
 * The method keeps its name and its length. All instances share the policy's state. To hand the signal on, the method reads it from a `contextStorage` that is
 * part of the policy; given here too, it makes a method that is called within another call a part of that one.
 *
 * @throws TypeError that quotes what is no policy
 * @example
 * class Prices {
 *   @resilient(compose(timeout("2s"), retry(3)))
 *   async of(product: string): Promise<number> {
 *     return (await fetch(`https://prices.example/${product}`)).json();
 *   }
 * }
 */
export function resilient<S>(policy: Policy<void, S>, calls?: ContextStorage): MethodDecorator<S> {
  having<Policy<void, S>>("execute", "a policy")(policy, "resilient: policy");
  return (method) => {
    const wrapped: typeof method = function (...args) {
      return policy.execute(() => method.apply(this, args), calls?.current);
    };
    const { name, length } = method;
    return Object.defineProperties(wrapped, { name: { value: name }, length: { value: length } });
  };
}
