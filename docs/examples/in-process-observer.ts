/** An observer within the program: what its policies do, to be asked for, without a Worker that one would send it to. */
import { bulkhead, circuitBreaker, compose, constant, environment, retry } from "ninelives";
import { metricsOf, Observer } from "ninelives/observer";
import { batch, prometheusText } from "ninelives/telemetry";

const observer = new Observer(Date.now());
const sink = batch({
  source: "node",
  maximumAge: 100,
  deliver: async (events) => observer.fold(events, Date.now()),
});
const prices = compose(
  environment({ name: "prices", sink }),
  bulkhead(4),
  retry({ attempts: 2, backoff: constant(0) }),
  circuitBreaker({ name: "prices", consecutiveFailures: 4, openFor: "1m" }),
);

for (let call = 0; call < 8; call++) await prices.execute(async () => "12.50");
const down = async (): Promise<never> => {
  throw new Error("down");
};
for (let call = 0; call < 2; call++) await prices.execute(down).catch(() => {});
await sink.flush();

const now = Date.now();
console.log(observer.getErrorRate("prices", "5m", now)); //=> 0.2
console.log(observer.getCircuitState("prices")); //=> open
const state = observer.getPolicyState("prices", now);
const { requests = 0, amplification, active } = state?.windows["5m"] ?? {};
console.log(`${requests} calls, ${amplification} sends for each`); //=> 10 calls, 1.2 sends for each
console.log(`${active} of ${state?.limits.concurrency} at once`); //=> 1 of 4 at once
console.log(observer.getSystemState(now).policies.map(({ policy }) => policy)); //=> [ 'prices' ]

// What nobody told of is unknown, which is not zero.
console.log(observer.getErrorRate("stock", "5m", now), observer.getPolicyState("stock", now)); //=> null undefined

// The same for Prometheus, where the program has a page of its own for it.
const opened =
  'resilience_circuit_breaker_state_transitions_total{policy="prices",circuit="prices",to="open"} 1';
console.log(prometheusText(metricsOf(observer, Date.now())).includes(opened)); //=> true
