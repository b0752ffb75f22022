import {
  compose,
  environment,
  hedge,
  identity,
  type Policy,
  percentile,
  type Random,
  retryBudget,
} from "ninelives";
import { ManualClock, recordingSink, seededRandom } from "ninelives/testing";
import { normal, pareto, quantile } from "./random.ts";

/** How long an origin takes to answer, in milliseconds. */
export interface Origin {
  readonly name: string;
  latency(random: Random): number;
}

const usual = (random: Random): number => Math.exp(normal(random, Math.log(20), 0.3));
const stuck = (random: Random): number => Math.min(5_000, pareto(random, 200, 1.2));

export const origins: readonly Origin[] = [
  { name: "one call in fifty is stuck", latency: (random) => (random() < 0.02 ? stuck : usual)(random) },
  { name: "every other call is stuck", latency: (random) => (random() < 0.5 ? stuck : usual)(random) },
];

export interface Hedging {
  readonly name: string;
  /** A policy of its own for each run: it remembers. */
  readonly policy: () => Policy;
  /** Calls that it may send for one request, at most and on the average. */
  readonly most: number;
}

const later = (share: number) => percentile(share, { initial: "100ms" });

export const hedgings: readonly Hedging[] = [
  { name: "no hedge", policy: () => identity, most: 1 },
  { name: "after 100 ms", policy: () => hedge("100ms"), most: 2 },
  { name: "after p99", policy: () => hedge({ after: later(0.99) }), most: 2 },
  { name: "after p95", policy: () => hedge({ after: later(0.95) }), most: 2 },
  { name: "after p95, two hedges", policy: () => hedge({ after: later(0.95), hedges: 2 }), most: 3 },
  {
    name: "after p95, budget of 10 %",
    policy: () => hedge({ after: later(0.95), budget: retryBudget({ ratio: 0.1 }) }),
    // The window of the budget may turn at the end of the run; its minimum is for services with little traffic.
    most: 1.12,
  },
];

export interface LongTail {
  /** Calls that the origin got for each request. */
  readonly callsPerRequest: number;
  /** Milliseconds, by quantile. */
  readonly latencies: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

export const quantiles: readonly number[] = [0.5, 0.9, 0.95, 0.99, 0.995, 0.999];

/** Requests one after the other, 5 ms apart on the average, to an origin that answers each after a time by chance. */
export async function serve(
  requests: number,
  origin: Origin,
  hedging: Hedging,
  seed: number,
): Promise<LongTail> {
  const clock = new ManualClock();
  const random = seededRandom(seed);
  const sink = recordingSink();
  const took: number[] = [];
  const violations: string[] = [];
  let calls = 0;
  let aborted = 0;
  const call = compose(environment({ clock, random, sink }), hedging.policy()).wrap(
    (request: number, { signal }) =>
      new Promise<number>((resolve, reject) => {
        calls++;
        const timer = clock.setTimer(() => resolve(request), origin.latency(random));
        signal.addEventListener("abort", () => {
          aborted++;
          clock.clearTimer(timer);
          reject(signal.reason);
        });
      }),
  );
  for (let request = 0; request < requests; request++) {
    const began = clock.now();
    call(request).then((answer) => {
      if (answer !== request) violations.push(`request ${request} got the answer to ${answer}`);
      took.push(clock.now() - began);
    });
    await clock.advance(-5 * Math.log(1 - random()));
  }
  await clock.advance(10_000);

  const callsPerRequest = calls / requests;
  if (took.length !== requests) violations.push(`${requests - took.length} requests got no answer`);
  if (callsPerRequest > hedging.most)
    violations.push(`${callsPerRequest} calls a request, of ${hedging.most}`);
  if (calls - requests !== sink.of("hedge.started").length)
    violations.push("hedges were made that no event tells of");
  if (aborted !== calls - requests) violations.push(`${aborted} of ${calls - requests} losers were aborted`);
  if (clock.pending > 0) violations.push(`${clock.pending} timers were left over`);
  return {
    callsPerRequest,
    latencies: Object.fromEntries(quantiles.map((q) => [`p${q * 100}`, quantile(took, q)])),
    violations,
  };
}
