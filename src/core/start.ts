import type { Context } from "./context.ts";
import type { Service } from "./policy.ts";

/** Calls a service; what it throws at once is a rejected promise like any other. */
export function start<Q, S>(service: Service<Q, S>, request: Q, context: Context): Promise<S> {
  try {
    return service(request, context);
  } catch (error) {
    return Promise.reject(error);
  }
}
