import type { Context } from "./context.ts";
import { rejected } from "./errors.ts";
import type { Service } from "./policy.ts";

/**
 * The way out of a call: the pair of handlers that `then` would take.
 *
 * Whoever is within calls one of the two, once, and returns what that returned. Neither throws: a layer that asks
 * somebody else's function what to make of an outcome lets what that throws leave by its own exit.
 */
export interface Exit<in S> {
  succeed(value: S): unknown;
  fail(error: unknown): unknown;
}

/**
 * A service whose caller says by which exit its outcome leaves.
 *
 * A promise for each layer would cost more than all else that policies do: 50 ns. So layers that lie next to each other
 * hand their exits inward, and only the innermost, which has a promise to wait for, calls `then`.
 */
export type Passage<in Q, out S> = (request: Q, context: Context, exit: Exit<S>) => unknown;

const way = /* @__PURE__ */ Symbol("way");

/** A service that knows what it is made of. */
interface Linked<Q, S> extends Service<Q, S> {
  [way]?: { readonly passage: Passage<Q, S>; readonly early: boolean };
}

/**
 * Puts a layer around a service, as a passage: with the layers within and around it that are passages too, it is one
 * service with one promise.
 *
 * @param early whether the layer may let its caller go before what is within it has settled
 */
export function through<Q, S>(
  next: Service<Q, S>,
  layer: (inner: Passage<Q, S>) => Passage<Q, S>,
  early = false,
): Service<Q, S> {
  const within = (next as Linked<Q, S>)[way];
  const passage = layer(within?.passage ?? passageOf(next));
  const made = { passage, early: early || within?.early === true };
  const service: Linked<Q, S> = made.early
    ? (request, context) =>
        new Promise<S>((succeed, fail) => {
          passage(request, context, { succeed, fail });
        })
    : // Nothing leaves before the innermost promise settles, so the one that its `then` makes is the caller's.
      (request, context) => pass(passage, request, context, asItIs) as Promise<S>;
  service[way] = made;
  return service;
}

/** The passage of any service. */
export function passageOf<Q, S>(service: Service<Q, S>): Passage<Q, S> {
  return (
    (service as Linked<Q, S>)[way]?.passage ??
    ((request, context, exit) => leave(service(request, context), exit))
  );
}

/** Calls what is within; what it throws before it has let anything out leaves by the exit, too. */
export function pass<Q, S>(inner: Passage<Q, S>, request: Q, context: Context, exit: Exit<S>): unknown {
  try {
    return inner(request, context, exit);
  } catch (error) {
    return exit.fail(error);
  }
}

/** Lets the outcome of a promise out. */
export function leave<S>(answer: Promise<S>, exit: Exit<S>): Promise<unknown> {
  return answer.then(
    (value) => exit.succeed(value),
    (error: unknown) => exit.fail(error),
  );
}

const asItIs: Exit<unknown> = { succeed: (value) => value, fail: rejected };
