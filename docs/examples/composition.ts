/**
 * Nesting needs no options: the outer timeout bounds the whole, the inner one each attempt.
 *
 * Run it: node docs/examples/composition.ts (after npm run build)
 */
import { circuitBreaker, compose, constant, format, retry, timeout } from "ninelives";

const policy = compose(
  timeout("2s"), // altogether
  retry({ attempts: 3, backoff: constant("10ms") }),
  circuitBreaker({ consecutiveFailures: 5 }),
  timeout("500ms"), // each attempt
);

let calls = 0;
const flaky = async (name: string): Promise<string> => {
  if (++calls < 3) throw new Error("connection reset");
  return `hello, ${name}`;
};

const greet = policy.wrap(flaky);

console.log(await greet("cat")); //=> hello, cat
console.log(`${calls} calls`); //=> 3 calls
console.log(format(policy)); //=> timeout(2s) + retry(3, backoff: constant(10ms)) + circuitBreaker(consecutiveFailures: 5) + timeout(500ms)
