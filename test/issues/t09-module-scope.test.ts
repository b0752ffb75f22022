// cockatiel and opossum set timers, read clocks or make AbortControllers when they are imported or constructed, which
// Workers refuse at module scope.
import {
  adaptive,
  answer,
  bulkhead,
  circuitBreaker,
  compose,
  environment,
  exponential,
  fallback,
  format,
  identity,
  keyed,
  orElse,
  parse,
  policy,
  race,
  retry,
  sharedBy,
  standard,
  timeout,
} from "ninelives";
import { expect, it } from "vitest";

const forbidden = [
  "setTimeout",
  "setInterval",
  "clearTimeout",
  "queueMicrotask",
  "fetch",
  "AbortController",
  "FinalizationRegistry",
  "Date",
  "performance",
  "crypto",
] as const;

/** Runs something while the platform's globals throw. */
function atModuleScope<T>(run: () => T): T {
  const kept = forbidden.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  const { random } = Math;
  const refuse = (name: string) =>
    function used(): never {
      throw new Error(`${name} was used at module scope`);
    };
  try {
    for (const name of forbidden) {
      Object.defineProperty(globalThis, name, {
        configurable: true,
        get: name === "performance" || name === "crypto" ? refuse(name) : () => refuse(name),
      });
    }
    Math.random = refuse("Math.random");
    return run();
  } finally {
    Math.random = random;
    for (const [name, descriptor] of kept) {
      if (descriptor === undefined) delete (globalThis as Record<string, unknown>)[name];
      else Object.defineProperty(globalThis, name, descriptor);
    }
  }
}

it("T9: everything can be made and wrapped at a Worker's module scope", () => {
  const store = sharedBy({ sync: () => Promise.reject(new Error("never")) });
  const wrapped = atModuleScope(() => {
    const all = compose(
      environment({ name: "module" }),
      keyed((name) => circuitBreaker({ name, window: "10s", slowCall: "1s", shared: store })),
      orElse(race(retry({ attempts: adaptive(3), backoff: exponential("50ms") }), timeout("1s")), identity),
      bulkhead({ limit: 10, queue: 10, maximumWait: "1s" }),
      fallback<unknown>("stale") as typeof identity,
      parse("timeout(1s) + retry(3, backoff: exponential(10ms))"),
      policy`${standard()} | ${answer<unknown>("stale")}`,
    );
    format(compose(standard(), timeout(5)));
    return all.wrap(async () => "ok");
  });
  expect(typeof wrapped).toBe("function");
});

it("T9: what was made there works at the first call", async () => {
  const wrapped = atModuleScope(() => compose(standard(), timeout("1s")).wrap(async () => "ok"));
  expect(await wrapped(undefined)).toBe("ok");
});
