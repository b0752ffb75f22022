import { bound } from "./bound.ts";
import type { CallOptions } from "./call.ts";
import { Context } from "./context.ts";
import { OwnTimers } from "./deadlines.ts";
import type { Recipe } from "./description.ts";
import { rejected } from "./errors.ts";
import { callable } from "./options.ts";
import type { Layer, Operation, Policy, Service, Wrapped } from "./policy.ts";

/** The one implementation of a policy. What policies add to it (a circuit's `state`) is put on the value. */
export class LayeredPolicy implements Policy {
  readonly recipe: Recipe;
  readonly layer: Layer;
  #operate: Service<Operation<unknown>, unknown> | undefined;

  constructor(recipe: Recipe, layer: Layer) {
    this.recipe = recipe;
    this.layer = layer;
  }

  wrap<Q, S>(service: Service<Q, S>): Wrapped<Q, S> {
    const linked = this.layer(innermost(callable(service, "wrap: service")));
    return function wrapped(request, options) {
      return enter(linked, request, options);
    };
  }

  execute<S>(operation: Operation<S>, options?: CallOptions | Context): Promise<S> {
    // The operation travels as the request, which no layer of a `Policy<void>` looks at, so the chain is linked once.
    this.#operate ??= this.layer(innermost((operation: Operation<unknown>, context) => operation(context)));
    return enter(this.#operate as Service<Operation<S>, S>, operation, options);
  }
}

/** Begins a call: from here on, all that goes wrong is a rejected promise. */
function enter<Q, S>(
  linked: Service<Q, S>,
  request: Q,
  options: CallOptions | Context | undefined,
): Promise<S> {
  try {
    const context = Context.begin(options);
    const leg = context.parent;
    // Nothing can end the call from outside, so nobody need let go of anything.
    if (leg === undefined) return linked(request, context);
    if (leg.aborted) return rejected(leg.reason);
    return linked(request, context).then(
      (value) => {
        leg.settle(value, true);
        return value;
      },
      (error: unknown) => {
        // What the caller aborted with comes out as it is, whatever the service made of it.
        const reason = leg.aborted ? leg.reason : error;
        leg.settle(undefined);
        throw reason;
      },
    );
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * The innermost step: counts that the request goes out, ends it at the caller's deadline where no timeout does, and makes
 * a promise of whatever the service does.
 */
function innermost<Q, S>(service: Service<Q, S>): Service<Q, S> {
  function send(request: Q, context: Context): Promise<S> {
    context.call.sends++;
    try {
      const answer = service(request, context);
      return answer instanceof Promise ? answer : Promise.resolve(answer);
    } catch (error) {
      return Promise.reject(error);
    }
  }
  return function sendInTime(request, context) {
    if (context.bounded || context.deadline === Infinity) return send(request, context);
    return bound(send, request, context, Infinity, new OwnTimers(context.environment.clock));
  };
}
