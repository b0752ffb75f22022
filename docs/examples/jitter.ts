/**
 * Why jitter: 100 clients that failed at the same moment, and when they come back.
 *
 * On a clock that stands still between timers, so that it takes no time and always prints the same.
 */
import { compose, environment, exponential, type Jitter, retry } from "ninelives";
import { ManualClock, seededRandom } from "ninelives/testing";

/** The largest number of second attempts within the same 10 ms. */
async function herd(jitter: Jitter): Promise<number> {
  const clock = new ManualClock();
  const policy = compose(
    environment({ clock, random: seededRandom(9) }),
    retry({ attempts: 2, backoff: exponential("1s"), jitter }),
  );
  const arrivals = new Map<number, number>();
  const clients = Array.from({ length: 100 }, () =>
    policy.execute(async ({ attempt }) => {
      if (attempt === 1) throw new Error("overloaded");
      const slot = Math.floor(clock.now() / 10);
      arrivals.set(slot, (arrivals.get(slot) ?? 0) + 1);
    }),
  );
  await clock.advance(10_000);
  await Promise.all(clients);
  return Math.max(...arrivals.values());
}

console.log("none:", await herd("none")); //=> none: 100
console.log("±30 % stays below 10:", (await herd(0.3)) < 10); //=> ±30 % stays below 10: true
console.log("full stays below 10:", (await herd("full")) < 10); //=> full stays below 10: true
console.log("decorrelated stays below 10:", (await herd("decorrelated")) < 10); //=> decorrelated stays below 10: true
