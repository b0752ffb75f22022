import { circuitBreaker, compose, environment, isRejected, sharedBy } from "ninelives";
import { seededRandom } from "ninelives/testing";
import { coordinate, type SharedRecord } from "../../src/state/coordinator.ts";
import { quantile } from "./random.ts";
import { VirtualTime } from "./virtual-time.ts";

/** What became of a fleet whose every call was made. Times in milliseconds. */
export interface WholeRun {
  /** Reports a second when nothing happens. */
  readonly calm: number;
  /** From the first isolate that refuses to the refusal in each. */
  readonly refusal: { readonly median: number; readonly p99: number };
  /** Calls that reached the dead origin. */
  readonly wasted: number;
  /** From the origin's return until half of the isolates let calls through. */
  readonly recovery: number;
}

/**
 * A fleet through the death of its origin with the policies themselves and every call made: what `runFleet` draws is
 * checked against it.
 */
export async function runWhole(isolates: number, dead: number, seed: number): Promise<WholeRun> {
  const random = seededRandom(seed);
  const time = new VirtualTime();
  const startFor = Math.max(2_000, (isolates * 1_000) / 50);
  const settled = startFor + 20_000;
  const diesAt = settled + 10_000;
  const livesAt = diesAt + dead;
  const down = (): boolean => time.now >= diesAt && time.now < livesAt;
  const way = (): number => 20 + random() * 60;
  let record: SharedRecord | undefined;
  let calm = 0;
  let wasted = 0;
  let passing = 0;
  const refusedAt = new Array<number>(isolates).fill(Infinity);
  const passedAt = new Array<number>(isolates).fill(Infinity);

  const shared = sharedBy({
    sync: (_, report) =>
      new Promise((resolve) => {
        time.after(way(), () => {
          if (time.now >= settled && time.now < diesAt) calm++;
          const [after, view] = coordinate(record, report, time.now);
          record = after;
          time.after(way(), () => resolve(view));
        });
      }),
  });
  for (let isolate = 0; isolate < isolates; isolate++) {
    const call = compose(
      environment({ clock: time.clock(), random: seededRandom(seed * 1e6 + isolate) }),
      circuitBreaker({ name: "origin", shared }),
    ).wrap(
      () =>
        new Promise<void>((resolve, reject) => {
          const fails = down();
          if (fails) wasted++;
          else if (time.now >= livesAt && passedAt[isolate] === Infinity) {
            passedAt[isolate] = time.now;
            passing++;
          }
          time.after(10, () => (fails ? reject(new Error("dead")) : resolve()));
        }),
    );
    const next = (): void => {
      call(undefined).catch((error: unknown) => {
        if (isRejected(error) && refusedAt[isolate] === Infinity) refusedAt[isolate] = time.now;
      });
      if (passing < isolates) time.after(-Math.log(1 - random()) * 10, next);
    };
    time.after(random() * startFor, next);
  }
  await time.run(livesAt + 120_000);
  const first = Math.min(...refusedAt);
  const refusal = refusedAt.map((at) => at - first);
  return {
    calm: (calm * 1_000) / (diesAt - settled),
    refusal: { median: quantile(refusal, 0.5), p99: quantile(refusal, 0.99) },
    wasted,
    recovery: quantile(
      passedAt.map((at) => at - livesAt),
      0.5,
    ),
  };
}
