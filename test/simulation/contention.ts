import {
  type AnyBackoff,
  compose,
  constant,
  environment,
  exponential,
  type Jitter,
  type RetryOptions,
  retry,
} from "ninelives";
import { ManualClock, seededRandom } from "ninelives/testing";
import { normal } from "./random.ts";

/** How a client waits between its tries. */
export interface Strategy {
  readonly name: string;
  readonly backoff: AnyBackoff;
  readonly jitter: Jitter;
}

const backoff = exponential("5ms");

/** Base 5 ms and cap 2 s, as in the article. */
export const strategies: readonly Strategy[] = [
  { name: "no back-off", backoff: constant(0), jitter: "none" },
  { name: "no jitter", backoff, jitter: "none" },
  { name: "± 30 %", backoff, jitter: 0.3 },
  { name: "equal", backoff, jitter: "equal" },
  { name: "full", backoff, jitter: "full" },
  { name: "decorrelated", backoff, jitter: "decorrelated" },
];

export interface Contention {
  /** Calls of the service by all clients: a read and a write for each try. */
  readonly calls: number;
  /** Milliseconds until the last client was done. */
  readonly completion: number;
  /** What must hold and did not. */
  readonly violations: readonly string[];
}

class Conflict extends Error {}

/**
 * Clients that all want to change one row under an optimistic lock, all at once: each reads the version and writes with
 * it, and begins anew when somebody else was faster.
 *
 * Source: Exponential Backoff and Jitter, AWS Architecture Blog, 2015; its network takes 10 ± 2 ms a way.
 */
export async function contend(
  clients: number,
  { backoff, jitter }: Strategy,
  seed: number,
): Promise<Contention> {
  const clock = new ManualClock();
  const random = seededRandom(seed);
  const options: RetryOptions = { attempts: 100_000, backoff, jitter, maximumDelay: "2s" };
  const policy = compose(environment({ clock, random }), retry(options));
  let version = 0;
  let calls = 0;
  let done = 0;
  let completion = 0;

  const way = (): Promise<void> =>
    new Promise((resolve) => {
      clock.setTimer(resolve, Math.max(0, normal(random, 10, 2)));
    });
  /** A call of the service, which takes no time beside its ways. */
  const call = async <T>(serve: () => T): Promise<T> => {
    calls++;
    await way();
    const answer = serve();
    await way();
    return answer;
  };
  const change = async (): Promise<void> => {
    const read = await call(() => version);
    const written = await call(() => {
      if (version !== read) return false;
      version++;
      return true;
    });
    if (!written) throw new Conflict();
  };

  for (let client = 0; client < clients; client++) {
    policy.execute(change).then(
      () => {
        done++;
        completion = clock.now();
      },
      () => {},
    );
  }
  const patience = 3_600_000;
  while (done < clients && clock.now() < patience) await clock.advance(1_000);

  const violations: string[] = [];
  if (done !== clients) violations.push(`${clients - done} of ${clients} clients were never done`);
  if (version !== done)
    violations.push(`${done} clients were done, but the row was changed ${version} times`);
  if (clock.pending > 0) violations.push(`${clock.pending} timers were left over`);
  return { calls, completion, violations };
}
