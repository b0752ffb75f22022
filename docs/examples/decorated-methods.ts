/** Policies around methods, and the context found again where nobody passed it on. Needs a compiler that lowers decorators. */
import { AsyncLocalStorage } from "node:async_hooks";
import { type Context, compose, constant, contextStorage, resilient, retry, timeout } from "ninelives";

const calls = contextStorage(new AsyncLocalStorage<Context>());
const careful = compose(timeout("1s"), retry({ attempts: 3, backoff: constant("1ms") }), calls);

/** Far from the policy, and yet it knows the attempt and would hand the signal on. */
async function query(sql: string): Promise<string> {
  await Promise.resolve();
  const { attempt = 0, signal } = calls.current ?? {};
  console.log(`attempt ${attempt}, ${signal === undefined ? "no signal" : "with a signal"}`);
  if (attempt < 2) throw new Error("deadlock");
  return `${sql}: 3 rows`;
}

class Orders {
  readonly #table = "orders";

  @resilient(careful)
  async open(): Promise<string> {
    return query(`select * from ${this.#table}`);
  }
}

console.log(await new Orders().open());
//=> attempt 1, with a signal
//=> attempt 2, with a signal
//=> select * from orders: 3 rows
