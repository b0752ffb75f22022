/** Where events go: to two sinks at once, filtered, by sample, and to a second collector when the first one is down. */
import { compose, definePolicyFor, environment, orElse, retry, type Service } from "ninelives";
import {
  batch,
  type EventBatch,
  filtered,
  isAtLeast,
  memorySink,
  multicast,
  sampled,
} from "ninelives/telemetry";

const delivered: string[] = [];

/** A collector, of which `overHttp` and `otlp` make real ones: a service over batches, as everything is one. */
const collector =
  (name: string, isUp = true): Service<EventBatch, unknown> =>
  async ({ events }) => {
    if (!isUp) throw new Error(`${name} is down`);
    delivered.push(...events.map(({ type }) => `${name}: ${type}`));
  };

/** A branch that delivers to a collector of its own. */
const insteadTo = (deliver: Service<EventBatch, unknown>) =>
  definePolicyFor<EventBatch, unknown>("insteadTo", () => deliver);

// One after the other: the second collector gets what the first one does not take.
const spare = batch({
  deliver: collector("first", false),
  policy: orElse(retry(2), insteadTo(collector("second"))),
  source: "node",
});
// Both at once: all that warns to the collector, and a tenth of the rest, and the last hundred events for whoever asks.
const recent = memorySink(100);
const problems = filtered((event) => isAtLeast(event, "warn"), recent);
const sink = multicast(
  sampled(0.1, spare, () => 0.5),
  problems,
);

const policy = compose(environment({ name: "prices", sink }), retry({ attempts: 2, backoff: () => 1 }));
await policy.execute(async () => "fine");
await policy.execute(() => Promise.reject(new Error("down"))).catch(() => {});
await spare.flush();

console.log(recent.events.map(({ type }) => type)); //=> [ 'retry.exhausted', 'request.failed' ]
console.log(delivered); //=> [ 'second: retry.exhausted', 'second: request.failed' ]
