/**
 * Policies for what people usually call. Each call makes one with state of its own: make it once and share the value.
 *
 * All take the options of their circuit, such as a name or a shared home.
 */
import type { Duration } from "../core/duration.ts";
import { compose, type Policy } from "../core/policy.ts";
import { exponential } from "./backoff.ts";
import { retryBudget } from "./budget.ts";
import { bulkhead } from "./bulkhead.ts";
import { circuitBreaker } from "./circuit-breaker.ts";
import type { CircuitBreakerOptions } from "./circuit-options.ts";
import { retry } from "./retry.ts";
import { timeout } from "./timeout.ts";

/**
 * What most callers of a service over HTTP want: `bulkhead(1000) + timeout(30s) + retry(3) + circuitBreaker +
 * timeout(10s)`.
 *
 * @param circuit options of its circuit, such as a name or a shared home
 */
export function standard(circuit: CircuitBreakerOptions = {}): Policy {
  return compose(bulkhead(1000), timeout("30s"), retry(3), circuitBreaker(circuit), timeout("10s"));
}

/** A service of one's own over HTTP: 5 s in all, 3 attempts, a circuit that opens for 30 s after 10 failures in a row. */
export function webService(circuit: CircuitBreakerOptions = {}): Policy {
  return compose(
    timeout("5s"),
    retry(3),
    circuitBreaker({ consecutiveFailures: 10, openFor: "30s", ...circuit }),
    bulkhead(100),
  );
}

/** A database through a pool: 10 s, 50 calls at a time, a circuit that opens for 60 s after 5 failures; no retry. */
export function databaseClient(circuit: CircuitBreakerOptions = {}): Policy {
  return compose(
    timeout("10s"),
    circuitBreaker({ consecutiveFailures: 5, openFor: "60s", ...circuit }),
    bulkhead(50),
  );
}

/** A service of somebody else: 15 s in all, 5 patient attempts, a circuit that opens for 120 s after 15 failures. */
export function externalApi(circuit: CircuitBreakerOptions = {}): Policy {
  return compose(
    timeout("15s"),
    retry({ attempts: 5, backoff: exponential("500ms") }),
    circuitBreaker({ consecutiveFailures: 15, openFor: "120s", ...circuit }),
    bulkhead(20),
  );
}

/** A cache that is of no use when it is slow: 100 ms. */
export function fastCache(): Policy {
  return timeout("100ms");
}

/**
 * Messages that should arrive: up to 20 attempts in a minute, as far as a budget bears them, 50 at a time.
 *
 * Neither without end nor 999 times: what has not arrived within a minute belongs in an outbox.
 */
export function messageProducer(): Policy {
  return compose(
    timeout("1m"),
    retry({ attempts: 20, backoff: exponential("200ms"), budget: retryBudget() }),
    bulkhead(50),
  );
}

/** A gRPC service: 30 s in all, 4 attempts, a circuit that opens for 60 s after 5 failures in a row. */
export function grpc(circuit: CircuitBreakerOptions = {}): Policy {
  return guarded({ consecutiveFailures: 5, openFor: "60s" }, circuit, "30s", 4);
}

/** A database: 10 s, one attempt, a circuit that opens for 30 s after 10 failures in a row. */
export function database(circuit: CircuitBreakerOptions = {}): Policy {
  return guarded({ consecutiveFailures: 10, openFor: "30s" }, circuit, "10s", 1);
}

/** Redis: 5 s in all, 3 attempts, a circuit that opens for 15 s after 3 failures in a row. */
export function redis(circuit: CircuitBreakerOptions = {}): Policy {
  return guarded({ consecutiveFailures: 3, openFor: "15s" }, circuit, "5s", 3);
}

/** An HTTP service of somebody else: 60 s in all, 6 attempts, a circuit that opens for 120 s after 5 failures. */
export function httpExternal(circuit: CircuitBreakerOptions = {}): Policy {
  return guarded({ consecutiveFailures: 5, openFor: "120s" }, circuit, "60s", 6);
}

/** A Kafka producer: 5 s in all, 4 attempts, a circuit that opens for 30 s after 5 failures in a row. */
export function kafka(circuit: CircuitBreakerOptions = {}): Policy {
  return guarded({ consecutiveFailures: 5, openFor: "30s" }, circuit, "5s", 4);
}

/** An object store: 120 s in all, 6 attempts, a circuit that opens for 60 s after 5 failures in a row. */
export function objectStorage(circuit: CircuitBreakerOptions = {}): Policy {
  return guarded({ consecutiveFailures: 5, openFor: "60s" }, circuit, "120s", 6);
}

/** A circuit around a total time around retries. */
function guarded(
  usual: CircuitBreakerOptions,
  circuit: CircuitBreakerOptions,
  total: Duration,
  attempts: number,
): Policy {
  const guard = compose(circuitBreaker({ ...usual, successesToClose: 2, ...circuit }), timeout(total));
  if (attempts === 1) return guard;
  const backoff = exponential("100ms");
  return compose(guard, retry({ attempts, backoff, jitter: 0.3, maximumDelay: "10s" }));
}
