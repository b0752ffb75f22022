import { compose, type Policy } from "../core/policy.ts";
import { bulkhead } from "./bulkhead.ts";
import { type CircuitBreakerOptions, circuitBreaker } from "./circuit-breaker.ts";
import { retry } from "./retry.ts";
import { timeout } from "./timeout.ts";

/**
 * What most callers of a service over HTTP want: `bulkhead(1000) + timeout(30s) + retry(3) + circuitBreaker() +
 * timeout(10s)`. Each call makes a policy with state of its own.
 *
 * @param circuit options of its circuit, such as a name or a shared home
 */
export function standard(circuit: CircuitBreakerOptions = {}): Policy {
  return compose(bulkhead(1000), timeout("30s"), retry(3), circuitBreaker(circuit), timeout("10s"));
}
